//! Retention: the oldest segments go when they are too old, too much, or below the log start.

use super::Log;
use super::read::largest_timestamp;
use super::view::View;
use crate::fault::StorageFault;
use crate::names::{DELETED_SUFFIX, SegmentFile};
use crate::segment::Segment;
use model::{Offset, Timestamp};
use runtime::time::Duration;
use std::sync::Arc;

/// What retention did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retired {
    /// Segments that went.
    pub segments: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl Log {
    /// Lets segments go that wholly end at or below `up_to` (the high watermark): those that `retention.ms` and
    /// `retention.bytes` no longer keep, and those below the log start. Their files are renamed, and removed after
    /// `file.delete.delay.ms`.
    ///
    /// # Errors
    /// The disk refused; what was not done is done next time.
    pub async fn apply_retention(&mut self, now: Timestamp, up_to: Offset) -> Result<Retired, StorageFault> {
        self.core.reading.volume.check()?;
        let view = self.shared.view();
        let mut count = self.count_retired(&view, now, up_to).await?;
        if count == 0 {
            return Ok(Retired::default());
        }
        if count == view.segments.len() {
            self.make_live().await?;
            self.roll(now).await?;
            // A segment that was empty is still the one that takes appends.
            count = count.min(self.shared.segments().len() - 1);
        }
        let segments = self.shared.segments();
        let start = segments[count].base_offset;
        if start > self.log_start_offset() {
            self.move_start(start).await?;
        }
        let (gone, kept) = segments.split_at(count);
        self.retire(gone, kept.to_vec()).await;
        Ok(Retired { segments: count, bytes: gone.iter().map(|segment| segment.length()).sum() })
    }

    /// How many of the oldest segments may go.
    async fn count_retired(&self, view: &View, now: Timestamp, up_to: Offset) -> Result<usize, StorageFault> {
        let mut size: u64 = view.segments.iter().map(|segment| segment.length()).sum();
        let keep_bytes = u64::try_from(self.config.retention_bytes).ok().filter(|_| self.config.delete);
        for at in 0..view.segments.len() {
            let segment = &view.segments[at];
            let next = view.segments.get(at + 1).map_or(view.log_end_offset, |next| next.base_offset);
            let is_last = at + 1 == view.segments.len();
            if next > up_to || (is_last && segment.length() == 0) {
                return Ok(at);
            }
            let below_start = next <= view.log_start_offset && !is_last;
            let too_much = keep_bytes.is_some_and(|keep| size - segment.length() >= keep);
            if !below_start && !too_much && !self.is_too_old(view, at, now).await? {
                return Ok(at);
            }
            size -= segment.length();
        }
        Ok(view.segments.len())
    }

    async fn is_too_old(&self, view: &View, at: usize, now: Timestamp) -> Result<bool, StorageFault> {
        if !self.config.delete || self.config.retention_ms < 0 {
            return Ok(false);
        }
        let interval = self.config.index_interval_bytes;
        let largest = match largest_timestamp(&self.core.reading, view, at, interval).await? {
            timestamp if timestamp >= 0 => timestamp,
            // Without times the segment is as old as its last change.
            _ => view.segments[at].changed_at(),
        };
        Ok(now.saturating_sub(largest) > self.config.retention_ms)
    }

    /// The segments in `gone` leave the log, and their files their names.
    async fn retire(&mut self, gone: &[Arc<Segment>], kept: super::Segments) {
        {
            let mut progress = self.shared.progress();
            self.shared.set_segments(kept.clone());
            progress.removed(|unsynced| kept.iter().any(|segment| Arc::ptr_eq(segment, unsynced)));
            progress.names_changed(runtime::time::Instant::now());
        }
        let disk = self.core.reading.volume.disk();
        for segment in gone {
            for kind in SegmentFile::ALL {
                let path = kind.path(&self.shared.directory, segment.base_offset);
                let renamed = format!("{path}{DELETED_SUFFIX}");
                match disk.rename(&path, &renamed).await {
                    Ok(()) => {
                        let delay = Duration::from_millis(self.config.file_delete_delay_ms);
                        self.core.removals.file_after(renamed, delay);
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    // It is below the log start: the next open removes it.
                    Err(error) => tracing::warn!("{path} is not removed: {error}"),
                }
            }
        }
    }
}
