//! Compaction: of each key only the last value is kept.

use crate::config::key::{ConfigKey, Valid, boolean, double, int, long};

#[rustfmt::skip] // a table, a key a line
pub(super) const KEYS: &[ConfigKey] = &[
    boolean("log.cleaner.enable").default("true").works("Compaction runs."),
    int("log.cleaner.threads").default("1").at_least(0).dynamic().works("Logs that are compacted at the same time."),
    long("log.cleaner.backoff.ms").default("15000").at_least(0).dynamic().works("Rest of the cleaner when nothing needs compaction."),
    long("log.cleaner.dedupe.buffer.size").default("134217728").dynamic().works("Memory for the map of keys, for all cleaner threads together."),
    double("log.cleaner.io.buffer.load.factor").default("0.9").dynamic().works("How full the map of keys may get."),
    int("log.cleaner.io.buffer.size").default("524288").at_least(0).dynamic().works("Memory for reading and writing, for all cleaner threads together."),
    double("log.cleaner.io.max.bytes.per.second").default("1.7976931348623157E308").dynamic().works("The cleaner reads and writes at most so many bytes a second, all its threads together; where nobody sets it, 300 MB."),
    double("log.cleaner.min.cleanable.ratio").default("0.5").valid(Valid::Fraction(0.0, 1.0)).dynamic().works("A log is due when this part of it was never compacted."),
    long("log.cleaner.delete.retention.ms").default("86400000").at_least(0).dynamic().works("How long the mark of a deletion is kept, so that readers see that the key is gone."),
    long("log.cleaner.min.compaction.lag.ms").default("0").at_least(0).dynamic().works("A record younger than this is not compacted."),
    long("log.cleaner.max.compaction.lag.ms").default("9223372036854775807").at_least(1).dynamic().works("A record older than this makes its log due."),
];
