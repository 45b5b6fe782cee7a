//! Recovery: the journal's groups, in order, each entry to the log it is of.

use super::layout;
use super::load::{Found, Loaded, Parts, assemble, read_epochs};
use super::unmade::Unmade;
use super::{Core, fail_closed};
use crate::config::LogConfig;
use crate::epochs::LeaderEpochs;
use crate::fault::{FailedClosed, StorageFault};
use crate::journal::{Change, Entry};
use crate::log::{Place, ReplayFault};
use crate::names::{DELETE_DIRECTORY_SUFFIX, partition_directory, renamed_directory};
use crate::segment::{IndexState, Segment};
use crate::segment_index::SegmentIndex;
use model::{LeaderEpoch, Offset, PartitionId, TopicPartition, Uuid, mark};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The logs that the journal speaks of, by id.
pub(super) type ById = BTreeMap<(Uuid, PartitionId), Loaded>;

/// Applies the journal to the logs.
pub(super) struct Replaying<'a> {
    pub core: &'a Arc<Core>,
    pub config_of: &'a (dyn Fn(&TopicPartition) -> LogConfig + Sync),
    pub logs: ById,
    /// The logs that are not journaled, and up to which group their lines cover them.
    pub plain: BTreeMap<(Uuid, PartitionId), u64>,
    /// The logs that were dropped so far.
    pub dropped: BTreeSet<(Uuid, PartitionId)>,
    /// Logs that were changed and not dropped, and that neither the checkpoint nor an entry so far has made.
    pub unmade: Unmade,
}

