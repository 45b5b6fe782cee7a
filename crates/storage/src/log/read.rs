//! Reading beside the owner.
//!
//! A read looks at the published view, reads bytes, and checks that no cut came in between; if one did, what it read
//! may be anything, and it starts again.

use super::chain::{Chain, Step, Wanted, check_epoch, walk};
use super::read_hints::ReadHint;
use super::view::{Reading, Shared, View};
use super::{Bounds, Found};
use crate::fault::{ReadError, StorageFault};
use crate::offset_index;
use crate::segment::Segment;
use bytes::Bytes;
use model::{LeaderEpoch, Offset, Timestamp, mark};
use protocol::records::BatchHeader;
use std::sync::Arc;

/// Reads one log, beside its owner and beside others.
#[derive(Clone, Debug)]
pub struct LogReader {
    pub(super) shared: Arc<Shared>,
    pub(super) reading: Arc<Reading>,
}

/// Where in a segment a read begins.
#[derive(Clone, Copy, Debug)]
struct Start {
    position: u64,
    /// A batch that holds or follows `next_offset` starts there; `None` when an index says so and it may be earlier.
    next_offset: Option<Offset>,
    /// The batch there does not reach beyond this offset, as an index says.
    ends_by: Offset,
}

impl Start {
    fn at(position: u64, next_offset: Offset) -> Start {
        Start { position, next_offset: Some(next_offset), ends_by: Offset::MAX }
    }
}

impl LogReader {
    /// The ends of the log, as published now.
    pub fn bounds(&self) -> Bounds {
        self.shared.bounds()
    }

    /// Keeps the high watermark for the next checkpoint.
    pub fn keep_high_watermark(&self, offset: Offset) {
        self.shared.set_high_watermark(offset);
    }

    /// Bytes of all segments.
    pub fn size(&self) -> u64 {
        self.shared.size()
    }

    /// The largest epoch at or below `epoch` and the offset where it ends; (-1, -1) for one above the last.
    pub fn end_offset_of_epoch(&self, epoch: LeaderEpoch) -> (LeaderEpoch, Offset) {
        let log_end = self.shared.log_end_offset();
        self.shared.with_epochs(|epochs| epochs.end_offset_of(epoch, log_end))
    }

    /// The leader epoch of the record at `offset`, where the log knows.
    pub fn epoch_of(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.shared.with_epochs(|epochs| epochs.epoch_of(offset))
    }

    /// Whole batches from the one with `from` on, of those that end at or below `up_to`. At most `max_bytes`, but for
    /// the first batch when `at_least_one_batch`. Empty at the end.
    ///
    /// # Errors
    /// `from` is outside the log; the bytes there are not what was written; the disk refused.
    pub async fn read(
        &self,
        from: Offset,
        up_to: Offset,
        max_bytes: usize,
        at_least_one_batch: bool,
    ) -> Result<Bytes, ReadError> {
        loop {
            let view = self.shared.view();
            let up_to = up_to.min(view.log_end_offset);
            let check_crc = self.shared.checks_crc();
            let wanted = Wanted { from, up_to, max_bytes, at_least_one_batch, check_crc };
            let result = self.read_view(&view, &wanted).await;
            if self.is_current(&view, &result) {
                return result;
            }
            mark!("read began again");
        }
    }

    /// Whether what was read with `view` counts: no cut came and no cleaned segment, and no file vanished that a newer view
    /// does not name.
    pub(super) fn is_current<T>(&self, view: &View, result: &Result<T, ReadError>) -> bool {
        if self.shared.layout() != view.layout {
            return false;
        }
        let vanished = matches!(result, Err(ReadError::Fault(fault)) if fault.is_not_found());
        !vanished || self.shared.is_deleted() || Arc::ptr_eq(&self.shared.segments(), &view.segments)
    }

