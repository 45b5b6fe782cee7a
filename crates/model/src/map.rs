//! Hash maps with a fixed hasher, so that the order of iteration is a function of the keys and of nothing else.
//! For keys that peers choose freely use `BTreeMap`: a fixed hasher can be flooded.
#![allow(clippy::disallowed_types)] // this is the replacement that the lint names

use std::hash::{BuildHasherDefault, Hasher};

/// FNV-1a with a final mix, 64 bits.
#[derive(Clone, Copy)]
pub struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }

    fn finish(&self) -> u64 {
        (self.0 ^ (self.0 >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// A hash map whose iteration order depends on its keys alone.
pub type HashMap<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<Fnv>>;
/// A hash set whose iteration order depends on its members alone.
pub type HashSet<K> = std::collections::HashSet<K, BuildHasherDefault<Fnv>>;
