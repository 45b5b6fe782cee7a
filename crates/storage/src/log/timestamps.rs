//! Finding records by time.

use super::Found;
use super::read::{LogReader, largest_timestamp};
use super::view::View;
use crate::fault::ReadError;
use crate::scan::{Scan, ScanError, Scanned};
use crate::segment::Segment;
use bytes::Bytes;
use model::{Offset, Timestamp, mark};
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

    /// The first record that has the largest timestamp of the log; none when that one is at or above `up_to`.
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
        let interval = self.shared.index_interval();
        let mut best: Option<(Timestamp, usize)> = None;
        let left_out = usize::from(model::planted!("max-timestamp-of-closed-segments"));
        for at in 0..view.segments.len() - left_out {
            let largest = largest_timestamp(&self.reading, view, at, interval).await?;
            if largest >= 0 && best.is_none_or(|(timestamp, _)| timestamp < largest) {
                best = Some((largest, at));
            }
        }
        let Some((timestamp, at)) = best else { return Ok(None) };
        let search = Search { timestamp, from: view.log_start_offset, up_to: view.log_end_offset };
        self.find_in_segment(view, at, search).await
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
        let path = segment.path();
        let corrupt = |error| match error {
            ScanError::NoBatch { position, reason } => ReadError::Corrupt(format!("{path} at {position}: {reason}")),
            ScanError::Fault(fault) => ReadError::Fault(fault),
        };
        let file = self.reading.file(segment).await?;
        let mut scan = Scan::new(file, path.clone(), position, segment.length());
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

fn find_in_batch(scanned: &Scanned, bytes: &[u8], search: Search, limit: usize) -> Result<Option<Found>, ReadError> {
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
        if timestamp >= search.timestamp && offset >= search.from && offset < search.up_to {
            return Ok(Some(Found { timestamp, offset, leader_epoch: header.leader_epoch }));
        }
    }
    Ok(None)
}
