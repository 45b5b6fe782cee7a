//! Making a log.

use super::{LogDirectory, layout};
use crate::config::LogConfig;
use crate::epochs::LeaderEpochs;
use crate::fault::StorageFault;
use crate::journal::{Change, Entry};
use crate::log::{Claim, Log, Place, Progress, Published, Shared};
use crate::names::partition_directory;
use crate::producers::ProducerStates;
use crate::segment::{IndexState, Segment};
use crate::segment_index::SegmentIndex;
use model::{Offset, TopicPartition, Uuid};
use runtime::time::Instant;
use std::collections::BTreeMap;
use std::sync::Arc;

impl LogDirectory {
    /// Makes an empty log that starts at 0. A journaled one exists after a crash once something appended to it is
    /// durable; one that is not, once it was synced in the background.
    ///
    /// # Errors
    /// It exists already; the topic id is zero and the log would be journaled; the disk refused.
    pub async fn create(
        &self,
        topic_partition: TopicPartition,
        topic_id: Uuid,
        config: LogConfig,
        journaled: bool,
    ) -> Result<Log, StorageFault> {
        let core = &self.core;
        core.reading.volume.check()?;
        let directory = partition_directory(&topic_partition);
        assert!(!journaled || !topic_id.is_zero(), "a journaled log needs its topic's id");
        let gaps_below = if config.compact { Offset::MAX } else { 0 };
        let now = runtime::clock::now();
        let live = IndexState::Live(SegmentIndex::default());
        let segment = Arc::new(Segment::new(directory.as_str().into(), 0, 0, live, now));
        let place = Place { end_offset: 0, segment_base_offset: 0, position: 0 };
        let settled = (!journaled).then(|| Claim { sequence: core.journal_durable(), place });
        let mut progress = Progress::new(journaled, place, settled, None);
        progress.created(Instant::now());
        let shared = Arc::new(Shared::new(Published {
            topic_partition: topic_partition.clone(),
            topic_id,
            directory: directory.as_str().into(),
            segments: vec![segment.clone()],
            log_start_offset: 0,
            log_end_offset: 0,
            high_watermark: 0,
            gaps_below,
            first_dirty: 0,
            epochs: LeaderEpochs::default(),
            progress,
            damage: BTreeMap::new(),
        }));
        // Known before its entry is: the journal's tail waits for logs that are known.
        if !core.register(shared.clone()) {
            return Err(StorageFault::Exists(topic_partition));
        }
        if let Err(fault) = self.make_files(&directory, topic_id, &segment).await {
            core.unregister(&shared, false);
            return Err(fault);
        }
        core.root_changed();
        if journaled {
            let change = Change::Open { topic: topic_partition.topic.to_string(), start: 0 };
            let partition = topic_partition.partition;
            core.submit(&shared, [(Entry { topic_id, partition, end_before: 0, end_after: 0, change }, place)]);
        }
        Ok(Log::new(core.clone(), shared, config, ProducerStates::default()))
    }

    async fn make_files(&self, directory: &str, topic_id: Uuid, segment: &Segment) -> Result<(), StorageFault> {
        let volume = &self.core.reading.volume;
        match layout::make_partition(volume, directory, topic_id).await {
            Ok(()) => {}
            Err(StorageFault::Disk { error, .. }) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(StorageFault::corrupt(directory, "the directory is there, and no open log has it"));
            }
            Err(fault) => {
                let _ = layout::remove_partition(volume, directory).await;
                return Err(fault);
            }
        }
        let made = segment.create_file(volume).await;
        if made.is_err() {
            let _ = layout::remove_partition(volume, directory).await;
        }
        made
    }
}