    async fn read_view(&self, view: &View, wanted: &Wanted) -> Result<Bytes, ReadError> {
        if wanted.from < view.log_start_offset || wanted.from > view.log_end_offset {
            return Err(ReadError::OffsetOutOfRange);
        }
        if wanted.from >= wanted.up_to {
            return Ok(Bytes::new());
        }
        let mut at = view.segment_of(wanted.from).ok_or(ReadError::OffsetOutOfRange)?;
        let mut start = self.find_start(view, at, wanted.from).await?;
        loop {
            if let Some(bytes) = self.read_segment(view, at, start, wanted).await? {
                return Ok(bytes);
            }
            // The segment holds nothing at or after `from`: a cleaner was there.
            if wanted.from >= self.shared.gaps_below() {
                mark!("segment ends too early");
                let segment = view.segments[at].path();
                return Err(ReadError::Corrupt(format!("{segment} ends before offset {}", wanted.from)));
            }
            at += 1;
            let Some(next) = view.segments.get(at) else { return Ok(Bytes::new()) };
            start = Start::at(0, next.base_offset);
        }
    }

    /// Where to look for `offset` in segment `at`.
    async fn find_start(&self, view: &View, at: usize, offset: Offset) -> Result<Start, ReadError> {
        let segment = &view.segments[at];
        if let Some(position) = self.shared.hints.take(offset, segment.base_offset, view.layout) {
            return Ok(Start::at(position, offset));
        }
        let from_the_front = Start::at(0, segment.base_offset);
        if offset == segment.base_offset {
            return Ok(from_the_front);
        }
        match self.index_entry(view, at, offset).await? {
            None | Some((_, 0)) => Ok(from_the_front),
            Some((ends_by, position)) => Ok(Start { position, next_offset: None, ends_by }),
        }
    }

    /// The position that the offset index of segment `at` gives for `offset`.
    pub(super) async fn indexed_position(&self, view: &View, at: usize, offset: Offset) -> Result<u64, StorageFault> {
        Ok(self.index_entry(view, at, offset).await?.map_or(0, |(_, position)| position))
    }

    /// The entry of the offset index of segment `at` at or below `offset`.
    async fn index_entry(&self, view: &View, at: usize, offset: Offset) -> Result<Option<(Offset, u64)>, StorageFault> {
        let segment = &view.segments[at];
        let relative_offset = offset - segment.base_offset;
        let hint = view.load_hint(at, self.shared.index_interval());
        let indexes = &self.reading.indexes;
        let look_up = |index: &crate::segment_index::SegmentIndex| index.offsets.floor(relative_offset);
        let entry = indexes.look_up(&self.reading.volume, segment, hint, look_up).await?;
        Ok(entry.map(|(relative, position)| (segment.base_offset + i64::from(relative), u64::from(position))))
    }

    async fn read_segment(
        &self,
        view: &View,
        at: usize,
        start: Start,
        wanted: &Wanted,
    ) -> Result<Option<Bytes>, ReadError> {
        let segment = &view.segments[at];
        match self.read_from(view, at, start, wanted).await {
            Err(ReadError::Corrupt(reason)) if start.position > 0 && !offset_index::is_trusted() => {
                // The bytes may be good, and the way there wrong.
                mark!("index led astray");
                tracing::warn!(segment = segment.path(), "index may be wrong: {reason}");
                self.read_from(view, at, Start::at(0, segment.base_offset), wanted).await
            }
            result => result,
        }
    }

    async fn read_from(
        &self,
        view: &View,
        at: usize,
        start: Start,
        wanted: &Wanted,
    ) -> Result<Option<Bytes>, ReadError> {
        let segment = &view.segments[at];
        let file = self.reading.file(segment).await?;
        let length = segment.length();
        let mut chain = Chain {
            next_offset: start.next_offset,
            leader_epoch: LeaderEpoch::MIN,
            gaps_below: self.shared.gaps_below(),
            ends_by: view.ends_by(at),
        };
        let mut position = start.position;
        let mut size = match start.next_offset {
            Some(next) if next == wanted.from => wanted.max_bytes,
            _ => wanted.max_bytes.saturating_add(2 * self.shared.index_interval()),
        };
        while position < length {
            let left = usize::try_from(length - position).unwrap_or(usize::MAX);
            let asked = size.max(protocol::records::HEADER_BYTES).min(left);
            let mut buffer = self.reading.buffers.take(asked);
            let read = file.read_at(&mut buffer.as_mut()[..asked], position).await;
            let read = read.map_err(StorageFault::disk(segment.path()))?;
            if position == start.position {
                check_entry(&buffer.as_ref()[..read], start, wanted.from < chain.gaps_below)?;
            }
            match walk(&buffer.as_ref()[..read], chain, wanted) {
                Step::Found { bytes, .. } => {
                    // Where offsets are missing, the first batch that is found may well come after the one wanted.
                    if wanted.from >= chain.gaps_below {
                        check_first(&buffer.as_ref()[bytes.clone()], start, wanted)?;
                    }
                    let (length, next_offset) = self
                        .known_epochs(&buffer.as_ref()[bytes.clone()])
                        .map_err(|reason| corrupt(segment, position + bytes.start as u64, &reason))?;
                    let bytes = bytes.start..bytes.start + length;
                    self.shared.hints.remember(ReadHint {
                        offset: next_offset,
                        segment_base_offset: segment.base_offset,
                        position: position + bytes.end as u64,
                        layout: view.layout,
                    });
                    return Ok(Some(buffer.into_bytes(bytes)));
                }
                Step::Nothing => return Ok(Some(Bytes::new())),
                Step::Bad(reason) => return Err(corrupt(segment, position, &reason)),
                Step::Later { position: skipped, needed, next_offset } => {
                    if skipped == 0 && (read < asked || needed > left) {
                        return Err(corrupt(segment, position, "the file ends inside a batch"));
                    }
                    chain.next_offset = next_offset;
                    position += skipped as u64;
                    size = needed.max(wanted.max_bytes);
                }
            }
        }
        Ok(None)
    }

