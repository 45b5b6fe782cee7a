//! A cluster's dice: xoshiro256++ (public domain), seeded by splitmix64.

use std::time::Duration;

/// A sequence of random numbers that its seed decides.
#[derive(Clone, Debug)]
pub(super) struct Dice([u64; 4]);

impl Dice {
    /// `label` keeps the streams of one seed apart.
    pub fn new(seed: u64, label: u64) -> Dice {
        let mut state = seed ^ label.wrapping_mul(0xd6e8_feb8_6659_fd93);
        Dice([0; 4].map(|_: u64| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        }))
    }

    pub fn roll(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
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
