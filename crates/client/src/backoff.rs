//! How long to wait before the next attempt: twice as long each time, up to a limit, with jitter (KIP-580).

use runtime::time::{Duration, sleep};

/// The limits of a [`Backoff`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackoffConfig {
    /// After the first failure.
    pub first: Duration,
    /// Never more than this, jitter apart.
    pub most: Duration,
}

/// The waits between the attempts at one thing.
#[derive(Clone, Debug)]
pub struct Backoff {
    config: BackoffConfig,
    failures: u32,
}

impl Backoff {
    /// Nothing has failed yet.
    pub fn new(config: BackoffConfig) -> Backoff {
        Backoff { config, failures: 0 }
    }

    /// Counts a failure; how long to wait now: within 20 % of the step, so that clients do not march in time.
    pub fn next_wait(&mut self) -> Duration {
        let doubled = self.config.first.saturating_mul(1 << self.failures.min(20));
        self.failures += 1;
        let step = doubled.min(self.config.most).as_micros() as u64;
        Duration::from_micros(step - step / 5 + runtime::rand::below(step / 5 * 2 + 1))
    }

    /// Counts a failure and waits.
    pub async fn wait(&mut self) {
        sleep(self.next_wait()).await;
    }

    /// It worked: the next failure is a first one.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_within_the_jitter() {
        crate::in_a_world(|| {
            let config = BackoffConfig { first: Duration::from_millis(100), most: Duration::from_secs(1) };
            let mut backoff = Backoff::new(config);
            for step in [100, 200, 400, 800, 1000, 1000] {
                let wait = backoff.next_wait().as_millis();
                assert!((step * 8 / 10..=step * 12 / 10).contains(&wait), "{wait} ms for a step of {step}");
            }
            backoff.reset();
            assert!(backoff.next_wait() <= Duration::from_millis(120));
        });
    }
}
