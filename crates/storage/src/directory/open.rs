//! Opening a log directory: whatever state it is in, what was acknowledged is found, or the partition stays closed.
//!
//! Nothing is served, and nothing new is promised, before everything that recovery did is on stable storage. A crash
//! on the way leaves a directory from which the same recovery leads to the same logs.

use super::checkpoints::Checkpoints;
use super::load::{Found, Loaded};
use super::parallel::in_parallel;
use super::replay::{Replaying, mark_failed};
use super::unmade::{self, Unmade};
use super::{Barrier, Core, LogDirectory, layout, load_journaled, load_scanned};
use crate::checkpoint::{self, Checkpoint, CheckpointLine, Mode};
use crate::config::{DirectoryOptions, LogConfig};
use crate::fault::{FailedClosed, StorageFault};
use crate::journal::{Journal, JournalPosition, Replay};
use crate::log::{Claim, Log, Reading};
use crate::offset_checkpoint::{self as offsets, Offsets};
use crate::open_files::OpenFiles;
use crate::read_buffers::ReadBuffers;
use crate::segment_index::IndexCache;
use crate::volume::Volume;
use crate::{clean_mark, doubt_mark, meta_properties};
use model::{Offset, PartitionId, TopicPartition, Uuid, mark, planted};
use runtime::disk::Disk;
use runtime::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Locks the directory.
const LOCK: &str = ".lock";

/// What was found in a log directory.
#[derive(Debug)]
pub struct Opened {
    /// The directory.
    pub directory: LogDirectory,
    /// Its partitions, by name.
    pub logs: Vec<OpenedLog>,
    /// Whether the last one to use it closed it.
    pub clean: bool,
    /// Partitions that were here and have no directory: the part of the journal that would make it has rotted.
    pub lost: Vec<(Uuid, PartitionId)>,
}

/// One partition of an opened directory.
#[derive(Debug)]
pub struct OpenedLog {
    /// Which.
    pub topic_partition: TopicPartition,
    /// The topic's id; zero where the directory does not say.
    pub topic_id: Uuid,
    /// The log, or why it stays closed.
    pub log: Result<Log, FailedClosed>,
    /// What was in the page cache alone may be gone, with the power or with a disk: a replica that was in sync may not be now.
    /// By what the disk says of its mode: the config may have changed since.
    pub may_lack: bool,
}

/// Kafka's offset files.
struct OffsetFiles {
    recovery_points: Offsets,
    log_starts: Offsets,
    high_watermarks: Offsets,
    cleaned: Offsets,
    /// Beside them is a checkpoint of ours.
    are_ours: bool,
}

impl LogDirectory {
    /// Opens the directory at the root of `disk`, which may be empty, cleanly closed by us or by Kafka, or as a crash
    /// left it. `config_of` is asked once for each partition.
    ///
    /// # Errors
    /// It is in use, or another broker's; a file in the root is corrupt; the disk refused.
    pub async fn open(
        disk: Disk,
        options: DirectoryOptions,
        config_of: &(dyn Fn(&TopicPartition) -> LogConfig + Sync),
    ) -> Result<Opened, StorageFault> {
        let lock = match disk.lock(LOCK).await {
            Ok(lock) => lock,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                return Err(StorageFault::Locked { root: disk.root().display().to_string() });
            }
            Err(error) => return Err(StorageFault::Disk { path: LOCK.to_owned(), error }),
        };
        let volume = Volume::new(disk.clone(), options.sync_deadline);
        let properties = meta_properties::open(&volume, &options).await?;
        let clean = clean_mark::is_there(&volume).await?;
        let doubted = doubt_mark::is_there(&volume).await?;
        let checkpoint = read_checkpoint(&disk, clean).await?;
        let from = checkpoint.as_ref().map(JournalPosition::from);
        let (journal, replay) = Journal::open(disk, options.journal.clone(), from).await?;
        let reading = Arc::new(Reading {
            volume: volume.clone(),
            indexes: IndexCache::new(options.index_cache_bytes),
            open_files: OpenFiles::new(options.open_files),
            buffers: ReadBuffers::new(options.read_buffer_bytes),
            decompressed_batch_bytes: options.decompressed_batch_bytes,
        });
        let core = Arc::new(Core::new(reading, options, properties, journal, Checkpoints::default(), lock, doubted));
        let (loaded, lost) = recover(&core, checkpoint, replay, config_of, clean).await?;
        core.journal.start_generation().await?;
        clean_mark::take_away(&volume).await?;
        let logs = start(&core, loaded, config_of).await?;
        if doubted {
            doubt_mark::take_away(&volume).await?;
        }
        core.start_tasks();
        Ok(Opened { directory: LogDirectory { core }, logs, clean, lost: lost.into_iter().collect() })
    }
}

