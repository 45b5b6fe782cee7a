//! How fast the cleaner may read and write (`log.cleaner.io.max.bytes.per.second`).

use runtime::time::{Duration, Instant, sleep_until};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Shorter debts are not paid by sleeping: timers are not that fine.
const SHORTEST_REST: Duration = Duration::from_millis(5);
/// Rates above this are as good as none, bytes a second.
const UNLIMITED: f64 = 1e15;

/// The pace of all cleanings that share it.
#[derive(Debug)]
pub struct Pace {
    bytes_per_second: AtomicU64,
    /// When all that was spent so far is paid.
    paid_at: Mutex<Option<Instant>>,
}

impl Pace {
    /// So many bytes a second, read and written together.
    pub fn new(bytes_per_second: f64) -> Pace {
        Pace { bytes_per_second: AtomicU64::new(bytes_per_second.to_bits()), paid_at: Mutex::new(None) }
    }

    /// Changes the pace from now on.
    pub fn set(&self, bytes_per_second: f64) {
        self.bytes_per_second.store(bytes_per_second.to_bits(), Ordering::Relaxed);
    }

    /// So many bytes were read or written: rests for as long as they cost.
    pub async fn spent(&self, bytes: u64) {
        let rate = f64::from_bits(self.bytes_per_second.load(Ordering::Relaxed)).max(1.0);
        if rate >= UNLIMITED || bytes == 0 {
            return;
        }
        let now = Instant::now();
        let paid_at = {
            let mut paid_at = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
            let cost = Duration::from_secs_f64((bytes as f64 / rate).min(3600.0));
            let due = paid_at.unwrap_or(now).max(now) + cost;
            *paid_at = Some(due);
            due
        };
        if paid_at.saturating_duration_since(now) >= SHORTEST_REST {
            sleep_until(paid_at).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_kept_and_may_be_lifted() {
        let run = async {
            let pace = Pace::new(1e6);
            let start = Instant::now();
            for _ in 0..100 {
                pace.spent(1000).await;
            }
            let took = start.elapsed();
            assert!(took >= Duration::from_millis(90), "100,000 bytes took {took:?}");
            pace.set(f64::MAX);
            pace.spent(u64::MAX).await;
        };
        runtime::task::run(1, run).expect("a runtime");
    }
}
