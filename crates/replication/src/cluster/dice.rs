//! A cluster's dice.

use std::time::Duration;

/// A sequence of random numbers that its seed decides.
#[derive(Clone, Debug)]
pub(super) struct Dice(model::dice::Dice);

impl Dice {
    /// `label` keeps the streams of one seed apart.
    pub fn new(seed: u64, label: u64) -> Dice {
        Dice(model::dice::Dice::seeded(seed ^ label.wrapping_mul(0xd6e8_feb8_6659_fd93)))
    }

    pub fn roll(&mut self) -> u64 {
        self.0.roll()
    }

    /// A number in `from..=to`.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        from + (self.roll() % (to - from + 1).unsigned_abs()) as i64
    }

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: u32) -> bool {
        self.roll() % 100 < u64::from(percent)
    }

    /// A time between `from` and `to` milliseconds.
    pub fn millis(&mut self, from: i64, to: i64) -> Duration {
        Duration::from_micros(self.between(from * 1000, to * 1000).unsigned_abs())
    }

    /// One of `choices`; `None` when there is none.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        let at = self.roll() % (choices.len() as u64).max(1);
        choices.get(at as usize).copied()
    }
}
