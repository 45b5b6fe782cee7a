//! A coordinator's own dice, for the ids it gives to members: xoshiro256++ (public domain).

use model::Uuid;

/// A sequence of random numbers that its seed decides.
#[derive(Clone, Debug)]
pub(crate) struct Dice([u64; 4]);

impl Dice {
    pub fn new(seed: [u64; 4]) -> Dice {
        // The all-zero state would stay there for ever; every other one is a sequence of its own.
        Dice(if seed == [0; 4] { [1, 0, 0, 0] } else { seed })
    }

    fn roll(&mut self) -> u64 {
        let [a, b, c, d] = self.0;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.0 = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }

    /// A random (version 4) id.
    pub fn id(&mut self) -> Uuid {
        loop {
            let id = Uuid::from_random_bits(self.roll(), self.roll());
            if !id.is_reserved() {
                return id;
            }
        }
    }

    /// A random id in the form `8-4-4-4-12`, as members of classic groups have it in their names.
    pub fn dashed_id(&mut self) -> String {
        let digits = format!("{:032x}", u128::from_be_bytes(self.id().0));
        [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
    }
}
