//! The replica's own dice: a seeded generator, so that a run can be repeated.

use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Dice(model::dice::Dice);

impl Dice {
    pub fn seeded(seed: u64) -> Dice {
        Dice(model::dice::Dice::seeded(seed))
    }

    /// The next 64 bits.
    pub fn roll(&mut self) -> u64 {
        self.0.roll()
    }

    /// Less than `bound`; zero when that is zero.
    pub fn up_to(&mut self, bound: Duration) -> Duration {
        let nanos = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.roll() % nanos.max(1))
    }
}
