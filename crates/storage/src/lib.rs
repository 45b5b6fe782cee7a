//! The partition log on a disk: segments, journal, indexes, recovery, retention, compaction.
//!
//! A [`LogDirectory`] is one `log.dirs` entry in Kafka's layout. It opens, creates and deletes [`Log`]s; a `Log` is
//! owned by one task and appends, truncates and retires segments; any number of [`LogReader`]s read beside it. In a
//! *journaled* partition an append counts as durable once the directory's [`journal`] has it; in the others the page
//! cache is the promise, as in Kafka.

pub mod checkpoint;
mod clean_mark;
mod cleaner;
mod config;
mod control;
mod directory;
mod doubt_mark;
mod epochs;
mod fault;
pub mod journal;
mod log;
mod meta_properties;
mod names;
mod offset_checkpoint;
mod offset_index;
mod open_files;
mod partition_metadata;
mod producer_loading;
mod producers;
mod read_buffers;
mod scan;
mod segment;
mod segment_index;
#[cfg(test)]
mod test_batches;
mod time_index;
mod volume;

pub use cleaner::{Cleaned, CleanerMemory, Cleaning, CleaningFault, CleaningSummary, Pace};
pub use config::{DirectoryOptions, LogConfig};
pub use directory::{LogDirectory, Opened, OpenedLog};
pub use epochs::LeaderEpochs;
pub use fault::{AppendError, FailedClosed, ReadError, StorageFault};
pub use log::{
    Appended, Bounds, Cleanable, Damage, Durable, Found, LeaderAppend, Log, LogReader, Origin, RepairError, Retired,
    Scrub, Scrubbed,
};
pub use producers::ActiveProducer;
