//! Closing a segment and starting the next.

use super::Log;
use super::progress::Place;
use super::run::Run;
use crate::fault::StorageFault;
use crate::names::SegmentFile;
use crate::offset_index;
use crate::scan::{Scan, ScanError};
use crate::segment::{IndexState, Segment};
use crate::segment_index::{self, LoadHint, SegmentIndex};
use model::{Offset, Timestamp, mark};
use std::sync::Arc;

/// When the segment that takes appends is due to be closed.
#[derive(Debug, Default)]
pub(crate) struct Rolling {
    /// Whether the rest was found out.
    known: bool,
    /// The largest timestamp of its first batch; none in an empty segment, or one without times.
    first_timestamp: Option<Timestamp>,
    /// When it began to take appends, by the wall clock, as far as this process knows.
    started_at: Timestamp,
    /// Taken off `segment.ms`.
    jitter_ms: i64,
}

impl Rolling {
    /// The first batch of the segment was written.
    pub fn first_batch(&mut self, max_timestamp: Timestamp) {
        self.first_timestamp = Some(max_timestamp).filter(|timestamp| *timestamp >= 0);
    }
}

impl Log {
    /// Whether the segment must be closed before `size` more bytes, up to `last_offset`, follow `run`.
    pub(super) fn is_roll_due(
        &self,
        run: &Run,
        size: usize,
        last_offset: Offset,
        largest_timestamp: Timestamp,
        now: Timestamp,
    ) -> bool {
        let segment = self.shared.active();
        let length = run.end.position;
        if length == 0 {
            return false;
        }
        if !offset_index::fits(segment.base_offset, last_offset) {
            mark!("segment closed before its offsets overflow");
            return true;
        }
        let too_large = length + size as u64 > self.config.segment_bytes.min(i32::MAX as u64);
        too_large || self.is_index_full(&segment, run) || self.waited_long(largest_timestamp, now)
    }

    fn is_index_full(&self, segment: &Segment, run: &Run) -> bool {
        // The run's entries are not in the index yet: one an interval at most, and one more.
        let added = run.added_to(segment.length()) / self.config.index_interval_bytes.max(1);
        let room = self.config.segment_index_bytes.saturating_sub(added * crate::time_index::ENTRY_BYTES);
        segment.with_index(|state| match state {
            IndexState::Live(index) => index.is_full(room),
            _ => false,
        })
    }

    fn waited_long(&self, largest_timestamp: Timestamp, now: Timestamp) -> bool {
        let limit = self.config.longest_segment_ms().saturating_sub(self.rolling.jitter_ms);
        let waited = match self.rolling.first_timestamp {
            Some(first) if largest_timestamp >= 0 => largest_timestamp.saturating_sub(first),
            _ => now.saturating_sub(self.rolling.started_at),
        };
        waited > limit
    }

    /// Closes the segment that takes appends if it did so for `segment.ms` by the wall clock.
    ///
    /// # Errors
    /// The disk refused; the log is as before.
    pub async fn roll_if_due(&mut self, now: Timestamp) -> Result<bool, StorageFault> {
        self.core.reading.volume.check()?;
        if self.shared.active().length() == 0 {
            return Ok(false);
        }
        self.make_live().await?;
        let limit = self.config.longest_segment_ms().saturating_sub(self.rolling.jitter_ms);
        if now.saturating_sub(self.rolling.started_at) <= limit {
            return Ok(false);
        }
        self.roll(now).await?;
        Ok(true)
    }

    /// Closes the segment that takes appends; the next starts at the log end. An empty one stays.
    pub(super) async fn roll(&mut self, now: Timestamp) -> Result<(), StorageFault> {
        let closed = self.shared.active();
        if closed.length() == 0 {
            return Ok(());
        }
        if self.recovering {
            self.cut_to_length(&closed).await?;
        }
        let base_offset = self.log_end_offset();
        let next = self.new_segment(base_offset, now).await?;
        self.write_snapshot(base_offset).await;
        // Its files are written with the next sync.
        closed.close_index();
        let mut segments = self.shared.segments().to_vec();
        segments.push(next);
        {
            // Together: a sync that begins in between would miss one of the two.
            let mut progress = self.shared.progress();
            self.shared.set_segments(segments);
            let place = Place { end_offset: base_offset, segment_base_offset: base_offset, position: 0 };
            progress.rolled(closed, place, runtime::time::Instant::now());
        }
        self.start_rolling(now);
        self.core.wake_syncer_of(&self.shared);
        Ok(())
    }

    /// The journal writes over what a crash left, and rolls where the present config says: the file may go on after the
    /// last batch that counts, with batches that the next segment has too.
    async fn cut_to_length(&self, segment: &Segment) -> Result<(), StorageFault> {
        mark!("a segment was closed while the journal was replayed");
        let file = segment.file(&self.core.reading.volume).await?;
        file.set_length(segment.length()).await.map_err(StorageFault::disk(&segment.path()))
    }

    /// Makes the file of an empty segment.
    pub(super) async fn new_segment(&self, base_offset: Offset, now: Timestamp) -> Result<Arc<Segment>, StorageFault> {
        let live = IndexState::Live(SegmentIndex::default());
        let segment = Segment::new(self.shared.directory.clone(), base_offset, 0, live, now);
        let volume = &self.core.reading.volume;
        if let Err(fault) = segment.create_file(volume).await {
            // An empty file in the middle of the log would look like a segment.
            let _ = volume.remove_if_there(&segment.path()).await;
            return Err(fault);
        }
        Ok(Arc::new(segment))
    }

    pub(super) fn start_rolling(&mut self, now: Timestamp) {
        // As Kafka does: what is taken off is less than the whole, or each append would close a segment.
        let jitter = self.config.segment_jitter_ms.min(self.config.longest_segment_ms());
        let jitter = u64::try_from(jitter).unwrap_or(0);
        let jitter_ms = if jitter == 0 { 0 } else { runtime::rand::below(jitter) as i64 };
        self.rolling = Rolling { known: true, first_timestamp: None, started_at: now, jitter_ms };
    }

    /// Writes the producer snapshot at `offset`. If that does not work now, the producers can be made again from the
    /// batches.
    async fn write_snapshot(&self, offset: Offset) {
        let path = SegmentFile::ProducerSnapshot.path(&self.shared.directory, offset);
        if let Err(fault) = self.core.reading.volume.write_new(&path, self.producers.encode_snapshot()).await {
            tracing::warn!("no producer snapshot: {fault}");
        }
    }

    /// Loads what only an append needs: the index of the last segment, and since when it takes appends.
    pub(super) async fn make_live(&mut self) -> Result<(), StorageFault> {
        if self.rolling.known {
            return Ok(());
        }
        let segment = self.shared.active();
        let volume = &self.core.reading.volume;
        if !segment.with_index(|state| matches!(state, IndexState::Live(_))) {
            let hint =
                LoadHint { next_offset: Some(self.log_end_offset()), interval: self.config.index_interval_bytes };
            let index = segment_index::load(volume, &segment, hint).await?;
            segment.with_index(|state| *state = IndexState::Live(index));
        }
        let mut scan = Scan::new(segment.file(volume).await?, segment.path(), 0, segment.length());
        let first = match scan.next_header().await {
            Ok(first) => first,
            // Readers will be told.
            Err(ScanError::NoBatch { .. }) => None,
            Err(ScanError::Fault(fault)) => return Err(fault),
        };
        self.start_rolling(runtime::clock::now());
        if let Some(first) = first {
            self.rolling.first_batch(first.header.max_timestamp);
        }
        Ok(())
    }
}
