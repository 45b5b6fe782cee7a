//! Streams groups (KIP-1071).

use crate::config::key::{ConfigKey, int};

#[rustfmt::skip] // a table, a key a line
pub(super) const KEYS: &[ConfigKey] = &[
    int("group.streams.session.timeout.ms").default("45000").at_least(1).later("streams groups", "A member that is not heard of for this long is out of its group."),
    int("group.streams.min.session.timeout.ms").default("45000").at_least(1).later("streams groups", "The shortest session timeout that a group may set."),
    int("group.streams.max.session.timeout.ms").default("60000").at_least(1).later("streams groups", "The longest session timeout that a group may set."),
    int("group.streams.heartbeat.interval.ms").default("5000").at_least(1).later("streams groups", "Time between a member's heartbeats."),
    int("group.streams.min.heartbeat.interval.ms").default("5000").at_least(1).later("streams groups", "The shortest heartbeat interval that a group may set."),
    int("group.streams.max.heartbeat.interval.ms").default("15000").at_least(1).later("streams groups", "The longest heartbeat interval that a group may set."),
    int("group.streams.assignment.interval.ms").default("1000").at_least(0).dynamic().later("streams groups", "Shortest time between two assignments of a group."),
    int("group.streams.min.assignment.interval.ms").default("0").at_least(0).later("streams groups", "The shortest assignment interval that a group may set."),
    int("group.streams.max.assignment.interval.ms").default("15000").at_least(0).later("streams groups", "The longest assignment interval that a group may set."),
    int("group.streams.initial.rebalance.delay.ms").default("3000").at_least(0).later("streams groups", "How long the first rebalance of a new group waits for more members."),
    int("group.streams.max.size").default("2147483647").at_least(1).later("streams groups", "Most members of one group."),
    int("group.streams.num.standby.replicas").default("0").at_least(0).later("streams groups", "Standby copies of each task's state."),
    int("group.streams.max.standby.replicas").default("2").at_least(0).later("streams groups", "Most standby copies that a group may set."),
];
