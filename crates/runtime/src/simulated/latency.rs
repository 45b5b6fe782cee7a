//! How long things take: mostly short, sometimes very long.

use super::stream::Stream;
use std::time::Duration;

/// A distribution of latencies with a heavy tail. Within each part every order of magnitude is equally likely.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// The shortest there is.
    pub shortest: Duration,
    /// Most draws are at most this.
    pub usual: Duration,
    /// The longest there is.
    pub longest: Duration,
    /// How likely a draw lies between `usual` and `longest`.
    pub tail: f64,
}

impl Latency {
    /// Between `shortest` and `usual`, without a tail.
    pub const fn between(shortest: Duration, usual: Duration) -> Latency {
        Latency { shortest, usual, longest: usual, tail: 0.0 }
    }

    /// Always the same.
    pub const fn always(duration: Duration) -> Latency {
        Latency::between(duration, duration)
    }

    /// The same with a tail up to `longest`.
    #[must_use]
    pub const fn with_tail(self, tail: f64, longest: Duration) -> Latency {
        Latency { longest, tail, ..self }
    }

    pub(super) fn draw(&self, dice: &mut Stream) -> Duration {
        let (low, high) = if dice.chance(self.tail) { (self.usual, self.longest) } else { (self.shortest, self.usual) };
        let (low, high) = (low.as_nanos().max(1) as u64, high.as_nanos().max(1) as u64);
        if high <= low {
            return Duration::from_nanos(low);
        }
        // pick a power of two between them, then a place below it: log-uniform without floating point, which differs
        // between machines in the last bit
        let octaves = u64::from(64 - (high / low).leading_zeros());
        let scale = low.saturating_mul(1 << dice.below(octaves).min(62)).min(high);
        Duration::from_nanos(dice.between(scale, scale.saturating_mul(2).min(high).max(scale + 1)))
    }
}