impl Replaying<'_> {
    /// Applies one entry of group `sequence`.
    pub async fn apply(&mut self, sequence: u64, entry: Entry) -> Result<(), StorageFault> {
        let key = (entry.topic_id, entry.partition);
        match self.logs.get_mut(&key) {
            Some(loaded) if sequence <= loaded.covered => Ok(()),
            Some(_) if entry.change == Change::Dropped => self.drop_log(key).await,
            Some(loaded) => replay_into(loaded, sequence, entry).await,
            // It was journaled before its line said otherwise.
            None if self.plain.get(&key).is_some_and(|covered| sequence <= *covered) => Ok(()),
            None => match entry.change {
                Change::Open { topic, start } => {
                    self.unmade.remove(&key);
                    self.open_log(sequence, key, &topic, start).await
                }
                // The checkpoint knows. Its directory may be there all the same.
                Change::Dropped => {
                    self.unmade.remove(&key);
                    self.dropped.insert(key);
                    Ok(())
                }
                // It will be dropped, or something has rotted.
                _ => {
                    self.unmade.insert(key);
                    Ok(())
                }
            },
        }
    }

    async fn drop_log(&mut self, key: (Uuid, PartitionId)) -> Result<(), StorageFault> {
        mark!("drop replayed");
        self.dropped.insert(key);
        let Some(loaded) = self.logs.remove(&key) else { return Ok(()) };
        if loaded.is_replaced {
            return Ok(());
        }
        self.rename_away(&partition_directory(&loaded.topic_partition), &loaded.topic_partition).await
    }

    async fn open_log(
        &mut self,
        sequence: u64,
        key: (Uuid, PartitionId),
        topic: &str,
        start: Offset,
    ) -> Result<(), StorageFault> {
        mark!("creation replayed");
        let topic_partition = TopicPartition::new(topic, key.1);
        // One whose directory is a later one's by now is no log any more.
        let same_name = |loaded: &Loaded| loaded.topic_partition == topic_partition && !loaded.is_replaced;
        if self.logs.values().any(same_name) {
            let reason = format!("journal group {sequence} opens {topic_partition}, which is there with another id");
            tracing::error!("{reason}");
            return Ok(());
        }
        let config = (self.config_of)(&topic_partition);
        let gaps_below = if config.compact { Offset::MAX } else { 0 };
        let found = Found {
            topic_partition: topic_partition.clone(),
            config,
            line: None,
            recovery_point: start,
            log_start_offset: start,
            high_watermark: start,
            gaps_below,
            is_ours: true,
            first_dirty: 0,
        };
        let Some(highest_epoch) = self.clear_directory(&topic_partition, key.0).await? else {
            self.logs.insert(key, found.replaced(key.0, sequence - 1));
            return Ok(());
        };
        let live = IndexState::Live(SegmentIndex::default());
        let segment = Segment::new(found.directory().as_str().into(), start, 0, live, runtime::clock::now());
        segment.create_file(&self.core.reading.volume).await?;
        let parts = Parts {
            topic_id: key.0,
            segments: vec![Arc::new(segment)],
            unsynced: Vec::new(),
            epochs: LeaderEpochs::default(),
            place: Place { end_offset: start, segment_base_offset: start, position: 0 },
            is_synced: false,
        };
        let mut log = assemble(self.core, &found, parts).await?;
        log.set_recovering(true);
        // Other entries of the same group come after this one.
        let covered = sequence - 1;
        let loaded = Loaded {
            topic_partition,
            topic_id: key.0,
            log: Ok(log),
            covered,
            broken: None,
            highest_epoch,
            is_replaced: false,
            may_lack: false,
        };
        self.logs.insert(key, loaded);
        Ok(())
    }

    /// Makes an empty directory for the partition. What has its name is this one's, or an earlier one's whose removal
    /// was lost with the power: that one was dropped before. Else it is a later one's, which is left alone (`None`): it
    /// could only be made when this one had been dropped. Gives the highest leader epoch that this one was given.
    async fn clear_directory(
        &self,
        topic_partition: &TopicPartition,
        topic_id: Uuid,
    ) -> Result<Option<Option<LeaderEpoch>>, StorageFault> {
        let volume = &self.core.reading.volume;
        let directory = partition_directory(topic_partition);
        let found = match volume.disk().list(&directory).await {
            Ok(_) => Some(layout::topic_id(volume, &directory).await?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(StorageFault::Disk { path: directory, error }),
        };
        match found {
            Some(found) if found != topic_id && !found.is_zero() => {
                if !self.dropped.contains(&(found, topic_partition.partition)) {
                    mark!("a later partition of the same name");
                    return Ok(None);
                }
                mark!("an earlier partition of the same name");
                self.rename_away(&directory, topic_partition).await?;
            }
            Some(_) => {
                let highest_epoch = read_epochs(volume, &directory).await?.and_then(|epochs| epochs.latest());
                layout::clear_partition(volume, &directory).await?;
                layout::write_topic_id(volume, &directory, topic_id).await?;
                self.core.root_changed();
                return Ok(Some(highest_epoch));
            }
            None => {}
        }
        self.core.root_changed();
        layout::make_partition(volume, &directory, topic_id).await?;
        Ok(Some(None))
    }

    async fn rename_away(&self, directory: &str, topic_partition: &TopicPartition) -> Result<(), StorageFault> {
        let unique = u128::from(runtime::rand::u64()) << 64 | u128::from(runtime::rand::u64());
        let to = renamed_directory(topic_partition, unique, DELETE_DIRECTORY_SUFFIX);
        let disk = self.core.reading.volume.disk();
        match disk.rename(directory, &to).await {
            Ok(()) => {
                self.core.root_changed();
                self.core.removals.directory_after(to, runtime::time::Duration::ZERO);
                Ok(())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(StorageFault::Disk { path: directory.to_owned(), error }),
        }
    }

    /// A journal group is corrupt: every log that is not covered beyond it may have lost something.
    pub fn fail_behind(&mut self, corrupt: u64) {
        for loaded in self.logs.values_mut() {
            if loaded.covered < corrupt && loaded.log.is_ok() {
                mark!("corrupt journal group");
                loaded.log = Err(FailedClosed {
                    reason: format!(
                        "journal group {corrupt} is corrupt, and the files are covered up to {}",
                        loaded.covered
                    ),
                });
            }
        }
    }

    /// After the last entry: gives the logs, of which those that are still contradicted are closed.
    pub async fn finish(self) -> Result<Vec<Loaded>, StorageFault> {
        let mut finished = Vec::with_capacity(self.logs.len());
        let there = self.logs.values().filter(|loaded| !loaded.is_replaced);
        let there: BTreeSet<TopicPartition> = there.map(|loaded| loaded.topic_partition.clone()).collect();
        for mut loaded in self.logs.into_values() {
            // Without a later one in the journal it is not known that its directory is not its own: the file that says so
            // may have rotted. Then it stays closed, and nothing takes its place.
            if let (true, Err(failed)) = (there.contains(&loaded.topic_partition), &loaded.log)
                && loaded.is_replaced
            {
                tracing::error!(log = %loaded.topic_partition, "forgotten: {failed}");
                continue;
            }
            if let (Ok(_), Some(broken)) = (&loaded.log, loaded.broken.take()) {
                loaded.log = Err(FailedClosed { reason: broken.reason });
            }
            if let Ok(log) = &loaded.log
                && log.log_start_offset() > log.log_end_offset()
            {
                let reason =
                    format!("the log starts at {} and ends at {}", log.log_start_offset(), log.log_end_offset());
                loaded.log = Err(FailedClosed { reason });
            }
            finished.push(loaded);
        }
        Ok(finished)
    }
}

async fn replay_into(loaded: &mut Loaded, sequence: u64, entry: Entry) -> Result<(), StorageFault> {
    let Ok(log) = &mut loaded.log else { return Ok(()) };
    match log.replay(sequence, entry, &mut loaded.broken).await {
        Ok(()) => Ok(()),
        Err(ReplayFault::Contradiction(failed)) => {
            loaded.log = Err(failed);
            Ok(())
        }
        Err(ReplayFault::Fault(fault)) => Err(fault),
    }
}

/// Leaves a mark in every partition that stays closed.
pub(super) async fn mark_failed(core: &Core, loaded: &Loaded) -> Result<(), StorageFault> {
    match &loaded.log {
        Ok(_) => Ok(()),
        Err(failed) => fail_closed::leave(&core.reading.volume, &loaded.topic_partition, loaded.topic_id, failed).await,
    }
}
