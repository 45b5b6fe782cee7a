//! Swaps that a crash cut short. A file that ends in `.swap` is whole and counts: it stands for every segment whose base
//! offset is between its own and where its last batch ends. One that ends in `.cleaned` was never seen by anybody. Both are
//! Kafka's names, and Kafka leaves the same.

use super::layout;
use crate::fault::StorageFault;
use crate::names::{SWAP_SUFFIX, SegmentFile};
use crate::scan::{Scan, ScanError};
use crate::volume::Volume;
use model::{Offset, mark};
use runtime::disk::Open;

/// Finishes the swaps in a partition's directory, durably. Says why one cannot be.
pub(super) async fn finish(
    volume: &Volume,
    directory: &str,
    files: &mut layout::PartitionFiles,
) -> Result<Result<(), String>, StorageFault> {
    if files.swaps.is_empty() {
        return Ok(Ok(()));
    }
    // Its name may be in the page cache alone, if the sync of the directory failed: it must be there for the next start
    // before any of what it stands for goes.
    volume.sync_directory(directory).await?;
    for base_offset in std::mem::take(&mut files.swaps) {
        let log = SegmentFile::Log.path(directory, base_offset);
        let swap = format!("{log}{SWAP_SUFFIX}");
        let end_offset = match end_of(volume, &swap).await? {
            Ok(end_offset) => end_offset,
            Err(reason) => return Ok(Err(reason)),
        };
        mark!("swap finished by a start");
        for replaced in files.segments.iter().filter(|base| (base_offset + 1..end_offset).contains(base)) {
            for kind in SegmentFile::ALL.into_iter().filter(|kind| *kind != SegmentFile::ProducerSnapshot) {
                volume.remove_if_there(&kind.path(directory, *replaced)).await?;
            }
        }
        for kind in [SegmentFile::OffsetIndex, SegmentFile::TimeIndex, SegmentFile::TransactionIndex] {
            volume.remove_if_there(&kind.path(directory, base_offset)).await?;
        }
        // Before the new one has its name: two segments with the same offsets must never be found.
        volume.sync_directory(directory).await?;
        volume.disk().rename(&swap, &log).await.map_err(StorageFault::disk(&swap))?;
        volume.sync_directory(directory).await?;
        files.segments.retain(|base| !(base_offset..end_offset).contains(base));
        files.segments.push(base_offset);
        files.segments.sort_unstable();
    }
    Ok(Ok(()))
}

/// The offset after its last batch.
async fn end_of(volume: &Volume, path: &str) -> Result<Result<Offset, String>, StorageFault> {
    let file = volume.open(path, Open::Read).await?;
    let length = file.length().await.map_err(StorageFault::disk(path))?;
    let mut scan = Scan::new(file, path.to_owned(), 0, length);
    let mut end = None;
    loop {
        match scan.next_header().await {
            Ok(Some(scanned)) => end = Some(scanned.header.next_offset()),
            Ok(None) => return Ok(end.ok_or_else(|| format!("{path}: it is empty"))),
            Err(ScanError::NoBatch { position, reason }) => {
                return Ok(Err(format!("{path} at {position}: {reason}; which segments it stands for is not known")));
            }
            Err(ScanError::Fault(fault)) => return Err(fault),
        }
    }
}
