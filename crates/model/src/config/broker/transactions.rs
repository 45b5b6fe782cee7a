//! Transactions and idempotent producers.

use crate::config::key::{ConfigKey, boolean, int, short};

#[rustfmt::skip] // a table, a key a line
pub(super) const KEYS: &[ConfigKey] = &[
    int("producer.id.expiration.ms").default("86400000").at_least(1).dynamic().works("An idempotent producer that is silent for this long is forgotten."),
    int("producer.id.expiration.check.interval.ms").default("600000").at_least(1).hidden().without_effect("producers are forgotten when retention is checked", "Time between searches for producers to forget."),
    int("transactional.id.expiration.ms").default("604800000").at_least(1).later("transactions", "A transactional id that is not used for this long is forgotten."),
    int("transaction.max.timeout.ms").default("900000").at_least(1).later("transactions", "The longest transaction timeout that a producer may ask for."),
    int("transaction.abort.timed.out.transaction.cleanup.interval.ms").default("10000").at_least(1).later("transactions", "Time between searches for transactions that have run out of time."),
    int("transaction.remove.expired.transaction.cleanup.interval.ms").default("3600000").at_least(1).later("transactions", "Time between searches for transactional ids to forget."),
    boolean("transaction.partition.verification.enable").default("true").dynamic().later("transactions", "A partition asks whether it is in the transaction before it appends (KIP-890)."),
    boolean("transaction.two.phase.commit.enable").default("false").later("transactions", "Producers may take part in two-phase commits of their own (KIP-939)."),
    int("transaction.state.log.load.buffer.size").default("5242880").at_least(1).without_effect("the coordinator reads as much as its log has", "Bytes read at a time when transactions are loaded."),
    int("transaction.state.log.min.isr").default("2").at_least(1).later("transactions", "Replicas of __transaction_state that must have a record before it counts."),
    int("transaction.state.log.num.partitions").default("50").at_least(1).later("transactions", "Partitions of __transaction_state."),
    short("transaction.state.log.replication.factor").default("3").at_least(1).later("transactions", "Replicas of __transaction_state."),
    int("transaction.state.log.segment.bytes").default("104857600").at_least(1).later("transactions", "Size of a segment of __transaction_state."),
    int("add.partitions.to.txn.retry.backoff.ms").default("20").at_least(1).later("transactions", "Rest before adding partitions to a transaction is tried again."),
    int("add.partitions.to.txn.retry.backoff.max.ms").default("100").at_least(0).later("transactions", "The longest time that adding partitions to a transaction is tried."),
];
