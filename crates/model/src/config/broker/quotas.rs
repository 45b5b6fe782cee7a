//! Quotas and throttling.

use crate::config::key::{ConfigKey, class, int, long};

#[rustfmt::skip] // a table, a key a line
pub(super) const KEYS: &[ConfigKey] = &[
    class("client.quota.callback.class").refused("a quota callback is Java code, which cannot run here; remove it", "A class that decides quotas."),
    int("quota.window.num").default("11").at_least(1).later("quotas", "Samples over which a client's use is measured."),
    int("quota.window.size.seconds").default("1").at_least(1).later("quotas", "The time that one sample covers."),
    int("controller.quota.window.num").default("11").at_least(1).later("quotas", "Samples over which changes of metadata are measured."),
    int("controller.quota.window.size.seconds").default("1").at_least(1).later("quotas", "The time that one of those samples covers."),
    int("replication.quota.window.num").default("11").at_least(1).later("quotas", "Samples over which throttled replication is measured."),
    int("replication.quota.window.size.seconds").default("1").at_least(1).later("quotas", "The time that one of those samples covers."),
    long("leader.replication.throttled.rate").at_least(0).dynamic().hidden().later("quotas", "Bytes a second that a leader sends of throttled replicas; kafka-reassign-partitions sets it at run time."),
    long("follower.replication.throttled.rate").at_least(0).dynamic().hidden().later("quotas", "Bytes a second that a follower takes of throttled replicas; kafka-reassign-partitions sets it at run time."),
    long("replica.alter.log.dirs.io.max.bytes.per.second").at_least(0).dynamic().hidden().later("quotas", "Bytes a second that move between directories of a broker; kafka-reassign-partitions sets it at run time."),
    int("alter.log.dirs.replication.quota.window.num").default("11").at_least(1).later("quotas", "Samples over which moves between directories are measured."),
    int("alter.log.dirs.replication.quota.window.size.seconds").default("1").at_least(1).later("quotas", "The time that one of those samples covers."),
];
