//! Loading a log from its files: what both kinds of recovery share.

use super::Core;
use super::layout;
use crate::checkpoint::CheckpointLine;
use crate::config::LogConfig;
use crate::epochs::LeaderEpochs;
use crate::fault::{FailedClosed, StorageFault};
use crate::log::{Broken, Chain, Claim, Log, Place, Progress, Published, Segments, Shared, read_damage};
use crate::names::partition_directory;
use crate::producer_loading::load_producers;
use crate::scan::{Scan, ScanError};
use crate::segment::{IndexState, Segment};
use crate::segment_index::SegmentIndex;
use crate::volume::{Volume, join};
use model::{LeaderEpoch, Offset, TopicPartition, Uuid, mark, planted};
use std::sync::Arc;

/// A partition to be loaded, and what the files of the log directory say of it.
#[derive(Debug)]
pub(super) struct Found {
    pub topic_partition: TopicPartition,
    pub config: LogConfig,
    pub line: Option<CheckpointLine>,
    pub recovery_point: Offset,
    pub log_start_offset: Offset,
    pub high_watermark: Offset,
    pub gaps_below: Offset,
    /// No other program has used the directory last.
    pub is_ours: bool,
    /// The cleaner has been over all below this offset.
    pub first_dirty: Offset,
}

/// A partition that was loaded.
#[derive(Debug)]
pub(super) struct Loaded {
    pub topic_partition: TopicPartition,
    pub topic_id: Uuid,
    pub log: Result<Log, FailedClosed>,
    /// What entries of groups up to this did is in the files.
    pub covered: u64,
    pub broken: Option<Broken>,
    /// No epoch up to this may be given again.
    pub highest_epoch: Option<LeaderEpoch>,
    /// Its directory belongs to another partition of that name by now: it must have been dropped.
    pub is_replaced: bool,
    /// See [`super::OpenedLog::may_lack`].
    pub may_lack: bool,
}

/// The parts of a log that come from its files.
#[derive(Debug)]
pub(super) struct Parts {
    pub topic_id: Uuid,
    pub segments: Segments,
    /// Of these the index files and the bytes are not on stable storage.
    pub unsynced: Segments,
    pub epochs: LeaderEpochs,
    pub place: Place,
    /// What is on stable storage needs no sync.
    pub is_synced: bool,
}

impl Found {
    pub fn directory(&self) -> String {
        partition_directory(&self.topic_partition)
    }

    /// A partition whose directory is a later one's by now. The journal will say that it was dropped.
    pub fn replaced(&self, topic_id: Uuid, covered: u64) -> Loaded {
        let reason = "another partition has its directory, and the journal does not say that it was dropped";
        let failed = self.failed(topic_id, FailedClosed { reason: reason.to_owned() });
        Loaded { covered, is_replaced: true, ..failed }
    }

    /// A partition that must stay closed.
    pub fn failed(&self, topic_id: Uuid, failed: FailedClosed) -> Loaded {
        Loaded {
            topic_partition: self.topic_partition.clone(),
            topic_id,
            log: Err(failed),
            covered: u64::MAX,
            broken: None,
            highest_epoch: None,
            is_replaced: false,
            may_lack: false,
        }
    }
}

/// Puts a log together. It is not journaled until its line says so.
pub(super) async fn assemble(core: &Arc<Core>, found: &Found, parts: Parts) -> Result<Log, StorageFault> {
    let volume = &core.reading.volume;
    let directory = found.directory();
    let end = parts.place.end_offset;
    let producers = load_producers(volume, &directory, &parts.segments, end, runtime::clock::now()).await?;
    let bases: Vec<Offset> = parts.segments.iter().map(|segment| segment.base_offset).collect();
    let damage = read_damage(volume, &directory, &bases).await?;
    let first = parts.segments.first().expect("a log always has a segment").base_offset;
    let log_start_offset = found.log_start_offset.max(first);
    let mut epochs = parts.epochs;
    epochs.start_at(log_start_offset);
    for segment in &parts.segments {
        segment.close_file();
    }
    let settled = Claim { sequence: 0, place: parts.place };
    let mut progress = Progress::new(false, parts.place, Some(settled), None);
    if !parts.is_synced {
        progress.recovered(parts.unsynced, runtime::time::Instant::now());
    }
    let shared = Shared::new(Published {
        topic_partition: found.topic_partition.clone(),
        topic_id: parts.topic_id,
        directory: directory.as_str().into(),
        segments: parts.segments,
        log_start_offset,
        log_end_offset: end,
        high_watermark: found.high_watermark.clamp(log_start_offset.min(end), end),
        gaps_below: found.gaps_below,
        first_dirty: found.first_dirty.min(end),
        epochs,
        progress,
        damage,
    });
    Ok(Log::new(core.clone(), Arc::new(shared), found.config.clone(), producers))
}

/// Opens the segments with these base offsets, none of them looked into.
pub(super) async fn open_segments(
    volume: &Volume,
    directory: &str,
    bases: &[Offset],
) -> Result<Segments, StorageFault> {
    let shared_directory: Arc<str> = directory.into();
    let now = runtime::clock::now();
    let mut segments = Segments::with_capacity(bases.len());
    for base_offset in bases {
        let segment = Segment::new(shared_directory.clone(), *base_offset, 0, IndexState::OnDisk, now);
        let length = segment.measure(volume).await?;
        segment.set_length(length, now);
        segments.push(Arc::new(segment));
    }
    Ok(segments)
}