/// The checkpoint, with its lines. After a clean stop no line of ours says "journaled": if one does, somebody else used
/// the directory since and closed it, and nothing that we knew counts.
async fn read_checkpoint(disk: &Disk, clean: bool) -> Result<Option<Checkpoint>, StorageFault> {
    let mut checkpoint = checkpoint::read(disk).await?;
    if let Some(checkpoint) = &mut checkpoint
        && clean
        && checkpoint.partitions.iter().any(|line| line.mode == Mode::Journaled)
    {
        mark!("closed cleanly by somebody else");
        tracing::warn!("another program closed this log directory: its files count, our journal does not");
        checkpoint.partitions.clear();
    }
    Ok(checkpoint)
}

/// Brings every partition to where it was, and all of it to stable storage. Gives also those that are gone.
async fn recover(
    core: &Arc<Core>,
    checkpoint: Option<Checkpoint>,
    replay: Replay,
    config_of: &(dyn Fn(&TopicPartition) -> LogConfig + Sync),
    clean: bool,
) -> Result<(Vec<Loaded>, Unmade), StorageFault> {
    let files = OffsetFiles::read(&core.reading.volume, checkpoint.is_some()).await?;
    core.checkpoints.found_cleaned(!files.cleaned.is_empty());
    let lines: Vec<CheckpointLine> = checkpoint.map(|checkpoint| checkpoint.partitions).unwrap_or_default();
    let plain = lines.iter().filter(|line| line.mode != Mode::Journaled);
    let plain = plain.map(|line| ((line.topic_id, line.partition), line.sequence)).collect();
    let lines = lines.into_iter().filter(|line| line.mode != Mode::Dropped);
    let by_name: BTreeMap<TopicPartition, CheckpointLine> =
        lines.map(|line| (TopicPartition::new(line.topic.as_str(), line.partition), line)).collect();
    let find = |topic_partition: &TopicPartition| {
        files.found(topic_partition, config_of(topic_partition), by_name.get(topic_partition).cloned())
    };
    let journaled: Vec<Found> = by_name.keys().map(find).filter(is_journaled).collect();
    let loaded = load_all(core, journaled, clean).await?;
    let logs = loaded.into_iter().map(|loaded| ((loaded.topic_id, loaded.topic_partition.partition), loaded));
    let logs = logs.collect();
    let mut replaying = Replaying { core, config_of, logs, plain, dropped: BTreeSet::new(), unmade: Unmade::new() };
    let unmade = if clean { None } else { apply_journal(&mut replaying, replay).await? };
    let (is_rotten, mut unmade) = (unmade.is_some(), unmade.unwrap_or_default());
    let mut loaded = replaying.finish().await?;
    let known: BTreeSet<TopicPartition> = loaded.iter().map(|loaded| loaded.topic_partition.clone()).collect();
    let mut listed = layout::list(&core.reading.volume).await?;
    listed.partitions.retain(|topic_partition| !known.contains(topic_partition));
    let find_plain = |topic_partition: &TopicPartition| {
        // A journaled line of that name was another log's, which was dropped.
        let found = find(topic_partition);
        if is_journaled(&found) { Found { line: None, ..found } } else { found }
    };
    loaded.extend(unmade::close(&core.reading.volume, &mut unmade, &mut listed.partitions, find_plain).await?);
    let mut plain = load_all(core, listed.partitions.iter().map(find_plain).collect(), clean).await?;
    // One without a line may have been journaled, and all of it may have been in what has rotted.
    let unknown = plain.iter_mut().filter(|loaded| is_rotten && !by_name.contains_key(&loaded.topic_partition));
    unknown.for_each(|loaded| loaded.may_lack = true);
    loaded.extend(plain);
    for directory in listed.to_remove {
        core.removals.directory_after(directory, Duration::ZERO);
    }
    Ok((finish_all(core, loaded).await?, unmade))
}

/// The mode comes from the disk and never from the config (DESIGN section 6, rule 5).
fn is_journaled(found: &Found) -> bool {
    if planted!("mode-from-config") {
        return found.config.wants_journal() && found.line.is_some();
    }
    found.line.as_ref().is_some_and(|line| line.mode == Mode::Journaled)
}

