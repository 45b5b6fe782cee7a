//! Consumer groups and their offsets.

use crate::config::key::{ConfigKey, Valid, int, list, long, short, string};

#[rustfmt::skip] // a table, a key a line
pub(super) const KEYS: &[ConfigKey] = &[
    int("group.initial.rebalance.delay.ms").default("3000").works("How long the first rebalance of a new group waits for more members."),
    int("group.min.session.timeout.ms").default("6000").works("The shortest session timeout that a member may ask for."),
    int("group.max.session.timeout.ms").default("1800000").works("The longest session timeout that a member may ask for."),
    int("group.max.size").default("2147483647").at_least(1).works("Most members of one group."),
    list("group.coordinator.rebalance.protocols").default("classic,consumer,streams").valid(Valid::EachOf(&["consumer", "classic", "share", "streams"])).works("The group protocols that are served."),
    int("group.coordinator.threads").default("4").at_least(1).without_effect("a coordinator is a task here, not a thread", "Threads of the group coordinator."),
    int("group.coordinator.background.threads").default("2").at_least(1).without_effect("background work is tasks here, not threads of its own", "Threads for the group coordinator's slow work."),
    int("group.coordinator.append.linger.ms").default("-1").at_least(-1).without_effect("each decision is written at once, and the journal gathers them", "How long the group coordinator gathers records before it writes; -1 to decide by load."),
    int("group.coordinator.cached.buffer.max.bytes").default("1048588").at_least(524_288).dynamic().without_effect("buffers are not kept here", "The largest write buffer that the group coordinator keeps."),
    list("group.consumer.assignors").default("uniform,range").works("Server-side assignors; the first is used when a member names none (KIP-848)."),
    int("group.consumer.session.timeout.ms").default("45000").at_least(1).works("A member that is not heard of for this long is out of its group (KIP-848)."),
    int("group.consumer.min.session.timeout.ms").default("45000").at_least(1).works("The shortest session timeout that a group may set (KIP-848)."),
    int("group.consumer.max.session.timeout.ms").default("60000").at_least(1).works("The longest session timeout that a group may set (KIP-848)."),
    int("group.consumer.heartbeat.interval.ms").default("5000").at_least(1).works("Time between a member's heartbeats (KIP-848)."),
    int("group.consumer.min.heartbeat.interval.ms").default("5000").at_least(1).works("The shortest heartbeat interval that a group may set (KIP-848)."),
    int("group.consumer.max.heartbeat.interval.ms").default("15000").at_least(1).works("The longest heartbeat interval that a group may set (KIP-848)."),
    int("group.consumer.assignment.interval.ms").default("1000").at_least(0).dynamic().works("Shortest time between two assignments of a group (KIP-848)."),
    int("group.consumer.min.assignment.interval.ms").default("0").at_least(0).works("The shortest assignment interval that a group may set (KIP-848)."),
    int("group.consumer.max.assignment.interval.ms").default("15000").at_least(0).works("The longest assignment interval that a group may set (KIP-848)."),
    int("group.consumer.max.size").default("2147483647").at_least(1).works("Most members of one group of the new protocol (KIP-848)."),
    string("group.consumer.migration.policy").default("bidirectional").valid(Valid::OneOfIgnoringCase(&["DISABLED", "DOWNGRADE", "UPGRADE", "BIDIRECTIONAL"])).works("Whether groups change between the old and the new protocol by themselves (KIP-848)."),
    int("group.consumer.regex.refresh.interval.ms").default("600000").at_least(10_000).hidden().works("Time between evaluations of a subscription by pattern."),
    int("offset.metadata.max.bytes").default("4096").works("The longest note that may come with a committed offset."),
    int("offsets.commit.timeout.ms").default("5000").at_least(1).works("How long a commit waits for its replicas."),
    int("offsets.load.buffer.size").default("5242880").at_least(1).without_effect("the coordinator reads as much as its log has", "Bytes read at a time when offsets are loaded."),
    int("offsets.retention.minutes").default("10080").at_least(1).works("Offsets of a group without members are forgotten after this long."),
    long("offsets.retention.check.interval.ms").default("600000").at_least(1).works("Time between searches for offsets to forget."),
    int("offsets.topic.num.partitions").default("50").at_least(1).works("Partitions of __consumer_offsets."),
    short("offsets.topic.replication.factor").default("3").at_least(1).works("Replicas of __consumer_offsets."),
    int("offsets.topic.segment.bytes").default("104857600").at_least(1).works("Size of a segment of __consumer_offsets."),
    int("offsets.topic.compression.codec").default("0").without_effect("these records are small, and are not compressed here", "Codec of __consumer_offsets, by number; 0 for none."),
];
