//! The metadata quorum.

use crate::config::key::{ConfigKey, boolean, int, list, long, string};

#[rustfmt::skip] // a table, a key a line
pub(super) const KEYS: &[ConfigKey] = &[
    list("controller.listener.names").works("The listeners that are for controllers and not for clients."),
    list("controller.quorum.voters").default("").works("Every voter as id@host:port; on a server of one node, itself."),
    list("controller.quorum.bootstrap.servers").default("").works("Where to look for the quorum: host:port, separated by commas."),
    boolean("controller.quorum.auto.join.enable").default("false").later("controllers that join by themselves", "A new controller joins the voters by itself."),
    int("controller.quorum.append.linger.ms").default("25").at_least(0).without_effect("what is decided is written as soon as the write before it is done", "How long the quorum's leader gathers records before it writes."),
    int("controller.quorum.election.timeout.ms").default("1000").at_least(0).works("A voter without a leader for this long calls an election."),
    int("controller.quorum.election.backoff.max.ms").default("1000").at_least(0).without_effect("elections are spread by their timeouts alone", "The longest rest between two elections."),
    int("controller.quorum.fetch.timeout.ms").default("2000").at_least(0).works("A leader that hears nothing of a majority, or a voter that hears nothing of its leader, for this long gives it up."),
    int("controller.quorum.fetch.max.bytes").default("1048576").at_least(1).without_effect("how much is asked for at a time is fixed", "The most that a fetch of the metadata log asks for."),
    int("controller.quorum.fetch.snapshot.max.bytes").default("1048576").at_least(1).without_effect("how much is asked for at a time is fixed", "The most that a fetch of a metadata snapshot asks for."),
    int("controller.quorum.request.timeout.ms").default("2000").at_least(0).without_effect("requests between voters have a fixed time limit", "How long to wait for another voter's answer."),
    int("controller.quorum.retry.backoff.ms").default("20").at_least(0).without_effect("the rest between two attempts is fixed", "Rest before a request to another voter is sent again."),
    int("controller.socket.timeout.ms").default("30000").without_effect("requests to the controller have a fixed time limit", "How long a broker waits for the controller's answer."),
    long("controller.performance.always.log.threshold.ms").default("2000").at_least(0).hidden().without_effect("slow controller work shows in the metrics", "Controller events slower than this are logged."),
    long("controller.performance.sample.period.ms").default("60000").at_least(100).hidden().without_effect("slow controller work shows in the metrics", "Time between reports of slow controller events."),
    string("metadata.log.dir").later("a metadata log outside of log.dirs", "Where the metadata log lives; the first of log.dirs when not given."),
    int("metadata.log.segment.bytes").default("1073741824").at_least(8_388_608).without_effect("the metadata log is one snapshot and one file of what came after it", "Size of a segment of the metadata log."),
    long("metadata.log.segment.ms").default("604800000").without_effect("the metadata log is one snapshot and one file of what came after it", "Age at which a segment of the metadata log is closed."),
    long("metadata.log.max.record.bytes.between.snapshots").default("20971520").at_least(1).works("Bytes of metadata records after which a snapshot is written."),
    long("metadata.log.max.snapshot.interval.ms").default("3600000").at_least(0).without_effect("snapshots are taken by size", "The longest time without a snapshot while there are new records."),
    int("metadata.max.idle.interval.ms").default("500").at_least(0).without_effect("an idle metadata log is not written to", "An idle metadata log gets an empty record this often."),
    long("metadata.max.retention.bytes").default("104857600").without_effect("a new snapshot takes the place of all before it", "Old metadata is deleted while log and snapshots are larger than this."),
    long("metadata.max.retention.ms").default("604800000").without_effect("a new snapshot takes the place of all before it", "Metadata that a snapshot covers is deleted when it is older than this."),
    int("internal.metadata.log.segment.bytes").hidden().without_effect("the metadata log is one snapshot and one file of what came after it", "Size of a segment of the metadata log in tests."),
    long("internal.metadata.delete.delay.millis").default("60000").hidden().without_effect("files of the metadata log that nobody needs are deleted at once", "How long deleted files of the metadata log stay, in tests."),
    int("internal.metadata.max.batch.size.in.bytes").default("8388608").hidden().without_effect("the size of a batch of the metadata log is fixed", "The largest batch of the metadata log in tests."),
];
