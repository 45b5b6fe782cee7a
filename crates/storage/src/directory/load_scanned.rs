//! Loading a log that is not journaled: after a clean stop as it is, else by scanning from the recovery point.

use super::Core;
use super::load::{
    Found, Loaded, Parts, assemble, header_walk, learn_epochs, open_segments, read_epochs, remove_segments, tidy, walk,
};
use super::{fail_closed, layout};
use crate::LeaderEpochs;
use crate::checkpoint::{CheckpointLine, Mode};
use crate::fault::{FailedClosed, StorageFault};
use crate::log::{Place, Segments};
use crate::segment::{IndexState, Segment};
use crate::segment_index::SegmentIndex;
use crate::volume::Volume;
use model::{LeaderEpoch, Offset, Uuid, mark};
use std::sync::Arc;

/// What a scan found.
struct Scanned {
    end_offset: Offset,
    /// From here on nothing was known to be on stable storage.
    unsynced: Segments,
    is_synced: bool,
}

/// Loads the log. `clean` says that the last one to use it closed it.
pub(super) async fn load(core: &Arc<Core>, mut found: Found, clean: bool) -> Result<Loaded, StorageFault> {
    let volume = &core.reading.volume;
    let directory = found.directory();
    let files = tidy(volume, &directory).await?;
    let topic_id = identify(volume, &found, &directory).await?;
    // Of an earlier partition of this name, it says nothing of this one.
    found.line = found.line.filter(|line| line.topic_id == topic_id);
    let found = &found;
    if files.failed_closed {
        return Ok(found.failed(topic_id, fail_closed::read(volume, &directory).await?));
    }
    if let Some(reason) = files.broken_swap {
        return Ok(found.failed(topic_id, FailedClosed { reason }));
    }
    let mut segments = open_segments(volume, &directory, &files.segments).await?;
    let read = read_epochs(volume, &directory).await?;
    let highest_epoch = read.as_ref().and_then(LeaderEpochs::latest);
    let is_empty = segments.iter().all(|segment| segment.length() == 0);
    let mut epochs = match read {
        None if !is_empty => learn_epochs(volume, found, &segments).await?,
        read => read.unwrap_or_default(),
    };
    if segments.is_empty() {
        segments.push(new_segment(volume, &directory, found.log_start_offset).await?);
    }
    let scanned = if clean {
        take_as_it_is(volume, found, &segments, &mut epochs).await?
    } else {
        let scanned = scan(volume, found, &mut segments, &mut epochs).await?;
        if core.doubted {
            write_again(volume, found, topic_id, &segments).await?;
        }
        scanned
    };
    let scanned = match scanned {
        Ok(scanned) => scanned,
        Err(failed) => return Ok(found.failed(topic_id, failed)),
    };
    let log = finish(core, found, topic_id, segments, epochs, scanned).await?;
    let may_lack = !clean && may_lack(found, log.shared.progress().applied());
    Ok(Loaded {
        topic_partition: found.topic_partition.clone(),
        topic_id,
        log: Ok(log),
        covered: u64::MAX,
        broken: None,
        highest_epoch,
        is_replaced: false,
        may_lack,
    })
}

/// Whether the page cache may have had more than is found in `place`.
fn may_lack(found: &Found, place: Place) -> bool {
    match &found.line {
        // Nothing was appended since the clean stop, unless by somebody else.
        Some(line) if line.mode == Mode::Closed => {
            let at_line = Place {
                end_offset: line.end_offset,
                segment_base_offset: line.segment_base_offset,
                position: line.position,
            };
            place != at_line || found.recovery_point != line.end_offset
        }
        Some(_) => true,
        // A journaled log whose making is not in the journal: nobody was told of anything in it.
        None => !found.is_ours || !found.config.wants_journal(),
    }
}

