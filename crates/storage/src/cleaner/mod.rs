//! The log cleaner: of each key only the last record stays (`cleanup.policy=compact`).
//!
//! Records keep their offsets and their order; what goes leaves a gap. Cleaned is what is committed and of finished
//! transactions, in closed segments that are synced: nothing of it will ever be cut off, or only what the promise allows to
//! be. The mark of a deletion stays for `delete.retention.ms` after it was first cleaned (KIP-534), so that who reads on
//! sees it. Each replica cleans on its own.
//!
//! [`cleaning`] goes through a log; [`retention`] says what stays of a batch and [`rewrite`] makes it; [`key_map`] is the
//! memory; the owner of the log swaps what was written for what it was made of (`log/swap.rs`), which a start finishes
//! or forgets after a crash (`directory/swaps.rs`).

mod cleaning;
mod group;
mod key_hash;
mod key_map;
mod outcomes;
mod output;
mod pace;
mod retention;
mod rewrite;
mod source;

pub(crate) use cleaning::CleaningBounds;
pub use cleaning::{Cleaned, Cleaning, CleaningSummary};
pub(crate) use output::{FILES, cleaned_path, discard};
pub use pace::Pace;
pub(crate) use retention::LastOfProducer;

use crate::fault::StorageFault;
use model::Offset;

/// The memory of one cleaning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CleanerMemory {
    /// Bytes of the map of keys, at most: 24 a key (`log.cleaner.dedupe.buffer.size`, by the number of threads).
    pub map_bytes: usize,
    /// How full the map may get (`log.cleaner.io.buffer.load.factor`).
    pub load_factor: f64,
    /// Bytes that are read and written at once; more where a batch is larger (`log.cleaner.io.buffer.size`).
    pub io_bytes: usize,
}

impl Default for CleanerMemory {
    fn default() -> Self {
        CleanerMemory { map_bytes: 128 << 20, load_factor: 0.9, io_bytes: 64 << 10 }
    }
}

/// Why a cleaning did not go on.
#[derive(Debug, thiserror::Error)]
pub enum CleaningFault {
    /// The log was cut or deleted meanwhile.
    #[error("the log was cut or deleted meanwhile")]
    Abandoned,
    /// A part of the log is not what was written. What is damaged must be repaired first.
    #[error("{reason}")]
    Corrupt {
        /// The first offset that cannot be read.
        offset: Offset,
        /// What is wrong.
        reason: String,
    },
    /// The disk refused.
    #[error(transparent)]
    Fault(#[from] StorageFault),
}
