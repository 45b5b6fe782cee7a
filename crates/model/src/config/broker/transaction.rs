//! Keys of producers and transactions, by name.

use super::super::key::{ConfigKey, boolean, int, short};

#[rustfmt::skip] // a table, a key a line
pub(super) const KEYS: &[ConfigKey] = &[
    int("add.partitions.to.txn.retry.backoff.max.ms").default("100").later("transactions", "Part of transaction coordination: add partitions to txn retry backoff max ms."),
    int("add.partitions.to.txn.retry.backoff.ms").default("20").later("transactions", "Part of transaction coordination: add partitions to txn retry backoff ms."),
    int("producer.id.expiration.check.interval.ms").default("600000").hidden().works("Part of transaction coordination: producer id expiration check interval ms."),
    int("producer.id.expiration.ms").default("86400000").at_least(1).dynamic().works("How long a partition remembers an idempotent producer that is silent."),
    int("producer.purgatory.purge.interval.requests").default("1000").later("transactions", "Part of transaction coordination: producer purgatory purge interval requests."),
    int("transaction.abort.timed.out.transaction.cleanup.interval.ms").default("10000").works("Part of transaction coordination: transaction abort timed out transaction cleanup interval ms."),
    int("transaction.max.timeout.ms").default("900000").works("Part of transaction coordination: transaction max timeout ms."),
    boolean("transaction.partition.verification.enable").default("true").dynamic().works("Part of transaction coordination: transaction partition verification enable."),
    int("transaction.remove.expired.transaction.cleanup.interval.ms").default("3600000").works("Part of transaction coordination: transaction remove expired transaction cleanup interval ms."),
    int("transaction.state.log.load.buffer.size").default("5242880").later("transactions", "Part of transaction coordination: transaction state log load buffer size."),
    int("transaction.state.log.min.isr").default("2").at_least(1).works("Part of transaction coordination: transaction state log min isr."),
    int("transaction.state.log.num.partitions").default("50").at_least(1).works("Part of transaction coordination: transaction state log num partitions."),
    short("transaction.state.log.replication.factor").default("3").at_least(1).works("Part of transaction coordination: transaction state log replication factor."),
    int("transaction.state.log.segment.bytes").default("104857600").works("Part of transaction coordination: transaction state log segment bytes."),
    boolean("transaction.two.phase.commit.enable").default("false").later("transactions", "Part of transaction coordination: transaction two phase commit enable."),
    int("transactional.id.expiration.ms").default("604800000").works("Part of transaction coordination: transactional id expiration ms."),
];