/// The topic's id. Where its file was not synced before the power failed, or rotted, our own line may know it. A file that
/// names another topic has rotted, too, unless the one of the line was dropped, which its line would say, or another
/// program was here since a clean stop.
async fn identify(volume: &Volume, found: &Found, directory: &str) -> Result<Uuid, StorageFault> {
    let told = layout::topic_id(volume, directory).await?;
    let was_there = |line: &&CheckpointLine| told.is_zero() || line.mode == Mode::PageCache;
    let known = found.line.as_ref().filter(was_there).map(|line| line.topic_id);
    let Some(known) = known.filter(|known| !known.is_zero() && *known != told) else { return Ok(told) };
    mark!("topic id from the checkpoint");
    tracing::warn!("{directory}: its {} does not name {known}, as it should", crate::partition_metadata::FILE);
    rewrite_topic_id(volume, directory, known).await?;
    Ok(known)
}

async fn rewrite_topic_id(volume: &Volume, directory: &str, topic_id: Uuid) -> Result<(), StorageFault> {
    let contents = crate::partition_metadata::encode(topic_id);
    volume.replace(directory, crate::partition_metadata::FILE, contents.into()).await
}

async fn finish(
    core: &Arc<Core>,
    found: &Found,
    topic_id: Uuid,
    mut segments: Segments,
    mut epochs: LeaderEpochs,
    mut scanned: Scanned,
) -> Result<crate::Log, StorageFault> {
    let volume = &core.reading.volume;
    if found.log_start_offset > scanned.end_offset {
        // What was left after the deleted records is lost too, as a page cache may.
        mark!("log start above the log end");
        let bases: Vec<Offset> = segments.iter().map(|segment| segment.base_offset).collect();
        remove_segments(volume, &found.directory(), &bases).await?;
        segments = vec![new_segment(volume, &found.directory(), found.log_start_offset).await?];
        scanned = Scanned { end_offset: found.log_start_offset, unsynced: Vec::new(), is_synced: false };
    }
    let last = segments.last().expect("a log always has a segment");
    let place =
        Place { end_offset: scanned.end_offset, segment_base_offset: last.base_offset, position: last.length() };
    // An epoch that was raised at the very end has no batch yet.
    epochs.truncate_to(scanned.end_offset.saturating_add(1));
    let Scanned { unsynced, is_synced, .. } = scanned;
    assemble(core, found, Parts { topic_id, segments, unsynced, epochs, place, is_synced }).await
}

/// After a clean stop: only where the log ends is to be found out.
async fn take_as_it_is(
    volume: &Volume,
    found: &Found,
    segments: &Segments,
    epochs: &mut LeaderEpochs,
) -> Result<Result<Scanned, FailedClosed>, StorageFault> {
    let last = segments.last().expect("a log always has a segment");
    let known = found.line.as_ref().filter(|line| {
        line.segment_base_offset == last.base_offset
            && line.position == last.length()
            && line.end_offset == found.recovery_point
    });
    let end_offset = match known {
        Some(line) => line.end_offset,
        None => {
            let walked = walk(volume, last, header_walk(found, last), epochs).await?;
            if let Some(reason) = walked.stopped {
                return Ok(Err(FailedClosed { reason }));
            }
            last.with_index(|state| *state = IndexState::Live(walked.index));
            walked.chain.next_offset.unwrap_or(last.base_offset)
        }
    };
    Ok(Ok(Scanned { end_offset, unsynced: Vec::new(), is_synced: true }))
}

