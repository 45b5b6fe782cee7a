//! Dice. Real ones here; in the simulator the seed decides.
#![allow(clippy::disallowed_methods)] // this is the replacement that the lint names

use rand::RngExt;

/// 64 random bits.
pub fn u64() -> u64 {
    rand::rng().random()
}

/// A number below `bound`, all equally likely.
///
/// # Panics
/// When `bound` is 0.
pub fn below(bound: u64) -> u64 {
    rand::rng().random_range(0..bound)
}