/// Gives the logs whose making has rotted, where something has.
async fn apply_journal(replaying: &mut Replaying<'_>, mut replay: Replay) -> Result<Option<Unmade>, StorageFault> {
    let corrupt = replay.corrupt.clone();
    while let Some(group) = replay.next_group().await? {
        for entry in group.entries {
            replaying.apply(group.sequence, entry).await?;
        }
    }
    let is_whole = corrupt.is_empty();
    for sequence in corrupt {
        replaying.fail_behind(sequence);
    }
    Ok((!is_whole).then(|| std::mem::take(&mut replaying.unmade)))
}

/// Loads partitions, some at a time.
async fn load_all(core: &Arc<Core>, found: Vec<Found>, clean: bool) -> Result<Vec<Loaded>, StorageFault> {
    let load = move |core: Arc<Core>, found: Found| async move {
        match found.line.as_ref().filter(|_| is_journaled(&found)) {
            Some(line) => load_journaled::load(&core, &found, line).await,
            None => load_scanned::load(&core, found, clean).await,
        }
    };
    in_parallel(core, found, load).await
}

/// Everything that recovery did is on stable storage when this returns.
async fn finish_all(core: &Arc<Core>, loaded: Vec<Loaded>) -> Result<Vec<Loaded>, StorageFault> {
    let finish = |core: Arc<Core>, mut loaded: Loaded| async move {
        if let Ok(log) = &mut loaded.log {
            log.finish_recovery(loaded.highest_epoch).await?;
            log.sync_all().await?;
            log.close_files();
        }
        mark_failed(&core, &loaded).await?;
        Ok(loaded)
    };
    let finished = in_parallel(core, loaded, finish).await?;
    core.sync_root().await?;
    Ok(finished)
}

/// Registers the logs and writes the checkpoint of the new generation: everything so far is on stable storage, so each
/// line may say the mode that the config wants.
async fn start(
    core: &Arc<Core>,
    loaded: Vec<Loaded>,
    config_of: &(dyn Fn(&TopicPartition) -> LogConfig + Sync),
) -> Result<Vec<OpenedLog>, StorageFault> {
    let mut barriers = Vec::new();
    let mut logs = Vec::with_capacity(loaded.len());
    for Loaded { topic_partition, topic_id, log, may_lack, .. } in loaded {
        if let Ok(log) = &log {
            let mode = Mode::of(config_of(&topic_partition).wants_journal() && !log.topic_id().is_zero());
            let claim = Claim { sequence: core.journal_durable(), place: log.shared.progress().applied() };
            core.register(log.shared.clone());
            barriers.push(Barrier { shared: log.shared.clone(), mode, claim });
        }
        logs.push(OpenedLog { topic_partition, topic_id, log, may_lack });
    }
    core.checkpoints.write_barriers(core, barriers).await?;
    logs.sort_by(|a, b| a.topic_partition.cmp(&b.topic_partition));
    Ok(logs)
}

impl OffsetFiles {
    async fn read(volume: &Volume, are_ours: bool) -> Result<OffsetFiles, StorageFault> {
        Ok(OffsetFiles {
            recovery_points: or_none(offsets::read(volume, offsets::RECOVERY_POINTS).await)?,
            // Without the log starts deleted records would be back: that must not happen unseen.
            log_starts: offsets::read(volume, offsets::LOG_STARTS).await?,
            high_watermarks: or_none(offsets::read(volume, offsets::HIGH_WATERMARKS).await)?,
            cleaned: or_none(offsets::read(volume, offsets::CLEANER).await)?,
            are_ours,
        })
    }

    fn found(&self, topic_partition: &TopicPartition, config: LogConfig, line: Option<CheckpointLine>) -> Found {
        let of = |offsets: &Offsets| offsets.get(topic_partition).copied().unwrap_or(0).max(0);
        let cleaned = self.cleaned.get(topic_partition).copied();
        let gaps_below = match cleaned {
            _ if config.compact => Offset::MAX,
            // It was compacted once. What a cleaner touched was synced before, above what the file may say.
            Some(cleaned) => cleaned.max(line.as_ref().map_or(0, |line| line.end_offset)),
            None => 0,
        };
        Found {
            topic_partition: topic_partition.clone(),
            config,
            line,
            recovery_point: of(&self.recovery_points),
            log_start_offset: of(&self.log_starts),
            high_watermark: of(&self.high_watermarks),
            gaps_below,
            is_ours: self.are_ours,
            first_dirty: of(&self.cleaned),
        }
    }
}

/// A file without which the same is found in a slower way may be corrupt.
fn or_none(read: Result<Offsets, StorageFault>) -> Result<Offsets, StorageFault> {
    match read {
        Err(StorageFault::Corrupt { path, reason }) => {
            mark!("offset checkpoint not usable");
            tracing::warn!("{path} is not used: {reason}");
            Ok(Offsets::new())
        }
        read => read,
    }
}
