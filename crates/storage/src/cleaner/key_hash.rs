//! SipHash-2-4 with 128 bits of output: keys are compared by it alone, and who writes records must not be able to make two
//! keys that look the same. So each map draws secret numbers of its own.

/// The secret of one map, and the hash it makes.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyHash(u64, u64);

/// The hash of a key.
pub(super) type Hash = [u64; 2];

impl KeyHash {
    /// With a secret that nobody else knows.
    pub fn random() -> KeyHash {
        KeyHash(runtime::rand::u64(), runtime::rand::u64())
    }

    /// The hash of `key`.
    pub fn of(self, key: &[u8]) -> Hash {
        let mut state = State([
            self.0 ^ 0x736f_6d65_7073_6575,
            self.1 ^ 0x646f_7261_6e64_6f6d ^ 0xee,
            self.0 ^ 0x6c79_6765_6e65_7261,
            self.1 ^ 0x7465_6462_7974_6573,
        ]);
        let (words, rest) = key.as_chunks::<8>();
        for word in words {
            state.take(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        last[7] = key.len() as u8;
        state.take(u64::from_le_bytes(last));
        state.0[2] ^= 0xee;
        let low = state.finish();
        state.0[1] ^= 0xdd;
        [low, state.finish()]
    }
}

struct State([u64; 4]);

impl State {
    fn take(&mut self, word: u64) {
        self.0[3] ^= word;
        self.round();
        self.round();
        self.0[0] ^= word;
    }

    fn finish(&mut self) -> u64 {
        for _ in 0..4 {
            self.round();
        }
        self.0[0] ^ self.0[1] ^ self.0[2] ^ self.0[3]
    }

    fn round(&mut self) {
        let [a, b, c, d] = &mut self.0;
        *a = a.wrapping_add(*b);
        *b = b.rotate_left(13) ^ *a;
        *a = a.rotate_left(32);
        *c = c.wrapping_add(*d);
        *d = d.rotate_left(16) ^ *c;
        *a = a.wrapping_add(*d);
        *d = d.rotate_left(21) ^ *a;
        *c = c.wrapping_add(*b);
        *b = b.rotate_left(17) ^ *c;
        *c = c.rotate_left(32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key 00 01 .. 0f and the inputs "", 00, 00 01, as the authors of SipHash publish them.
    #[test]
    fn the_hash_is_that_of_its_authors() {
        let hash = KeyHash(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
        let hex = |key: &[u8]| -> String {
            hash.of(key).iter().flat_map(|word| word.to_le_bytes()).map(|byte| format!("{byte:02x}")).collect()
        };
        assert_eq!(hex(&[]), "a3817f04ba25a8e66df67214c7550293");
        assert_eq!(hex(&[0]), "da87c1d86b99af44347659119b22fc45");
        assert_eq!(hex(&[0, 1]), "8177228da4a45dc7fca38bdef60affe4");
    }

    #[test]
    fn keys_that_differ_in_a_byte_or_in_length_differ() {
        let hash = KeyHash(1, 2);
        let mut seen = std::collections::BTreeSet::new();
        for length in 0..40 {
            assert!(seen.insert(hash.of(&vec![0; length])));
            for at in 0..length {
                let mut key = vec![0; length];
                key[at] = 1;
                assert!(seen.insert(hash.of(&key)), "length {length}, byte {at}");
            }
        }
    }
}
