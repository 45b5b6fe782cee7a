//! What of a log may be cleaned, and whether it is time to.

use super::read::{LogReader, largest_timestamp};
use super::view::View;
use super::{Bounds, Log};
use crate::cleaner::{CleanerMemory, Cleaning, CleaningBounds};
use crate::fault::{ReadError, StorageFault};
use crate::scan::{Scan, ScanError};
use model::{Offset, Timestamp, planted};

/// How much of a log is to be cleaned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cleanable {
    /// Bytes that were cleaned before.
    pub clean_bytes: u64,
    /// Bytes that can be cleaned now and never were.
    pub dirty_bytes: u64,
    /// A record waits for longer than `max.compaction.lag.ms`.
    pub is_overdue: bool,
    /// The log should be cleaned: it is overdue, or dirtier than `min.cleanable.dirty.ratio` allows.
    pub is_due: bool,
    first_dirty: Offset,
    limit: Offset,
    up_to: Offset,
    now: Timestamp,
    truncation: u64,
}

impl Cleanable {
    /// Below this offset all was cleaned.
    pub fn first_dirty(&self) -> Offset {
        self.first_dirty
    }

    /// The part of what can be cleaned that never was, from 0 to 1.
    pub fn dirty_ratio(&self) -> f64 {
        let all = self.clean_bytes + self.dirty_bytes;
        if all == 0 { 0.0 } else { self.dirty_bytes as f64 / all as f64 }
    }
}

impl LogReader {
    /// What can be cleaned of a compacted log: closed segments that are on stable storage and end at or below `up_to`, which
    /// is neither above the high watermark nor above the last stable offset. None where there is nothing, or where the log
    /// is damaged. `now` is the wall clock.
    ///
    /// # Errors
    /// The disk refused.
    pub async fn cleanable(&self, up_to: Offset, now: Timestamp) -> Result<Option<Cleanable>, StorageFault> {
        loop {
            let Bounds { truncation, .. } = self.bounds();
            let view = self.shared.view();
            let result = self.cleanable_of(&view, up_to, now, truncation).await.map_err(ReadError::Fault);
            if self.is_current(&view, &result) {
                return result.map_err(|error| match error {
                    ReadError::Fault(fault) => fault,
                    other => unreachable!("only faults were put in, not {other}"),
                });
            }
        }
    }

    async fn cleanable_of(
        &self,
        view: &View,
        up_to: Offset,
        now: Timestamp,
        truncation: u64,
    ) -> Result<Option<Cleanable>, StorageFault> {
        let config = self.shared.config();
        let is_damaged = self.shared.with_damage(|damage| !damage.is_empty());
        if !config.compact || is_damaged || self.shared.is_deleted() {
            return Ok(None);
        }
        let Some(line) = self.shared.progress().line() else { return Ok(None) };
        let up_to = if planted!("clean-to-log-end") { view.log_end_offset } else { up_to };
        let first_dirty = self.shared.first_dirty().max(view.log_start_offset);
        let (mut clean_bytes, mut dirty_bytes, mut is_overdue, mut limit) = (0, 0, false, first_dirty);
        for at in 0..view.segments.len() - 1 {
            let (segment, end) = (&view.segments[at], view.segments[at + 1].base_offset);
            if end <= first_dirty {
                clean_bytes += segment.length();
                continue;
            }
            let is_synced = segment.base_offset < line.place.segment_base_offset;
            if !is_synced || end > up_to || self.is_too_young(view, at, now, config.min_compaction_lag_ms).await? {
                break;
            }
            is_overdue = is_overdue || self.waits_too_long(view, at, now, config.max_compaction_lag_ms).await?;
            dirty_bytes += segment.length();
            limit = end;
        }
        let mut cleanable = Cleanable {
            clean_bytes,
            dirty_bytes,
            is_overdue,
            is_due: false,
            first_dirty,
            limit,
            up_to,
            now,
            truncation,
        };
        cleanable.is_due = is_overdue || cleanable.dirty_ratio() > config.min_cleanable_dirty_ratio;
        Ok((limit > first_dirty && dirty_bytes > 0).then_some(cleanable))
    }

    async fn is_too_young(&self, view: &View, at: usize, now: Timestamp, lag_ms: i64) -> Result<bool, StorageFault> {
        if lag_ms <= 0 {
            return Ok(false);
        }
        let largest = largest_timestamp(&self.reading, view, at, self.shared.index_interval()).await?;
        Ok(largest > now.saturating_sub(lag_ms))
    }

    /// By the time of the segment's first batch, as in Kafka.
    async fn waits_too_long(&self, view: &View, at: usize, now: Timestamp, lag_ms: i64) -> Result<bool, StorageFault> {
        if lag_ms == i64::MAX {
            return Ok(false);
        }
        let segment = &view.segments[at];
        let file = self.reading.file(segment).await?;
        match Scan::new(file, segment.path(), 0, segment.length()).next_header().await {
            Ok(Some(first)) => {
                let timestamp = first.header.max_timestamp;
                Ok(timestamp >= 0 && now.saturating_sub(timestamp) > lag_ms)
            }
            Err(ScanError::Fault(fault)) => Err(fault),
            Ok(None) | Err(ScanError::NoBatch { .. }) => Ok(false), // the cleaning will find it
        }
    }
}

impl Log {
    /// Begins to clean what is `cleanable`, beside the owner. None when the log was cut since, or is being cleaned.
    pub fn begin_cleaning(&self, cleanable: &Cleanable, memory: CleanerMemory) -> Option<Cleaning> {
        let is_damaged = self.shared.with_damage(|damage| !damage.is_empty());
        if is_damaged || !self.config.compact || cleanable.truncation != self.shared.truncation() {
            return None;
        }
        let name = self.core.be_cleaned(self.topic_partition())?;
        let open = self.first_open_transaction();
        let bounds = CleaningBounds {
            first_dirty: cleanable.first_dirty.max(self.log_start_offset()),
            limit: cleanable.limit,
            up_to: cleanable.up_to.min(open.unwrap_or(Offset::MAX)),
            now: cleanable.now,
            truncation: cleanable.truncation,
        };
        let shared = (self.shared.clone(), self.core.clone());
        Some(Cleaning::new(shared, memory, bounds, self.producers.last_batches(), name))
    }
}
