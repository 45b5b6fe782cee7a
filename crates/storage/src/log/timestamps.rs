//! Finding records by time.

use super::Found;
use super::read::{LogReader, largest_timestamp};
use super::view::View;
use crate::fault::ReadError;
use crate::scan::{Scan, ScanError, Scanned};
use crate::segment::Segment;
use bytes::Bytes;
use model::{Offset, Timestamp, mark, planted};
use protocol::records::{BatchView, RecordViews};
use std::sync::Arc;

/// Which record of a segment is looked for.
#[derive(Clone, Copy, Debug)]
struct Search {
    /// At or after this time.
    timestamp: Timestamp,
    /// At or above this offset.
    from: Offset,
    up_to: Offset,
}

impl LogReader {
    /// The first record in the log whose timestamp is at least `timestamp`, of those below `up_to`.
    ///
    /// # Errors
    /// Bytes on the way are not what was written; the disk refused.
    pub async fn find_by_timestamp(&self, timestamp: Timestamp, up_to: Offset) -> Result<Option<Found>, ReadError> {
        loop {
            let view = self.shared.view();
            let search = Search { timestamp, from: view.log_start_offset, up_to: up_to.min(view.log_end_offset) };
            let result = self.find_in_view(&view, search).await;
            if self.is_current(&view, &result) {
                return result;
            }
        }
    }

    /// The first record that has the largest timestamp of those that may be read; none when that one is at or above
    /// `up_to`. Kafka looks at deleted records too, as long as their segment is there.
    ///
    /// # Errors
    /// Bytes on the way are not what was written; the disk refused.
    pub async fn max_timestamp(&self, up_to: Offset) -> Result<Option<Found>, ReadError> {
        loop {
            let view = self.shared.view();
            let result = self.max_in_view(&view).await;
            if self.is_current(&view, &result) {
                return Ok(result?.filter(|found| found.is_below(up_to)));
            }
        }
    }

