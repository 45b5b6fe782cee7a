//! What can be set: for one log, and for a directory.

use crate::journal::JournalOptions;
use model::{NodeId, Uuid};
use runtime::time::Duration;

/// The settings of one log: Kafka's topic configs that concern storage, under their own names.
#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    /// `segment.bytes`: a segment holds at most this.
    pub segment_bytes: u64,
    /// `segment.ms`: a segment takes appends for at most so long.
    pub segment_ms: i64,
    /// `segment.jitter.ms`: up to this is taken off `segment_ms` at random, so that logs do not roll together.
    pub segment_jitter_ms: i64,
    /// `segment.index.bytes`: a segment whose index has this size is closed.
    pub segment_index_bytes: usize,
    /// `index.interval.bytes`: bytes of batches between two index entries.
    pub index_interval_bytes: usize,
    /// `retention.ms`: segments whose records are all older go; -1 for never.
    pub retention_ms: i64,
    /// `retention.bytes`: the oldest segments go while the rest is at least this; -1 for never.
    pub retention_bytes: i64,
    /// `cleanup.policy` has `delete`: retention by time and bytes applies.
    pub delete: bool,
    /// `cleanup.policy` has `compact`: of each key the last record is kept, and offsets may be missing.
    pub compact: bool,
    /// `min.cleanable.dirty.ratio`: a compacted log is due for cleaning when more than this part of its bytes was never
    /// cleaned.
    pub min_cleanable_dirty_ratio: f64,
    /// `min.compaction.lag.ms`: a segment with a record younger than this is not cleaned.
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`: a log with a record older than this that was never cleaned is due, whatever its ratio; and
    /// a segment takes appends for at most so long.
    pub max_compaction_lag_ms: i64,
    /// `delete.retention.ms`: the mark of a deletion is kept for so long after it was first cleaned.
    pub delete_retention_ms: i64,
    /// `flush.messages`: 1 (the default) makes the log journaled: an append counts as durable when it is on stable
    /// storage. Any other value is page cache, with a sync in the background after so many records.
    pub flush_messages: i64,
    /// `flush.ms`: at the latest so long after an append a page-cache log is synced in the background.
    pub flush_ms: i64,
    /// `file.delete.delay.ms`: what is deleted keeps its files for so long under another name.
    pub file_delete_delay_ms: u64,
    /// Compare the CRC of every batch that is read, so that rot is refused and never served. Ours.
    pub check_crc_on_read: bool,
}

impl Default for LogConfig {
    fn default() -> Self {
        LogConfig {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 3600 * 1000,
            segment_jitter_ms: 0,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            retention_ms: 7 * 24 * 3600 * 1000,
            retention_bytes: -1,
            delete: true,
            compact: false,
            min_cleanable_dirty_ratio: 0.5,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            delete_retention_ms: 24 * 3600 * 1000,
            flush_messages: 1,
            flush_ms: i64::MAX,
            file_delete_delay_ms: 60_000,
            check_crc_on_read: true,
        }
    }
}

impl LogConfig {
    /// Whether appends should be durable before they are acknowledged.
    pub fn wants_journal(&self) -> bool {
        self.flush_messages == 1
    }

    /// For how long a segment takes appends, at most: one that does is not cleaned.
    pub(crate) fn longest_segment_ms(&self) -> i64 {
        if self.compact { self.segment_ms.min(self.max_compaction_lag_ms) } else { self.segment_ms }
    }
}

/// The settings of a log directory.
#[derive(Clone, Debug)]
pub struct DirectoryOptions {
    /// `node.id`: a directory of another node is refused.
    pub node_id: NodeId,
    /// The cluster, where it is known: a directory of another one is refused, and a blank one is given this. `None`
    /// takes the directory's, and gives a blank one a random id.
    pub cluster_id: Option<String>,
    /// The id that a blank directory gets; none for a random one.
    pub directory_id: Option<Uuid>,
    /// The journal's sizes.
    pub journal: JournalOptions,
    /// `producer.id.expiration.ms`: a producer that wrote nothing for so long is forgotten.
    pub producer_id_expiration_ms: i64,
    /// How many partitions are opened at the same time.
    pub recovery_concurrency: usize,
    /// A sync that takes longer is the end of the directory.
    pub sync_deadline: Duration,
    /// What was appended is in synced segments, and off the journal, at the latest after about so long.
    pub sync_interval: Duration,
    /// How much memory the indexes of closed segments may take, in bytes.
    pub index_cache_bytes: usize,
    /// How many files of closed segments stay open after a read.
    pub open_files: usize,
    /// How much memory is kept ready for reads, in bytes.
    pub read_buffer_bytes: usize,
    /// A batch that decompresses to more is not searched for a timestamp, in bytes.
    pub decompressed_batch_bytes: usize,
}

impl Default for DirectoryOptions {
    fn default() -> Self {
        DirectoryOptions {
            node_id: 1,
            cluster_id: None,
            directory_id: None,
            journal: JournalOptions::default(),
            producer_id_expiration_ms: 24 * 3600 * 1000,
            recovery_concurrency: 16,
            sync_deadline: Duration::from_secs(30),
            sync_interval: Duration::from_secs(60),
            index_cache_bytes: 32 << 20,
            open_files: 512,
            read_buffer_bytes: 16 << 20,
            decompressed_batch_bytes: 256 << 20,
        }
    }
}
