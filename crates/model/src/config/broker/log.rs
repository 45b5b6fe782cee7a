//! The partition logs on disk.

use crate::config::key::{ConfigKey, Valid, boolean, int, list, long, string};

#[rustfmt::skip] // a table, a key a line
pub(super) const KEYS: &[ConfigKey] = &[
    list("log.dir").default("/tmp/kafka-logs").works("Where data lives, when log.dirs is not given."),
    list("log.dirs").works("Where data lives: directories, separated by commas."),
    list("cordoned.log.dirs").default("").dynamic().later("several log directories", "Directories that get no new partitions, or * for all."),
    long("log.dir.failure.timeout.ms").default("30000").at_least(1).later("clusters of more than one node", "A broker that cannot tell the controller of a failed directory for this long stops."),
    int("log.segment.bytes").default("1073741824").at_least(1_048_576).dynamic().works("A segment that has reached this size is closed and a new one begun."),
    long("log.roll.ms").dynamic().works("A segment that is this old is closed and a new one begun; log.roll.hours when not given."),
    int("log.roll.hours").default("168").at_least(1).works("The same in hours."),
    long("log.roll.jitter.ms").dynamic().works("Up to this much is taken off log.roll.ms at random, so that not all logs roll at once; log.roll.jitter.hours when not given."),
    int("log.roll.jitter.hours").default("0").at_least(0).works("The same in hours."),
    long("log.retention.ms").dynamic().works("Closed segments whose newest record is older are deleted, -1 for never; log.retention.minutes when not given."),
    int("log.retention.minutes").works("The same in minutes; log.retention.hours when not given."),
    int("log.retention.hours").default("168").works("The same in hours."),
    long("log.retention.bytes").default("-1").dynamic().works("Oldest segments are deleted while a partition is larger than this; -1 for no limit."),
    long("log.retention.check.interval.ms").default("300000").at_least(1).works("Time between searches for segments to delete."),
    list("log.cleanup.policy").default("delete").valid(Valid::EachOf(&["compact", "delete"])).dynamic().works("What happens to old records: delete them, compact them (keep the last value of each key; not there yet, so they stay), or both."),
    long("log.segment.delete.delay.ms").default("60000").at_least(0).dynamic().works("How long the files of a deleted segment stay, renamed, so that readers can finish."),
    int("log.index.size.max.bytes").default("10485760").at_least(4).dynamic().works("The largest size of an offset or time index; a segment whose index is full is closed."),
    int("log.index.interval.bytes").default("4096").at_least(0).dynamic().works("An index gets an entry at least each so many bytes of log."),
    boolean("log.preallocate").default("false").dynamic().later("preallocation", "A new segment's file gets its full size at once."),
    string("log.message.timestamp.type").default("CreateTime").valid(Valid::OneOf(&["CreateTime", "LogAppendTime"])).dynamic().works("Whose clock records carry: the producer's (CreateTime) or the broker's (LogAppendTime)."),
    long("log.message.timestamp.before.max.ms").default("9223372036854775807").at_least(0).dynamic().works("A record whose time is further than this before the broker's clock is refused."),
    long("log.message.timestamp.after.max.ms").default("3600000").at_least(0).dynamic().works("A record whose time is further than this after the broker's clock is refused."),
    long("log.flush.interval.messages").default("1").at_least(1).dynamic().works("1, the default here, puts a record on stable storage before it is acknowledged; any other value leaves it to the page cache and background syncs, as Kafka does by default."),
    long("log.flush.interval.ms").dynamic().works("A log that is not durable is synced when records have waited for this long; log.flush.scheduler.interval.ms when not given."),
    long("log.flush.scheduler.interval.ms").default("9223372036854775807").works("Where log.flush.interval.ms is not given: a log that is not durable is synced when records have waited for this long."),
    int("log.flush.offset.checkpoint.interval.ms").default("60000").at_least(0).without_effect("a recovery point is written when the syncs it stands for are done", "Time between writes of the recovery points, from which a start after a crash scans."),
    int("log.flush.start.offset.checkpoint.interval.ms").default("60000").at_least(0).works("Time between writes of the log start offsets."),
    int("num.recovery.threads.per.data.dir").default("2").at_least(1).dynamic().without_effect("how many logs are opened at the same time follows the machine", "Logs of one directory that are opened at the same time at start."),
    int("background.threads").default("10").at_least(1).dynamic().without_effect("background work is tasks here, not threads of its own", "Threads for work such as deleting files."),
    long("log.initial.task.delay.ms").default("30000").at_least(0).hidden().without_effect("background work begins at its first interval", "How long after the start retention and checkpoints begin."),
    long("thalweg.journal.file.bytes").default("4194304").between(16_384, 1_073_741_824).hidden().works("Size of one file of the journal, through which every durable append goes."),
    long("thalweg.journal.max.bytes").default("1073741824").between(16_384, 1_099_511_627_776).hidden().works("The journal grows up to this in each log directory; when it is full, appends wait for segments to be synced."),
];
