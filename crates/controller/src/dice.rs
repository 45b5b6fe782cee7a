//! The controller's own dice, for topic ids and for where placement starts: xoshiro256++ (public domain).

use model::Uuid;

/// A sequence of random numbers that its seed decides.
#[derive(Clone, Debug)]
pub struct Dice([u64; 4]);

impl Dice {
    pub fn new(seed: [u64; 4]) -> Dice {
        // The all-zero state would stay there for ever.
        Dice([seed[0] | 1, seed[1], seed[2], seed[3]])
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

    /// A number below `bound`, which is above 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound as u64) as usize
    }

    /// An id that `taken` does not know.
    pub fn id(&mut self, taken: impl Fn(Uuid) -> bool) -> Uuid {
        loop {
            let id = Uuid::from_random_bits(self.roll(), self.roll());
            if !id.is_reserved() && !taken(id) {
                return id;
            }
        }
    }
}