/// After a crash: everything from the recovery point on is checked, and what is not whole is cut off.
async fn scan(
    volume: &Volume,
    found: &Found,
    segments: &mut Segments,
    epochs: &mut LeaderEpochs,
) -> Result<Result<Scanned, FailedClosed>, StorageFault> {
    let first = segments.partition_point(|segment| segment.base_offset <= found.recovery_point).saturating_sub(1);
    let mut unsynced = Segments::new();
    let mut next_offset = segments[first].base_offset;
    let mut last_epoch = LeaderEpoch::MIN;
    let gaps_below = gaps_below(found);
    for at in first..segments.len() {
        let segment = segments[at].clone();
        let follows = segment.base_offset == next_offset
            || (segment.base_offset > next_offset && segment.base_offset < gaps_below);
        if !follows {
            if is_promised(found, next_offset) {
                return Ok(Err(missing(found, next_offset)));
            }
            mark!("segment out of order");
            cut_after(volume, found, segments, at).await?;
            break;
        }
        let mut walk_it = header_walk(found, &segment);
        walk_it.crc_from = found.recovery_point;
        walk_it.chain.leader_epoch = last_epoch;
        walk_it.chain.gaps_below = gaps_below;
        let walked = walk(volume, &segment, walk_it, epochs).await?;
        next_offset = walked.chain.next_offset.unwrap_or(segment.base_offset);
        last_epoch = walked.chain.leader_epoch;
        segment.with_index(|state| *state = IndexState::Live(walked.index));
        if let Some(reason) = walked.stopped {
            if is_promised(found, next_offset) {
                return Ok(Err(FailedClosed { reason }));
            }
            mark!("torn tail cut");
            tracing::info!(log = %found.topic_partition, "torn tail: {reason}");
            segment.set_length(walked.position, segment.changed_at());
            cut_after(volume, found, segments, at + 1).await?;
            break;
        }
    }
    if is_promised(found, next_offset) {
        return Ok(Err(missing(found, next_offset)));
    }
    for segment in &segments[first..segments.len() - 1] {
        segment.close_index();
        unsynced.push(segment.clone());
    }
    Ok(Ok(Scanned { end_offset: next_offset, unsynced, is_synced: false }))
}

/// Below this offset a cleaner may have been. Ours cleans nothing that was not synced before, so what is missing above was
/// lost with the power, and what a follower has fetched around a gap there it fetches again.
fn gaps_below(found: &Found) -> Offset {
    if found.is_ours { found.gaps_below.min(found.recovery_point.max(found.first_dirty)) } else { found.gaps_below }
}

/// Writes again, for the syncs that follow, what the page cache shows of that which was not known to be synced.
async fn write_again(volume: &Volume, found: &Found, topic_id: Uuid, segments: &Segments) -> Result<(), StorageFault> {
    const CHUNK: u64 = 1 << 20;
    mark!("written again after a failed sync");
    if !topic_id.is_zero() {
        rewrite_topic_id(volume, &found.directory(), topic_id).await?;
    }
    let first = segments.partition_point(|segment| segment.base_offset <= found.recovery_point).saturating_sub(1);
    for segment in &segments[first..] {
        let (file, path) = (segment.file(volume).await?, segment.path());
        let mut at = 0;
        while at < segment.length() {
            let mut bytes = vec![0; CHUNK.min(segment.length() - at) as usize];
            let count = file.read_at(&mut bytes, at).await.map_err(StorageFault::disk(&path))?;
            bytes.truncate(count);
            file.write_at(&[bytes.into()], at).await.map_err(|error| volume.write_failed(&path, error))?;
            at += CHUNK;
        }
        segment.close_file();
    }
    Ok(())
}

/// Whether our own checkpoint says that what comes after `end` was synced. Kafka's recovery point alone may be ahead of
/// a log that was cut.
fn is_promised(found: &Found, end: Offset) -> bool {
    // What is below the log start was deleted, and retention may have taken its segment.
    let is_needed = end < found.recovery_point && found.log_start_offset < found.recovery_point;
    is_needed && found.line.as_ref().is_some_and(|line| line.end_offset == found.recovery_point)
}

fn missing(found: &Found, end: Offset) -> FailedClosed {
    let reason = format!("offsets up to {} were synced, and the log ends at {end}", found.recovery_point);
    FailedClosed { reason }
}

/// Only the first `kept` segments are part of the log.
async fn cut_after(volume: &Volume, found: &Found, segments: &mut Segments, kept: usize) -> Result<(), StorageFault> {
    let bases: Vec<Offset> = segments[kept..].iter().map(|segment| segment.base_offset).collect();
    segments.truncate(kept);
    remove_segments(volume, &found.directory(), &bases).await
}

async fn new_segment(volume: &Volume, directory: &str, base_offset: Offset) -> Result<Arc<Segment>, StorageFault> {
    let live = IndexState::Live(SegmentIndex::default());
    let segment = Segment::new(directory.into(), base_offset, 0, live, runtime::clock::now());
    segment.create_file(volume).await?;
    Ok(Arc::new(segment))
}
