//! The metadata quorum.

use crate::config::key::{ConfigKey, boolean, int, list, long, string};

#[rustfmt::skip] // a table, a key a line
pub(super) const KEYS: &[ConfigKey] = &[
    list("controller.listener.names").works("The listeners that are for controllers and not for clients."),
    list("controller.quorum.voters").default("").works("Every voter as id@host:port; on a server of one node, itself."),
    list("controller.quorum.bootstrap.servers").default("").works("Where to look for the quorum: host:port, separated by commas."),
    boolean("controller.quorum.auto.join.enable").default("false").later("clusters of more than one node", "A new controller joins the voters by itself."),
    int("controller.quorum.append.linger.ms").default("25").at_least(0).later("clusters of more than one node", "How long the quorum's leader gathers records before it writes."),
    int("controller.quorum.election.timeout.ms").default("1000").at_least(0).works("A voter without a leader for this long calls an election."),
    int("controller.quorum.election.backoff.max.ms").default("1000").at_least(0).later("clusters of more than one node", "The longest rest between two elections."),
    int("controller.quorum.fetch.timeout.ms").default("2000").at_least(0).works("A leader that hears nothing of a majority, or a voter that hears nothing of its leader, for this long gives it up."),
    int("controller.quorum.fetch.max.bytes").default("1048576").at_least(1).later("clusters of more than one node", "The most that a fetch of the metadata log asks for."),
    int("controller.quorum.fetch.snapshot.max.bytes").default("1048576").at_least(1).later("clusters of more than one node", "The most that a fetch of a metadata snapshot asks for."),
    int("controller.quorum.request.timeout.ms").default("2000").at_least(0).later("clusters of more than one node", "How long to wait for another voter's answer."),
    int("controller.quorum.retry.backoff.ms").default("20").at_least(0).later("clusters of more than one node", "Rest before a request to another voter is sent again."),
    int("controller.socket.timeout.ms").default("30000").later("clusters of more than one node", "How long a broker waits for the controller's answer."),
    long("controller.performance.always.log.threshold.ms").default("2000").at_least(0).hidden().without_effect("slow controller work shows in the metrics", "Controller events slower than this are logged."),
    long("controller.performance.sample.period.ms").default("60000").at_least(100).hidden().without_effect("slow controller work shows in the metrics", "Time between reports of slow controller events."),
    string("metadata.log.dir").later("clusters of more than one node", "Where the metadata log lives; the first of log.dirs when not given."),
    int("metadata.log.segment.bytes").default("1073741824").at_least(8_388_608).later("clusters of more than one node", "Size of a segment of the metadata log."),
    long("metadata.log.segment.ms").default("604800000").later("clusters of more than one node", "Age at which a segment of the metadata log is closed."),
    long("metadata.log.max.record.bytes.between.snapshots").default("20971520").at_least(1).works("Bytes of metadata records after which a snapshot is written."),
    long("metadata.log.max.snapshot.interval.ms").default("3600000").at_least(0).later("clusters of more than one node", "The longest time without a snapshot while there are new records."),
    int("metadata.max.idle.interval.ms").default("500").at_least(0).later("clusters of more than one node", "An idle metadata log gets an empty record this often."),
    long("metadata.max.retention.bytes").default("104857600").later("clusters of more than one node", "Old metadata is deleted while log and snapshots are larger than this."),
    long("metadata.max.retention.ms").default("604800000").later("clusters of more than one node", "Metadata that a snapshot covers is deleted when it is older than this."),
    int("internal.metadata.log.segment.bytes").hidden().later("clusters of more than one node", "Size of a segment of the metadata log in tests."),
    long("internal.metadata.delete.delay.millis").default("60000").hidden().later("clusters of more than one node", "How long deleted files of the metadata log stay, in tests."),
    int("internal.metadata.max.batch.size.in.bytes").default("8388608").hidden().later("clusters of more than one node", "The largest batch of the metadata log in tests."),
];
