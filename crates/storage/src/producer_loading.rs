//! Making producer state from the newest usable snapshot and the batches after it.

use crate::fault::StorageFault;
use crate::log::{Segments, producer_facts};
use crate::names::SegmentFile;
use crate::producers::ProducerStates;
use crate::scan::{Scan, ScanError};
use crate::segment::Segment;
use crate::volume::Volume;
use model::{Offset, Timestamp, mark, planted};

/// The state at `end` of a log with these segments. Needs no batch after `end`.
pub(crate) async fn load_producers(
    volume: &Volume,
    directory: &str,
    segments: &Segments,
    end: Offset,
    now: Timestamp,
) -> Result<ProducerStates, StorageFault> {
    let (mut states, from) = newest_snapshot(volume, directory, end, now).await?;
    if from >= end {
        return Ok(states);
    }
    for (at, segment) in segments.iter().enumerate() {
        let next = segments.get(at + 1).map_or(Offset::MAX, |next| next.base_offset);
        if next > from && segment.base_offset < end {
            learn_segment(volume, &mut states, segment, from, end, now).await?;
        }
    }
    Ok(states)
}

/// The newest snapshot at or below `end` that can be read, and its offset; an empty one at 0 if there is none.
async fn newest_snapshot(
    volume: &Volume,
    directory: &str,
    end: Offset,
    now: Timestamp,
) -> Result<(ProducerStates, Offset), StorageFault> {
    let mut offsets = list_snapshots(volume, directory).await?;
    offsets.retain(|offset| *offset <= end || planted!("producer-snapshot-beyond-log-end"));
    while let Some(offset) = offsets.pop() {
        let path = SegmentFile::ProducerSnapshot.path(directory, offset);
        let Some(bytes) = volume.read_small(&path).await? else { continue };
        match ProducerStates::decode_snapshot(&bytes, offset, now) {
            Ok(states) => return Ok((states, offset)),
            Err(error) => {
                mark!("producer snapshot not usable");
                tracing::info!("{path}: {error}");
            }
        }
    }
    Ok((ProducerStates::default(), 0))
}

/// The offsets of the snapshots in a partition's directory, in order.
pub(crate) async fn list_snapshots(volume: &Volume, directory: &str) -> Result<Vec<Offset>, StorageFault> {
    let entries = volume.disk().list(directory).await.map_err(StorageFault::disk(directory))?;
    let snapshot = |name: &str| match SegmentFile::parse(name) {
        Some((SegmentFile::ProducerSnapshot, offset)) => Some(offset),
        _ => None,
    };
    let mut offsets: Vec<Offset> = entries.iter().filter_map(|entry| snapshot(&entry.name)).collect();
    offsets.sort_unstable();
    Ok(offsets)
}

/// Removes the snapshots whose offset `is_gone` from the log, durably: one that came back with the power would tell of
/// batches that others have replaced by then.
pub(crate) async fn remove_snapshots(
    volume: &Volume,
    directory: &str,
    is_gone: impl Fn(Offset) -> bool,
) -> Result<(), StorageFault> {
    let mut gone = list_snapshots(volume, directory).await?;
    gone.retain(|offset| is_gone(*offset));
    for offset in &gone {
        mark!("producer snapshot beyond the log end");
        volume.remove_if_there(&SegmentFile::ProducerSnapshot.path(directory, *offset)).await?;
    }
    if gone.is_empty() { Ok(()) } else { volume.sync_directory(directory).await }
}

/// Removes the snapshots that nobody needs, as Kafka does at a start: a clean stop leaves one wherever the log ends then, and
/// retention takes only those of segments. Should one come back with the power, it is as true as before.
pub(crate) async fn remove_stray_snapshots(
    volume: &Volume,
    directory: &str,
    segments: &Segments,
) -> Result<(), StorageFault> {
    let mut strays = list_snapshots(volume, directory).await?;
    // The newest spares the next start a walk.
    strays.pop();
    strays.retain(|offset| segments.binary_search_by_key(offset, |segment| segment.base_offset).is_err());
    for offset in strays {
        mark!("producer snapshot that no segment needs");
        volume.remove_if_there(&SegmentFile::ProducerSnapshot.path(directory, offset)).await?;
    }
    Ok(())
}

/// Learns the batches of one segment between two offsets.
async fn learn_segment(
    volume: &Volume,
    states: &mut ProducerStates,
    segment: &Segment,
    from: Offset,
    end: Offset,
    now: Timestamp,
) -> Result<(), StorageFault> {
    let path = segment.path();
    let mut scan = Scan::new(segment.file(volume).await?, path.clone(), 0, segment.length());
    loop {
        let scanned = match scan.next_header().await {
            Ok(Some(scanned)) => scanned,
            Ok(None) => break,
            Err(ScanError::Fault(fault)) => return Err(fault),
            Err(ScanError::NoBatch { position, reason }) => {
                // Readers will be told. For retries it means: what is behind is not recognised.
                mark!("producers behind a corrupt batch");
                tracing::warn!("{path} at {position}: {reason}");
                break;
            }
        };
        let header = scanned.header;
        if header.last_offset() >= end {
            break;
        }
        if header.base_offset < from || !header.has_producer_id() {
            continue;
        }
        let bytes = if header.is_control() {
            scan.bytes_of(&scanned).await.map_err(|error| error.into_fault(&path))?
        } else {
            &[]
        };
        if let Some(facts) = producer_facts(&header, bytes) {
            states.learn(&facts, now);
        }
    }
    Ok(())
}
