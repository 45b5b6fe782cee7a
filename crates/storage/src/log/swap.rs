//! Swapping segments for what the cleaner made of them. What a crash leaves is finished or forgotten by the next start
//! (`directory/swaps.rs`).
//!
//! The new file is on stable storage. From when its name ends in `.swap`, durably, it is the one that counts: that is the
//! moment. Then those go that it stands for, all but the first, whose name it gets in the end; and that they are gone is
//! durable before it has it, or two segments would hold the same offsets.

use super::{Log, Segments};
use crate::cleaner::{Cleaned, Cleaning, CleaningBounds, FILES, cleaned_path, discard};
use crate::fault::StorageFault;
use crate::names::{DELETED_SUFFIX, SWAP_SUFFIX, SegmentFile};
use crate::producer_loading::list_snapshots;
use crate::segment::Segment;
use crate::volume::Volume;
use model::{Offset, mark};
use runtime::time::{Duration, Instant};
use std::sync::Arc;

impl Log {
    /// Lets `cleaned` take the place of the segments that it was made of. Says no when those are not all part of the log any
    /// more, or the log was cut since: then nothing is changed.
    ///
    /// # Errors
    /// The disk refused. The log is as before, or its directory has failed.
    pub async fn swap(&mut self, cleaned: Cleaned) -> Result<bool, StorageFault> {
        let volume = self.core.reading.volume.clone();
        volume.check()?;
        let Some(at) = self.place_of_sources(&cleaned) else {
            mark!("cleaned segments are gone");
            discard(&volume, &self.shared.directory, cleaned.base_offset).await;
            return Ok(false);
        };
        let log = SegmentFile::Log.path(&self.shared.directory, cleaned.base_offset);
        let swap = format!("{log}{SWAP_SUFFIX}");
        let written = cleaned_path(SegmentFile::Log, &self.shared.directory, cleaned.base_offset);
        if let Err(error) = volume.disk().rename(&written, &swap).await {
            discard(&volume, &self.shared.directory, cleaned.base_offset).await;
            return Err(StorageFault::Disk { path: swap, error });
        }
        volume.sync_directory(&self.shared.directory).await?;
        let sources = cleaned.sources.clone();
        let segment = self.publish_swap(at, cleaned);
        // What the disk refuses now is fatal: the names are neither as before nor as after.
        match self.rename_files(&segment, &sources, &swap).await {
            Ok(()) => {
                segment.is_named();
                self.shared.progress().names_changed(Instant::now());
                Ok(true)
            }
            Err(fault) => {
                volume.fail(format!("swap of {log}: {fault}"));
                Err(fault)
            }
        }
    }

    /// All groups of `cleaning` were swapped: it goes on where this one ended. Says no when the log was cut meanwhile.
    pub fn end_cleaning(&mut self, cleaning: &Cleaning) -> bool {
        let CleaningBounds { truncation, .. } = cleaning.bounds();
        let is_current = truncation == self.shared.truncation() && Arc::ptr_eq(&self.shared, &cleaning.shared);
        let cleaned_to = cleaning.summary().cleaned_to;
        if is_current && cleaned_to > self.shared.first_dirty() {
            self.shared.set_first_dirty(cleaned_to);
        }
        is_current
    }

    /// Where in the log the sources are, one after the other.
    fn place_of_sources(&self, cleaned: &Cleaned) -> Option<usize> {
        let segments = self.shared.segments();
        let first = cleaned.sources.first()?;
        let at = segments.iter().position(|segment| Arc::ptr_eq(segment, first))?;
        let there = segments.get(at..at + cleaned.sources.len())?;
        let are_same = there.iter().zip(&cleaned.sources).all(|(one, other)| Arc::ptr_eq(one, other));
        let is_damaged = self.shared.with_damage(|damage| !damage.is_empty());
        let is_last = at + cleaned.sources.len() >= segments.len();
        let is_same_log = cleaned.truncation == self.shared.truncation();
        (are_same && is_same_log && !is_damaged && !is_last).then_some(at)
    }

    /// Readers see the new segment, and throw away what they read of the others.
    fn publish_swap(&mut self, at: usize, cleaned: Cleaned) -> Arc<Segment> {
        let Cleaned { sources, base_offset, length, file, index, .. } = cleaned;
        let changed_at = sources.iter().map(|source| source.changed_at()).max().unwrap_or(0);
        let directory = self.shared.directory.clone();
        let segment = Segment::replacing(directory, base_offset, length, file, Arc::new(index), changed_at);
        let segment = Arc::new(segment);
        let mut segments: Segments = self.shared.segments().to_vec();
        segments.splice(at..at + sources.len(), [segment.clone()]);
        let change = self.shared.change_layout();
        self.shared.set_segments(segments);
        drop(change);
        segment
    }

    async fn rename_files(&self, segment: &Segment, sources: &[Arc<Segment>], swap: &str) -> Result<(), StorageFault> {
        let volume = &self.core.reading.volume;
        let directory = &self.shared.directory;
        let kept = self.newest_snapshot().await?;
        for source in &sources[1..] {
            for kind in SegmentFile::ALL {
                if kind != SegmentFile::ProducerSnapshot || kept != Some(source.base_offset) {
                    self.rename_away(&kind.path(directory, source.base_offset)).await?;
                }
            }
        }
        let first = segment.base_offset;
        // Of an aborted transaction nothing is left, and so there is nothing that an index of them could say.
        for kind in [SegmentFile::OffsetIndex, SegmentFile::TimeIndex, SegmentFile::TransactionIndex] {
            self.rename_away(&kind.path(directory, first)).await?;
        }
        volume.sync_directory(directory).await?;
        self.rename_away(&segment.path()).await?;
        rename(volume, swap, &segment.path()).await?;
        for kind in &FILES[1..] {
            rename(volume, &cleaned_path(*kind, directory, first), &kind.path(directory, first)).await?;
        }
        Ok(())
    }

    /// The one that the producers would be loaded from: with the others gone, it alone knows more than their last batches.
    async fn newest_snapshot(&self) -> Result<Option<Offset>, StorageFault> {
        let snapshots = list_snapshots(&self.core.reading.volume, &self.shared.directory).await?;
        Ok(snapshots.last().copied())
    }

    /// The file gets a name that the next start removes, and goes after `file.delete.delay.ms`.
    async fn rename_away(&self, path: &str) -> Result<(), StorageFault> {
        let renamed = format!("{path}{DELETED_SUFFIX}");
        match self.core.reading.volume.disk().rename(path, &renamed).await {
            Ok(()) => {
                let delay = Duration::from_millis(self.config.file_delete_delay_ms);
                self.core.removals.file_after(renamed, delay);
                Ok(())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(StorageFault::Disk { path: path.to_owned(), error }),
        }
    }
}

async fn rename(volume: &Volume, from: &str, to: &str) -> Result<(), StorageFault> {
    volume.disk().rename(from, to).await.map_err(StorageFault::disk(from))
}
