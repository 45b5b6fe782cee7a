//! How the replica's own log stands.

use model::Offset;

/// The ends of the replica's own log, told by its owner each time one of them moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnLog {
    /// The first offset that may be read.
    pub log_start_offset: Offset,
    /// The offset after the last record.
    pub log_end_offset: Offset,
    /// The offset after the last record that is on stable storage.
    pub durable_end: Offset,
    /// Whether only what is on stable storage counts of this log.
    pub journaled: bool,
    /// Whether only what is on stable storage counts of followers: the partition promises it, and this log keeps it. A log
    /// may be journaled still where the config has stopped to ask for it, and its followers are not then.
    pub asks_stable_storage: bool,
}

impl OwnLog {
    /// Up to where this replica counts: what it has, or in a journaled partition what a power failure leaves it.
    pub fn progress(&self) -> Offset {
        if self.journaled { self.durable_end.min(self.log_end_offset) } else { self.log_end_offset }
    }
}
