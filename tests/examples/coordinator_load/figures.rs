//! Figures out of samples.

use serde_json::{Value, json};
use std::time::Duration;

/// Median, extremes and number of some times, in milliseconds.
pub fn spread(mut times: Vec<Duration>) -> Value {
    times.sort_unstable();
    let (least, most) = (times.first().copied(), times.last().copied());
    json!({
        "median": milliseconds(quantile(&times, 0.5)),
        "min": milliseconds(least.unwrap_or_default()),
        "max": milliseconds(most.unwrap_or_default()),
        "count": times.len(),
    })
}

/// The value below which that share of the sorted samples lies.
pub fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let at = (sorted.len() as f64 * share) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// With three decimals.
pub fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// Microseconds for each of `count`, with one decimal.
pub fn microseconds_each(time: Duration, count: usize) -> f64 {
    (time.as_secs_f64() * 1e7 / count.max(1) as f64).round() / 10.0
}
