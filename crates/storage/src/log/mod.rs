//! One log: owned by one task, read by many.

mod append;
mod chain;
mod cleanable;
mod cut;
mod epochs;
mod follower;
mod mode;
mod progress;
mod read;
mod read_hints;
mod repair;
mod replay;
mod retention;
mod roll;
mod run;
mod scrub;
mod start;
mod swap;
mod timestamps;
mod view;

pub(crate) use chain::{Chain, check_epoch};
pub use cleanable::Cleanable;
pub(crate) use epochs::write_epochs;
pub(crate) use progress::{Capture, Claim, Place, Progress};
pub use read::LogReader;
pub use repair::RepairError;
pub(crate) use replay::{Broken, ReplayFault};
pub use retention::Retired;
pub(crate) use roll::Rolling;
pub(crate) use run::producer_facts;
pub(crate) use scrub::read as read_damage;
pub use scrub::{Damage, Scrub, Scrubbed};
pub(crate) use view::{Published, Reading, Segments, Shared};

use crate::config::LogConfig;
use crate::directory::Core;
use crate::fault::StorageFault;
use crate::producers::{ActiveProducer, ProducerStates};
use bytes::Bytes;
use model::{LeaderEpoch, Offset, Timestamp, TopicPartition, Uuid};
use runtime::sync::watch;
use std::sync::Arc;

/// Bytes that must be free before a log on a disk that was full counts on them: about what one fetch brings.
const SPACE_FOR_APPENDS: u64 = 1 << 20;

/// A partition's log. One task owns it; nothing here may be dropped half-way: a method whose future is dropped before
/// it is done leaves a log that must not be used again.
#[derive(Debug)]
pub struct Log {
    pub(crate) shared: Arc<Shared>,
    pub(crate) core: Arc<Core>,
    config: LogConfig,
    producers: ProducerStates,
    rolling: Rolling,
    /// The journal is being replayed into it.
    recovering: bool,
}

/// Batches for the leader to append.
#[derive(Debug)]
pub struct LeaderAppend {
    /// Whole record batches, validated, with offsets from 0. Taken out when they are appended.
    pub records: Bytes,
    /// The epoch of the leader that appends them.
    pub leader_epoch: LeaderEpoch,
    /// The wall clock now.
    pub now: Timestamp,
    /// Who sent them.
    pub origin: Origin,
}

/// Who sent an append, and so what is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A producer: sequences must go on.
    Client,
    /// A coordinator: markers and its own records; only epochs are checked.
    Coordinator,
}

/// Where an append is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// The offset of its last record.
    pub last_offset: Offset,
    /// The largest timestamp of its batches.
    pub max_timestamp: Timestamp,
    /// It was there already: a retry. The offsets are those of the original.
    pub duplicate: bool,
}

/// What may be acknowledged: below `offset` all is as durable as the log's mode promises. News of an earlier
/// `truncation` is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durable {
    /// The offset after the last durable record.
    pub offset: Offset,
    /// Counts the cuts.
    pub truncation: u64,
}

/// The ends of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The first offset that may be read.
    pub log_start_offset: Offset,
    /// The offset after the last record.
    pub log_end_offset: Offset,
    /// Counts the cuts.
    pub truncation: u64,
    /// The last leader epoch; `None` in a log that never had one.
    pub leader_epoch: Option<LeaderEpoch>,
}

/// A record that was found by its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The record's timestamp.
    pub timestamp: Timestamp,
    /// The record's offset.
    pub offset: Offset,
    /// The epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
}

impl Log {
    pub(crate) fn new(core: Arc<Core>, shared: Arc<Shared>, config: LogConfig, producers: ProducerStates) -> Log {
        shared.configure(&config);
        Log { shared, core, config, producers, rolling: Rolling::default(), recovering: false }
    }

    /// Which partition it is.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.shared.topic_partition
    }

    /// The topic's id; zero where the directory does not say.
    pub fn topic_id(&self) -> Uuid {
        self.shared.topic_id()
    }

    /// Reads beside the owner.
    pub fn reader(&self) -> LogReader {
        LogReader { shared: self.shared.clone(), reading: self.core.reading.clone() }
    }

    /// The first offset that may be read.
    pub fn log_start_offset(&self) -> Offset {
        self.shared.log_start_offset()
    }

    /// The offset after the last record.
    pub fn log_end_offset(&self) -> Offset {
        self.shared.log_end_offset()
    }

    /// The high watermark of the last checkpoint or [`Log::set_high_watermark`]; what it means is for replication.
    pub fn high_watermark(&self) -> Offset {
        self.shared.high_watermark()
    }

    /// Keeps the high watermark for the next checkpoint.
    pub fn set_high_watermark(&self, offset: Offset) {
        self.shared.set_high_watermark(offset);
    }

    /// What may be acknowledged, as it moves.
    pub fn durable(&self) -> watch::Receiver<Durable> {
        self.shared.durable.subscribe()
    }

    /// Bytes of all segments.
    pub fn size(&self) -> u64 {
        self.shared.size()
    }

    /// Whether an append is durable only when it is on stable storage.
    pub fn is_journaled(&self) -> bool {
        self.shared.progress().journaled
    }

    /// Whether its log directory takes nothing more: what failed will not pass.
    pub fn directory_has_failed(&self) -> bool {
        self.core.reading.volume.check().is_err()
    }

    /// Whether there is space for a good many appends more, as far as can be told without one.
    pub async fn has_space(&self) -> bool {
        let available = self.core.reading.volume.disk().available().await;
        !self.core.is_out_of_space() && available.is_ok_and(|bytes| bytes >= SPACE_FOR_APPENDS)
    }

    /// Whether a cut at `offset` leaves all below it that ever counted. Beyond a cut that is not so a cleaner was: what it took
    /// away below was for the sake of what is cut.
    pub fn is_whole_below(&self, offset: Offset) -> bool {
        offset >= self.shared.first_dirty()
    }

    /// The settings in use.
    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Uses other settings from now on. The mode changes only by [`Log::set_journaled`].
    pub fn set_config(&mut self, config: LogConfig) {
        if self.config.compact && !config.compact {
            // The cleaner will not come again, but where it was offsets are missing.
            self.shared.set_gaps_below(self.log_end_offset());
        } else if config.compact {
            self.shared.set_gaps_below(Offset::MAX);
        }
        self.shared.configure(&config);
        self.config = config;
    }

    /// The producers that are remembered, by id.
    pub fn active_producers(&self) -> Vec<ActiveProducer> {
        self.producers.active()
    }

    /// Where the earliest open transaction starts.
    pub fn first_open_transaction(&self) -> Option<Offset> {
        self.producers.first_open_transaction()
    }

    /// Forgets producers that wrote nothing for as long as the directory's options say.
    pub fn expire_producers(&mut self, now: Timestamp) {
        self.producers.expire(now, self.core.options.producer_id_expiration_ms);
    }

    /// Gives the log its topic's id, where the directory did not say: before it may be journaled.
    ///
    /// # Errors
    /// The disk refused.
    pub async fn assign_topic_id(&mut self, topic_id: Uuid) -> Result<(), StorageFault> {
        let contents = crate::partition_metadata::encode(topic_id);
        let volume = &self.core.reading.volume;
        volume.replace(&self.shared.directory, crate::partition_metadata::FILE, contents.into()).await?;
        self.shared.set_topic_id(topic_id);
        Ok(())
    }
}