/// The epochs in a partition's file; `None` where there are none that can be read.
pub(super) async fn read_epochs(volume: &Volume, directory: &str) -> Result<Option<LeaderEpochs>, StorageFault> {
    let path = join(directory, crate::epochs::FILE);
    let Some(bytes) = volume.read_small(&path).await? else { return Ok(None) };
    let parsed = std::str::from_utf8(&bytes).map_err(|error| error.to_string());
    match parsed.and_then(LeaderEpochs::parse) {
        Ok(epochs) => Ok(Some(epochs)),
        Err(reason) => {
            mark!("leader epochs not usable");
            tracing::warn!("{path}: {reason}");
            Ok(None)
        }
    }
}

/// How far a walk through a segment came.
#[derive(Debug)]
pub(super) struct Walked {
    pub index: SegmentIndex,
    pub chain: Chain,
    pub position: u64,
    /// Why it ended before the end.
    pub stopped: Option<String>,
}

/// What a walk checks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    pub chain: Chain,
    /// Where it ends.
    pub end: u64,
    /// From this offset on the CRC is compared.
    pub crc_from: Offset,
    pub interval: usize,
}

/// Walks the batches of a segment in order as far as they are good, learning its index and epochs.
pub(super) async fn walk(
    volume: &Volume,
    segment: &Segment,
    walk: Walk,
    epochs: &mut LeaderEpochs,
) -> Result<Walked, StorageFault> {
    let walked = walk_open(volume, segment, walk, epochs).await;
    // There may be more logs than files that can be open.
    segment.close_file();
    walked
}

/// A walk over all of a segment that trusts the batches' bytes.
pub(super) fn header_walk(found: &Found, segment: &Segment) -> Walk {
    let chain = Chain {
        next_offset: Some(segment.base_offset),
        leader_epoch: LeaderEpoch::MIN,
        gaps_below: found.gaps_below,
        ends_by: Offset::MAX,
    };
    Walk { chain, end: segment.length(), crc_from: Offset::MAX, interval: found.config.index_interval_bytes }
}

/// The epochs, from the headers of all batches.
pub(super) async fn learn_epochs(
    volume: &Volume,
    found: &Found,
    segments: &[Arc<Segment>],
) -> Result<LeaderEpochs, StorageFault> {
    let mut epochs = LeaderEpochs::default();
    for segment in segments {
        walk(volume, segment, header_walk(found, segment), &mut epochs).await?;
    }
    Ok(epochs)
}

async fn walk_open(
    volume: &Volume,
    segment: &Segment,
    walk: Walk,
    epochs: &mut LeaderEpochs,
) -> Result<Walked, StorageFault> {
    let mut scan = Scan::new(segment.file(volume).await?, segment.path(), 0, walk.end);
    let mut walked = Walked { index: SegmentIndex::default(), chain: walk.chain, position: 0, stopped: None };
    loop {
        let scanned = match next_good(&mut scan, &mut walked.chain, walk.crc_from).await {
            Ok(Some(scanned)) => scanned,
            Ok(None) => return Ok(walked),
            Err(ScanError::Fault(fault)) => return Err(fault),
            Err(ScanError::NoBatch { position, reason }) => {
                walked.stopped = Some(format!("{} at {position}: {reason}", segment.path()));
                return Ok(walked);
            }
        };
        if !crate::offset_index::fits(segment.base_offset, scanned.header.last_offset()) {
            walked.stopped = Some(format!("{}: an offset far outside the segment", segment.path()));
            return Ok(walked);
        }
        walked.index.learn(segment.base_offset, &scanned.header, scanned.position, walk.interval);
        epochs.learn(scanned.header.leader_epoch, scanned.header.base_offset);
        walked.position = scanned.end_position();
    }
}

async fn next_good(
    scan: &mut Scan,
    chain: &mut Chain,
    crc_from: Offset,
) -> Result<Option<crate::scan::Scanned>, ScanError> {
    let Some(scanned) = scan.next_header().await? else { return Ok(None) };
    let no_batch = |reason| ScanError::NoBatch { position: scanned.position, reason };
    if scanned.header.last_offset() >= crc_from && !planted!("recovery-accepts-by-length") {
        let bytes = scan.bytes_of(&scanned).await?;
        let batch = protocol::records::BatchView { header: scanned.header, bytes };
        batch.check_crc().map_err(|error| no_batch(error.to_string()))?;
    }
    chain.follow(&scanned.header).map_err(no_batch)?;
    Ok(Some(scanned))
}

/// Removes the files of segments that are not part of the log.
pub(super) async fn remove_segments(volume: &Volume, directory: &str, bases: &[Offset]) -> Result<(), StorageFault> {
    for base_offset in bases {
        for kind in crate::names::SegmentFile::ALL {
            // The snapshot at a segment's base tells of what comes before it.
            if kind != crate::names::SegmentFile::ProducerSnapshot {
                volume.remove_if_there(&kind.path(directory, *base_offset)).await?;
            }
        }
    }
    Ok(())
}

/// Lists a partition's directory and clears away what nobody needs.
pub(super) async fn tidy(volume: &Volume, directory: &str) -> Result<layout::PartitionFiles, StorageFault> {
    let mut files = layout::list_partition(volume, directory).await?;
    if files.failed_closed {
        return Ok(files);
    }
    // First: a file that waits to be removed may be all that is left of what a swap stands for.
    files.broken_swap = super::swaps::finish(volume, directory, &mut files).await?.err();
    if files.broken_swap.is_none() {
        layout::remove_strays(volume, directory, &files).await?;
    }
    Ok(files)
}
