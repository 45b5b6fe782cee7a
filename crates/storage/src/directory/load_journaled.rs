//! Loading a journaled log: its files are cut to the checkpoint's line; the journal's entries come after that.

use super::Core;
use super::layout;
use super::load::{
    Found, Loaded, Parts, Walk, assemble, learn_epochs, open_segments, read_epochs, remove_segments, tidy, walk,
};
use crate::LeaderEpochs;
use crate::checkpoint::CheckpointLine;
use crate::fault::{FailedClosed, StorageFault};
use crate::log::{Broken, Chain, Place, Segments};
use crate::segment::{IndexState, Segment};
use crate::segment_index::SegmentIndex;
use crate::volume::Volume;
use model::{LeaderEpoch, Offset, mark};
use std::sync::Arc;

/// Loads the log as its `line` says.
pub(super) async fn load(core: &Arc<Core>, found: &Found, line: &CheckpointLine) -> Result<Loaded, StorageFault> {
    let volume = &core.reading.volume;
    let directory = found.directory();
    let found_id = layout::topic_id(volume, &directory).await?;
    if !found_id.is_zero() && found_id != line.topic_id {
        mark!("the directory belongs to a later partition");
        return Ok(found.replaced(line.topic_id, line.sequence));
    }
    let files = match tidy(volume, &directory).await {
        Err(fault) if fault.is_not_found() => {
            layout::make_partition(volume, &directory, line.topic_id).await?;
            layout::PartitionFiles::default()
        }
        result => result?,
    };
    if files.failed_closed {
        let failed = found.failed(line.topic_id, super::fail_closed::read(volume, &directory).await?);
        return Ok(Loaded { covered: line.sequence, ..failed });
    }
    if let Some(reason) = files.broken_swap {
        let failed = found.failed(line.topic_id, FailedClosed { reason });
        return Ok(Loaded { covered: line.sequence, ..failed });
    }
    let mut is_synced = !found_id.is_zero();
    if !is_synced {
        layout::write_topic_id(volume, &directory, line.topic_id).await?;
    }
    let kept = files.segments.partition_point(|base| *base <= line.segment_base_offset);
    remove_segments(volume, &directory, &files.segments[kept..]).await?;
    let mut segments = open_segments(volume, &directory, &files.segments[..kept]).await?;
    let read = read_epochs(volume, &directory).await?;
    let highest_epoch = read.as_ref().and_then(LeaderEpochs::latest);
    let mut epochs = match read {
        Some(epochs) => epochs,
        // The last segment is walked through in any case, and may have what does not count.
        None => learn_epochs(volume, found, &segments[..segments.len().saturating_sub(1)]).await?,
    };
    let mut broken = cut_to_line(volume, found, line, &mut segments, &mut epochs).await?;
    let has_line = segments.last().is_some_and(|last| last.base_offset == line.segment_base_offset);
    if broken.is_some() || !has_line {
        add_empty(volume, &directory, &mut segments, line.end_offset).await?;
        is_synced = false;
    }
    if found.log_start_offset >= line.end_offset {
        // Whatever is missing was deleted before.
        broken = None;
    }
    let last = segments.last().expect("a log always has a segment");
    let place = Place { end_offset: line.end_offset, segment_base_offset: last.base_offset, position: last.length() };
    // An epoch that was raised at the very end has no batch yet.
    epochs.truncate_to(line.end_offset.saturating_add(1));
    let parts = Parts { topic_id: line.topic_id, segments, unsynced: Vec::new(), epochs, place, is_synced };
    let mut log = assemble(core, found, parts).await?;
    log.set_recovering(true);
    Ok(Loaded {
        topic_partition: found.topic_partition.clone(),
        topic_id: line.topic_id,
        log: Ok(log),
        covered: line.sequence,
        broken,
        highest_epoch,
        is_replaced: false,
        may_lack: false,
    })
}

/// Makes the last segment end at the line; one that was empty there may be missing. If the files do not reach it, or are
/// not what it says, tells how far they are good; that segment then ends there.
async fn cut_to_line(
    volume: &Volume,
    found: &Found,
    line: &CheckpointLine,
    segments: &mut Segments,
    epochs: &mut LeaderEpochs,
) -> Result<Option<Broken>, StorageFault> {
    let is_there = segments.last().is_some_and(|last| last.base_offset == line.segment_base_offset);
    // A segment that was empty is missed only if what comes before it does not reach it.
    let was_empty = line.position == 0 && line.end_offset == line.segment_base_offset;
    let Some(last) = segments.last().cloned() else {
        return Ok(Some(broken(line, Offset::MIN, "there is no segment".to_owned())));
    };
    let end = if is_there { last.length().min(line.position) } else { last.length() };
    let chain = Chain {
        next_offset: Some(last.base_offset),
        leader_epoch: LeaderEpoch::MIN,
        gaps_below: found.gaps_below,
        ends_by: Offset::MAX,
    };
    let interval = found.config.index_interval_bytes;
    let walked = walk(volume, &last, Walk { chain, end, crc_from: Offset::MAX, interval }, epochs).await?;
    let good_end = walked.chain.next_offset.unwrap_or(last.base_offset);
    last.set_length(walked.position, last.changed_at());
    last.with_index(|state| *state = IndexState::Live(walked.index));
    let reached = if is_there { walked.position == line.position } else { was_empty };
    if reached && walked.stopped.is_none() && good_end == line.end_offset {
        return Ok(None);
    }
    mark!("file short of the line");
    let reason = walked.stopped.unwrap_or_else(|| format!("{} ends at offset {good_end}", last.path()));
    Ok(Some(broken(line, good_end, reason)))
}

fn broken(line: &CheckpointLine, good_end: Offset, reason: String) -> Broken {
    let reason = format!("the checkpoint says that offsets up to {} are synced, but {reason}", line.end_offset);
    Broken { reason, good_end, line_end: line.end_offset }
}

/// An empty segment takes what follows.
async fn add_empty(
    volume: &Volume,
    directory: &str,
    segments: &mut Segments,
    base_offset: Offset,
) -> Result<(), StorageFault> {
    segments.retain(|segment| segment.base_offset < base_offset);
    for closed in segments.iter() {
        closed.close_index();
    }
    let live = IndexState::Live(SegmentIndex::default());
    let segment = Segment::new(directory.into(), base_offset, 0, live, runtime::clock::now());
    segment.create_file(volume).await?;
    segments.push(Arc::new(segment));
    Ok(())
}
