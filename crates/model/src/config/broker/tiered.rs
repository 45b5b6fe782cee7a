//! Tiered storage (KIP-405).

use crate::config::key::{ConfigKey, Valid, boolean, double, int, long, string};

#[rustfmt::skip] // a table, a key a line
pub(super) const KEYS: &[ConfigKey] = &[
    boolean("remote.log.storage.system.enable").default("false").refused("tiered storage is not there yet, and records that should move would fill the disk; remove it", "Closed segments move to other storage."),
    string("remote.log.storage.manager.class.name").valid(Valid::NotEmpty).later("tiered storage", "The class that stores segments elsewhere."),
    string("remote.log.storage.manager.class.path").later("tiered storage", "Where that class is."),
    string("remote.log.storage.manager.impl.prefix").default("rsm.config.").valid(Valid::NotEmpty).later("tiered storage", "The prefix of that class's own configs."),
    string("remote.log.metadata.manager.class.name").default("org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager").valid(Valid::NotEmpty).later("tiered storage", "The class that remembers where segments are."),
    string("remote.log.metadata.manager.class.path").later("tiered storage", "Where that class is."),
    string("remote.log.metadata.manager.impl.prefix").default("rlmm.config.").valid(Valid::NotEmpty).later("tiered storage", "The prefix of that class's own configs."),
    string("remote.log.metadata.manager.listener.name").valid(Valid::NotEmpty).later("tiered storage", "The listener that class uses."),
    int("remote.log.metadata.custom.metadata.max.bytes").default("128").at_least(0).later("tiered storage", "The largest note that a segment's store may keep with it."),
    long("remote.log.index.file.cache.total.size.bytes").default("1073741824").at_least(1).dynamic().later("tiered storage", "Disk space for indexes of remote segments."),
    long("remote.log.index.file.cache.ttl.ms").default("900000").at_least(-1).hidden().later("tiered storage", "How long an unused index of a remote segment stays."),
    int("remote.log.manager.thread.pool.size").default("2").at_least(1).later("tiered storage", "Threads for scheduled work of tiered storage."),
    int("remote.log.manager.copier.thread.pool.size").default("10").at_least(1).dynamic().later("tiered storage", "Segments that are copied at the same time."),
    int("remote.log.manager.expiration.thread.pool.size").default("10").at_least(1).dynamic().later("tiered storage", "Partitions whose remote segments expire at the same time."),
    int("remote.log.manager.follower.thread.pool.size").default("2").at_least(1).dynamic().later("tiered storage", "Threads for followers' work of tiered storage."),
    long("remote.log.manager.task.interval.ms").default("30000").at_least(1).later("tiered storage", "Time between searches for segments to copy or delete."),
    long("remote.log.manager.task.retry.backoff.ms").default("500").at_least(1).hidden().later("tiered storage", "Rest after the first failed copy."),
    long("remote.log.manager.task.retry.backoff.max.ms").default("30000").at_least(1).hidden().later("tiered storage", "The longest rest between two copies that failed."),
    double("remote.log.manager.task.retry.jitter").default("0.2").valid(Valid::Fraction(0.0, 0.5)).hidden().later("tiered storage", "How much that rest varies at random."),
    long("remote.log.manager.copy.max.bytes.per.second").default("9223372036854775807").at_least(1).dynamic().later("tiered storage", "Copying writes at most so much."),
    int("remote.log.manager.copy.quota.window.num").default("11").at_least(1).later("tiered storage", "Samples over which copying is measured."),
    int("remote.log.manager.copy.quota.window.size.seconds").default("1").at_least(1).later("tiered storage", "The time that one of those samples covers."),
    long("remote.log.manager.fetch.max.bytes.per.second").default("9223372036854775807").at_least(1).dynamic().later("tiered storage", "Remote reads bring at most so much."),
    int("remote.log.manager.fetch.quota.window.num").default("11").at_least(1).later("tiered storage", "Samples over which remote reads are measured."),
    int("remote.log.manager.fetch.quota.window.size.seconds").default("1").at_least(1).later("tiered storage", "The time that one of those samples covers."),
    int("remote.log.reader.threads").default("10").at_least(1).dynamic().later("tiered storage", "Remote reads at the same time."),
    int("remote.log.reader.max.pending.tasks").default("100").at_least(1).later("tiered storage", "Remote reads that may wait."),
    int("remote.fetch.max.wait.ms").default("500").at_least(1).dynamic().later("tiered storage", "How long a fetch waits for a remote read."),
    long("remote.list.offsets.request.timeout.ms").default("30000").at_least(1).dynamic().later("tiered storage", "How long a lookup by time waits for remote storage."),
    boolean("follower.fetch.last.tiered.offset.enable").default("false").dynamic().later("tiered storage", "A new follower starts after what is in remote storage."),
    long("log.local.retention.bytes").default("-2").at_least(-2).dynamic().later("tiered storage", "What stays on local disk of a tiered partition; -2 for as much as retention allows."),
    long("log.local.retention.ms").default("-2").at_least(-2).dynamic().later("tiered storage", "How long segments of a tiered partition stay on local disk; -2 for as long as retention allows."),
];