    async fn find_in_view(&self, view: &View, search: Search) -> Result<Option<Found>, ReadError> {
        let interval = self.shared.index_interval();
        for at in view.segment_of(search.from).unwrap_or(0)..view.segments.len() {
            if view.segments[at].base_offset >= search.up_to {
                break;
            }
            if largest_timestamp(&self.reading, view, at, interval).await? < search.timestamp {
                continue;
            }
            if let Some(found) = self.find_in_segment(view, at, search).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn max_in_view(&self, view: &View) -> Result<Option<Found>, ReadError> {
        let first = view.segment_of(view.log_start_offset).unwrap_or(0);
        let Some((timestamp, at)) = self.largest_of(view, first).await? else { return Ok(None) };
        let search = Search { timestamp, from: view.log_start_offset, up_to: view.log_end_offset };
        let found = self.find_in_segment(view, at, search).await?;
        if found.is_some() || at > first || planted!("the largest timestamp is that of a deleted record") {
            return Ok(found);
        }
        mark!("the largest timestamp was deleted");
        let (own, later) = (self.largest_from_start(view, first).await?, self.largest_of(view, first + 1).await?);
        let best = later.filter(|(timestamp, _)| *timestamp > own).unwrap_or((own, first));
        self.find_in_segment(view, best.1, Search { timestamp: best.0, ..search }).await
    }

    /// The largest timestamp of the segments from `first` on, deleted records included, and the first segment that has it.
    async fn largest_of(&self, view: &View, first: usize) -> Result<Option<(Timestamp, usize)>, ReadError> {
        let interval = self.shared.index_interval();
        let mut best: Option<(Timestamp, usize)> = None;
        let left_out = usize::from(planted!("max-timestamp-of-closed-segments"));
        for at in first..view.segments.len() - left_out {
            let largest = largest_timestamp(&self.reading, view, at, interval).await?;
            if largest >= 0 && best.is_none_or(|(timestamp, _)| timestamp < largest) {
                best = Some((largest, at));
            }
        }
        Ok(best)
    }

    /// The largest timestamp of the records in segment `at` from the log start on, by the batches: the indexes tell of those
    /// below it too. 0 for none, which no record there reaches.
    async fn largest_from_start(&self, view: &View, at: usize) -> Result<Timestamp, ReadError> {
        let (segment, start) = (&view.segments[at], view.log_start_offset);
        let mut scan = Scan::new(self.reading.file(segment).await?, segment.path(), 0, segment.length());
        let mut largest = 0;
        while let Some(scanned) = scan.next_header().await.map_err(|error| unread(segment, error))? {
            let header = scanned.header;
            if header.last_offset() < start || header.max_timestamp <= largest || header.record_count == 0 {
                continue;
            }
            largest = if header.base_offset >= start {
                header.max_timestamp
            } else {
                let bytes = scan.bytes_of(&scanned).await.map_err(|error| unread(segment, error))?;
                let (bytes, limit) = (Bytes::copy_from_slice(bytes), self.reading.decompressed_batch_bytes);
                let look = move || largest_in_batch(&scanned, &bytes, start, limit);
                runtime::task::blocking(look).await?.max(largest)
            };
        }
        Ok(largest)
    }

    async fn find_in_segment(&self, view: &View, at: usize, search: Search) -> Result<Option<Found>, ReadError> {
        let segment = &view.segments[at];
        match self.entry_by_time(view, at, search.timestamp).await? {
            Some((last_offset, position)) if self.is_batch_at(segment, position, last_offset).await? => {
                self.find_from(segment, position, search).await
            }
            Some(_) => {
                mark!("index led a search astray");
                self.find_from(segment, 0, search).await
            }
            None => self.find_from(segment, 0, search).await,
        }
    }

    /// Whether a batch that ends at or below `last_offset` starts at `position`, as a file says that may have rotted. It may
    /// end below: Kafka had one entry for all batches of an append.
    async fn is_batch_at(&self, segment: &Arc<Segment>, position: u64, last_offset: Offset) -> Result<bool, ReadError> {
        let file = self.reading.file(segment).await?;
        match Scan::new(file, segment.path(), position, segment.length()).next_header().await {
            Ok(first) => Ok(first.is_some_and(|first| first.header.last_offset() <= last_offset)),
            Err(ScanError::NoBatch { .. }) => Ok(false),
            Err(ScanError::Fault(fault)) => Err(ReadError::Fault(fault)),
        }
    }

    /// The last offset of a batch in segment `at`, and its position: every one before it has a smaller timestamp. None where
    /// the first batch is the one to start with.
    async fn entry_by_time(
        &self,
        view: &View,
        at: usize,
        timestamp: Timestamp,
    ) -> Result<Option<(Offset, u64)>, ReadError> {
        let (hint, base_offset) = (view.load_hint(at, self.shared.index_interval()), view.segments[at].base_offset);
        let look_up = |index: &crate::segment_index::SegmentIndex| {
            let entry = index.times.lookup(timestamp);
            entry.and_then(|entry| index.offsets.floor(i64::from(entry.relative_offset)))
        };
        let reading = &self.reading;
        let entry = reading.indexes.look_up(&reading.volume, &view.segments[at], hint, look_up).await?;
        Ok(entry.map(|(relative, position)| (base_offset + i64::from(relative), u64::from(position))))
    }

    async fn find_from(
        &self,
        segment: &Arc<Segment>,
        position: u64,
        search: Search,
    ) -> Result<Option<Found>, ReadError> {
        let corrupt = |error| unread(segment, error);
        let file = self.reading.file(segment).await?;
        let mut scan = Scan::new(file, segment.path(), position, segment.length());
        while let Some(scanned) = scan.next_header().await.map_err(corrupt)? {
            let header = scanned.header;
            if header.base_offset >= search.up_to {
                return Ok(None);
            }
            if header.max_timestamp < search.timestamp || header.last_offset() < search.from {
                continue;
            }
            let bytes = Bytes::copy_from_slice(scan.bytes_of(&scanned).await.map_err(corrupt)?);
            let limit = self.reading.decompressed_batch_bytes;
            let found = runtime::task::blocking(move || find_in_batch(&scanned, &bytes, search, limit)).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

fn unread(segment: &Segment, error: ScanError) -> ReadError {
    match error {
        ScanError::NoBatch { position, reason } => {
            ReadError::Corrupt(format!("{} at {position}: {reason}", segment.path()))
        }
        ScanError::Fault(fault) => ReadError::Fault(fault),
    }
}

fn find_in_batch(scanned: &Scanned, bytes: &[u8], search: Search, limit: usize) -> Result<Option<Found>, ReadError> {
    let mut found = None;
    look_at_records(scanned, bytes, limit, |record| {
        let is_late_enough = record.timestamp >= search.timestamp;
        let is_wanted = is_late_enough && record.offset >= search.from && record.offset < search.up_to;
        found = is_wanted.then_some(record);
        !is_wanted
    })?;
    Ok(found)
}

/// Of the records at or above `start`; 0 for none.
fn largest_in_batch(scanned: &Scanned, bytes: &[u8], start: Offset, limit: usize) -> Result<Timestamp, ReadError> {
    let mut largest = 0;
    look_at_records(scanned, bytes, limit, |record| {
        if record.offset >= start {
            largest = record.timestamp.max(largest);
        }
        true
    })?;
    Ok(largest)
}

/// Shows where and when each record of a batch is, until `look` has seen enough and says `false`.
fn look_at_records(
    scanned: &Scanned,
    bytes: &[u8],
    limit: usize,
    mut look: impl FnMut(Found) -> bool,
) -> Result<(), ReadError> {
    let header = scanned.header;
    let corrupt = |error: protocol::records::BatchError| {
        ReadError::Corrupt(format!("the batch at offset {}: {error}", header.base_offset))
    };
    let batch = BatchView { header, bytes };
    batch.check_crc().map_err(corrupt)?;
    let payload = batch.decompressed(limit).map_err(corrupt)?;
    for record in RecordViews::new(&payload, header.record_count) {
        let record = record.map_err(corrupt)?;
        let offset = header.base_offset + i64::from(record.offset_delta);
        let timestamp = header.timestamp_of(record.timestamp_delta);
        if !look(Found { timestamp, offset, leader_epoch: header.leader_epoch }) {
            break;
        }
    }
    Ok(())
}
