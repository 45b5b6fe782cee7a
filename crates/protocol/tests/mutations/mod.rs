//! Good frames made bad, and what must hold when they are read.

mod corpus;
mod mutate;
mod walk;

pub use corpus::Corpus;

use std::fmt;

use crate::samples::Dice;
use mutate::mutate;

/// Bytes of memory for each byte of a frame: the worst is an array of empty strings, 32 bytes each for one on the wire,
/// half as much again while the array moves to a larger place, and spare fields of structs in old versions.
pub const MEMORY_FACTOR: usize = 80;
/// Bytes of memory for any frame: the fixed part of the largest message, and words about what is wrong.
pub const MEMORY_BASE: usize = 8 << 10;
/// The reader's cap on what a batch may decompress to, here.
pub const DECOMPRESSED_LIMIT: usize = 64 << 10;
/// Bytes of memory for a compressed batch: its contents, again when it is compressed anew, and what codecs work with.
pub const CODEC_MEMORY: usize = 4 * DECOMPRESSED_LIMIT + protocol::records::CODEC_BYTES;

/// What a frame is meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A request with its header: which one, the frame says.
    Request,
    /// A response or payload of the kind with this index, in this version.
    Body(usize, i16),
    /// A run of record batches.
    Batches,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Whether it was read.
    pub accepted: bool,
    /// Its size in bytes.
    pub size: usize,
    /// Bytes of memory that reading it took at once.
    pub peak: usize,
    /// How many are allowed.
    pub allowed: usize,
}

impl Corpus {
    /// Spoils a good frame as `case` decides, reads it and checks what must hold.
    ///
    /// # Panics
    /// When it does not hold.
    pub fn attack(&self, case: u64) -> Outcome {
        let mut dice = Dice::new(case.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let (target, original) = self.any(&mut dice);
        let mut frame = original.to_vec();
        let (_, other) = self.any(&mut dice);
        match target {
            Target::Batches => mutate::mutate_batch(&mut frame, other, &mut dice),
            _ => mutate(&mut frame, other, &mut dice),
        }
        let outcome = self.read(target, frame.into(), &mut dice);
        outcome.check(format_args!("case {case}, {target:?}"));
        outcome
    }
}

impl Outcome {
    /// # Panics
    /// When reading took more memory than allowed.
    pub fn check(&self, what: fmt::Arguments<'_>) {
        let Outcome { peak, allowed, size, .. } = self;
        assert!(peak <= allowed, "{what}: {peak} bytes of memory for {size}, {allowed} are allowed");
    }
}
