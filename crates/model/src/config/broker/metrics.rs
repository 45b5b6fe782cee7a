//! Metrics, and what clients report about themselves.

use crate::config::key::{ConfigKey, int, list, long, string};

#[rustfmt::skip] // a table, a key a line
pub(super) const KEYS: &[ConfigKey] = &[
    list("metric.reporters").default("org.apache.kafka.common.metrics.JmxReporter").dynamic().without_effect("there is no Java here", "Classes that publish metrics."),
    int("metrics.num.samples").default("2").at_least(1).without_effect("metrics here are counters, and whoever reads them makes rates", "Samples from which a rate is made."),
    string("metrics.recording.level").default("INFO").without_effect("all metrics are always kept", "How much is measured."),
    long("metrics.sample.window.ms").default("30000").at_least(1).without_effect("metrics here are counters, and whoever reads them makes rates", "The time that one sample covers."),
    int("kafka.metrics.polling.interval.secs").default("10").at_least(1).without_effect("there is no Java here", "Time between reports of the older metrics."),
    list("kafka.metrics.reporters").default("").without_effect("there is no Java here", "Classes that publish the older metrics."),
    int("telemetry.max.bytes").default("1048576").at_least(1).later("client metrics", "The largest report that a client may push (KIP-714)."),
];