    /// How long the batches are whose leader epoch is what the log knows from elsewhere, and the offset after them: no
    /// checksum covers it, and a follower would take it over.
    fn known_epochs(&self, batches: &[u8]) -> Result<(usize, Offset), String> {
        let (mut length, mut next_offset) = (0, 0);
        self.shared.with_epochs(|epochs| {
            while let Ok(header) = BatchHeader::parse(&batches[length..]) {
                if let Err(reason) = check_epoch(&header, epochs.epoch_of(header.last_offset())) {
                    return if length == 0 { Err(reason) } else { Ok(()) };
                }
                length += header.size_in_bytes();
                next_offset = header.next_offset();
            }
            Ok(())
        })?;
        Ok((length, next_offset))
    }
}

/// No checksum covers a base offset. Where no batch before it was read, the index says what it can be: and what it is,
/// where nothing else would show that the index leads too far.
fn check_entry(batch: &[u8], start: Start, exactly: bool) -> Result<(), ReadError> {
    let differs = |found: Offset| match start.next_offset {
        None if exactly => found != start.ends_by,
        _ => found > start.ends_by,
    };
    match BatchHeader::parse(batch) {
        Ok(header) if differs(header.last_offset()) && !offset_index::is_trusted() => {
            mark!("a base offset contradicts the index");
            Err(ReadError::Corrupt(format!("offset {} where {} was", header.last_offset(), start.ends_by)))
        }
        _ => Ok(()),
    }
}

/// An index may lead behind the batch that was asked for: then the first one found is too late.
fn check_first(batches: &[u8], start: Start, wanted: &Wanted) -> Result<(), ReadError> {
    let first = BatchHeader::parse(batches).map_err(|error| ReadError::Corrupt(error.to_string()))?;
    if start.next_offset.is_none() && first.base_offset > wanted.from && !offset_index::is_trusted() {
        return Err(ReadError::Corrupt(format!("offset {} where {} was looked for", first.base_offset, wanted.from)));
    }
    Ok(())
}

fn corrupt(segment: &Segment, position: u64, reason: &str) -> ReadError {
    mark!("corrupt batch refused");
    tracing::error!(segment = segment.path(), position, "corrupt: {reason}");
    ReadError::Corrupt(format!("{} at {position}: {reason}", segment.path()))
}

/// The largest timestamp in a segment.
pub(super) async fn largest_timestamp(
    reading: &Reading,
    view: &View,
    at: usize,
    interval: usize,
) -> Result<Timestamp, StorageFault> {
    let segment = &view.segments[at];
    if let Some(known) = segment.known_largest_timestamp() {
        return Ok(known);
    }
    let hint = view.load_hint(at, interval);
    let largest = reading.indexes.look_up(&reading.volume, segment, hint, |index| index.largest_timestamp()).await?;
    segment.set_largest_timestamp(largest);
    Ok(largest)
}

impl Found {
    pub(super) fn is_below(&self, up_to: Offset) -> bool {
        self.offset < up_to
    }
}
