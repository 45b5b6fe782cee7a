//! Copies of partitions on other brokers.

use crate::config::key::{ConfigKey, Valid, boolean, int, long, string};

#[rustfmt::skip] // a table, a key a line
pub(super) const KEYS: &[ConfigKey] = &[
    int("num.replica.fetchers").default("1").at_least(1).dynamic().without_effect("one connection to each leader carries all of its partitions", "Connections to each other broker for copying records."),
    int("num.replica.alter.log.dirs.threads").later("several log directories", "Replicas that move between directories at the same time."),
    int("replica.fetch.backoff.ms").default("1000").at_least(0).works("Rest after a failed fetch from a leader; where that one has not heard yet that it leads, at most."),
    int("replica.fetch.max.bytes").default("1048576").at_least(0).works("The most a follower asks for of one partition; a larger batch comes all the same."),
    int("replica.fetch.min.bytes").default("1").works("The least a leader answers a follower with, unless replica.fetch.wait.max.ms is over."),
    int("replica.fetch.response.max.bytes").default("10485760").at_least(0).works("The most a follower asks for in one fetch."),
    int("replica.fetch.wait.max.ms").default("500").works("The longest a leader holds a follower's fetch."),
    long("replica.high.watermark.checkpoint.interval.ms").default("5000").without_effect("high watermarks are written with the other checkpoints", "Time between writes of the high watermarks."),
    long("replica.lag.time.max.ms").default("30000").works("A follower that has not caught up for this long leaves the in-sync replicas."),
    string("replica.selector.class").works("How a replica is chosen for a consumer that says where it stands (KIP-392)."),
    int("replica.socket.receive.buffer.bytes").default("65536").without_effect("the system's own choice, which adapts, is better", "Receive buffer of a follower's socket."),
    int("replica.socket.timeout.ms").default("30000").works("How long a follower waits for its leader's answer."),
    boolean("auto.leader.rebalance.enable").default("true").works("Leadership returns to preferred replicas by itself."),
    long("leader.imbalance.check.interval.seconds").default("300").at_least(1).works("Time between searches for partitions that a replica other than the preferred one leads."),
    string("inter.broker.listener.name").works("The listener by which brokers reach each other."),
    string("security.inter.broker.protocol").default("PLAINTEXT").valid(Valid::OneOf(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"])).later("TLS", "The security protocol between brokers when inter.broker.listener.name is not given."),
];
