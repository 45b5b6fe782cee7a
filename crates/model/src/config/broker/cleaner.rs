//! Compaction: of each key only the last value is kept.

use crate::config::key::{ConfigKey, Valid, boolean, double, int, long};

#[rustfmt::skip] // a table, a key a line
pub(super) const KEYS: &[ConfigKey] = &[
    boolean("log.cleaner.enable").default("true").later("compaction", "Compaction runs."),
    int("log.cleaner.threads").default("1").at_least(0).dynamic().later("compaction", "Logs that are compacted at the same time."),
    long("log.cleaner.backoff.ms").default("15000").at_least(0).dynamic().later("compaction", "Rest of the cleaner when nothing needs compaction."),
    long("log.cleaner.dedupe.buffer.size").default("134217728").dynamic().later("compaction", "Memory for the map of keys, for all cleaner threads together."),
    double("log.cleaner.io.buffer.load.factor").default("0.9").dynamic().later("compaction", "How full the map of keys may get."),
    int("log.cleaner.io.buffer.size").default("524288").at_least(0).dynamic().later("compaction", "Memory for reading and writing, for all cleaner threads together."),
    double("log.cleaner.io.max.bytes.per.second").default("1.7976931348623157E308").dynamic().later("compaction", "The cleaner reads and writes at most so much."),
    double("log.cleaner.min.cleanable.ratio").default("0.5").valid(Valid::Fraction(0.0, 1.0)).dynamic().later("compaction", "A log is due when this part of it was never compacted."),
    long("log.cleaner.delete.retention.ms").default("86400000").at_least(0).dynamic().later("compaction", "How long the mark of a deletion is kept, so that readers see that the key is gone."),
    long("log.cleaner.min.compaction.lag.ms").default("0").at_least(0).dynamic().later("compaction", "A record younger than this is not compacted."),
    long("log.cleaner.max.compaction.lag.ms").default("9223372036854775807").at_least(1).dynamic().later("compaction", "A record older than this makes its log due."),
];
