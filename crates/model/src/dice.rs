//! Random numbers that a seed decides, for machines that own their dice and for tests that draw: xoshiro256++, seeded by
//! splitmix64 where a number is all there is (both public domain). Never for secrets.

use crate::Uuid;

/// A sequence of random numbers that its seed decides.
#[derive(Clone, Debug)]
pub struct Dice([u64; 4]);

impl Dice {
    /// The sequence of this seed.
    pub fn new(seed: [u64; 4]) -> Dice {
        // The all-zero state would stay there for ever; every other one is a sequence of its own.
        Dice(if seed == [0; 4] { [1, 0, 0, 0] } else { seed })
    }

    /// The sequence of a small seed; neighbours have nothing in common.
    pub fn seeded(seed: u64) -> Dice {
        let mut state = seed;
        Dice::new([0; 4].map(|_: u64| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        }))
    }

    /// The next 64 bits.
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

    /// A number below `bound`, which is above 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound as u64) as usize
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these, of which there is at least one.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// A random (version 4) id that `taken` does not know.
    pub fn id(&mut self, taken: impl Fn(Uuid) -> bool) -> Uuid {
        loop {
            let id = Uuid::from_random_bits(self.roll(), self.roll());
            if !id.is_reserved() && !taken(id) {
                return id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_sequence_each_time_and_another_seed_another() {
        let first = |mut dice: Dice| [(); 8].map(|()| dice.roll());
        assert_eq!(first(Dice::seeded(7)), first(Dice::seeded(7)));
        assert_ne!(first(Dice::seeded(7)), first(Dice::seeded(8)));
        assert_ne!(first(Dice::new([0; 4])), [0; 8], "no seed stands still");
    }

    #[test]
    fn an_id_is_none_that_is_taken() {
        let first = Dice::seeded(1).id(|_| false);
        assert_ne!(Dice::seeded(1).id(|id| id == first), first);
    }
}
