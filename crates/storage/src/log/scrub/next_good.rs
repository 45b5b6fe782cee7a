//! Where a segment is good again behind a batch that is not. The batch may not even say how long it is, so every byte is
//! looked at.
//!
//! What is found may be wrong: a record may hold the bytes of a whole batch. Nothing relies on it but how much is fetched
//! at first; that the repaired part ends where a batch starts is checked when it is there.

use super::SegmentEnd;
use super::batch_check::{EpochOf, Window};
use crate::fault::StorageFault;
use crate::log::chain::check_epoch;
use crate::scan::check_offsets;
use model::{Offset, mark};
use protocol::records::{BatchHeader, HEADER_BYTES, MAGIC};
use runtime::time::{Duration, sleep};

/// Where in a batch its magic is.
const MAGIC_AT: usize = 16;
/// Bytes between two rests.
const STRIDE: u64 = 1 << 20;

/// What is looked for: a batch of an offset above `first_offset`, behind position `after`, in a segment with this end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub after: u64,
    pub first_offset: Offset,
    pub end: SegmentEnd,
}

/// The first whole batch: its position and its base offset.
pub(super) async fn find(
    window: &mut Window,
    wanted: Wanted,
    epoch_of: EpochOf<'_>,
) -> Result<Option<(u64, Offset)>, StorageFault> {
    // Most often only the payload is damaged, and the header still says where the next batch is.
    if let Ok(damaged) = window.header(wanted.after, wanted.end.position).await? {
        let next = wanted.after + damaged.size_in_bytes() as u64;
        if let Some(base_offset) = good(window, next, wanted, epoch_of).await? {
            return Ok(Some((next, base_offset)));
        }
    }
    mark!("a damaged batch does not say where it ends");
    let mut position = wanted.after + 1;
    let mut rest_at = position + STRIDE;
    while let Some(candidate) = next_candidate(window, position, wanted.end.position).await? {
        if let Some(base_offset) = good(window, candidate, wanted, epoch_of).await? {
            return Ok(Some((candidate, base_offset)));
        }
        position = candidate + 1;
        if position >= rest_at {
            rest_at = position + STRIDE;
            sleep(Duration::from_millis(1)).await;
        }
    }
    Ok(None)
}

/// The next position from `position` on where a batch could start, going by its magic.
async fn next_candidate(window: &mut Window, mut position: u64, end: u64) -> Result<Option<u64>, StorageFault> {
    while position + HEADER_BYTES as u64 <= end {
        let bytes = window.bytes(position + MAGIC_AT as u64, 1).await?;
        if bytes.is_empty() {
            return Ok(None);
        }
        match bytes.iter().position(|byte| *byte == MAGIC as u8) {
            Some(skipped) => {
                let candidate = position + skipped as u64;
                return Ok((candidate + HEADER_BYTES as u64 <= end).then_some(candidate));
            }
            None => position += bytes.len() as u64,
        }
    }
    Ok(None)
}

/// The base offset of the batch at `position`, if it is whole and can be there.
async fn good(
    window: &mut Window,
    position: u64,
    wanted: Wanted,
    epoch_of: EpochOf<'_>,
) -> Result<Option<Offset>, StorageFault> {
    if position >= wanted.end.position {
        return Ok(None);
    }
    let Ok(header) = window.header(position, wanted.end.position).await? else { return Ok(None) };
    let can_be_there = check_offsets(&header).is_ok()
        && fits(&header, wanted)
        && check_epoch(&header, epoch_of(header.last_offset())).is_ok();
    let is_whole = can_be_there && window.checksum(position, &header).await? == Some(header.checksum);
    Ok(is_whole.then_some(header.base_offset))
}

fn fits(header: &BatchHeader, wanted: Wanted) -> bool {
    header.base_offset > wanted.first_offset && header.next_offset() <= wanted.end.next_offset
}
