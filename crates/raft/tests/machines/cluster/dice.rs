//! The dice of a simulated cluster.

use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Dice(model::dice::Dice);

impl Dice {
    /// Its stream is another than that of a replica with the same seed.
    pub fn seeded(seed: u64) -> Dice {
        Dice(model::dice::Dice::seeded(seed ^ 0x7468_616c_7765_6731))
    }

    /// 64 bits.
    pub fn roll(&mut self) -> u64 {
        self.0.roll()
    }

    /// From 0 to `bound`, without it.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound.max(1)
    }

    /// With this chance out of a thousand.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    pub fn micros(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_micros(from + self.below(to.saturating_sub(from) + 1))
    }

    pub fn millis(&mut self, from: u64, to: u64) -> Duration {
        self.micros(from * 1000, to * 1000)
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        let at = self.below(from.len() as u64) as usize;
        from.get(at).cloned()
    }
}
