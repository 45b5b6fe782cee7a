//! Taking back: truncation to an offset, and a reset to an empty log that starts anywhere.
//!
//! Write ahead (DESIGN section 6, rule 3): that the log is cut is durable, in the journal or in the recovery point,
//! before a file is shortened or removed.

use super::Log;
use super::progress::Place;
use super::view::{LayoutChange, View};
use crate::fault::StorageFault;
use crate::journal::Change;
use crate::names::SegmentFile;
use crate::producer_loading::{load_producers, remove_snapshots};
use crate::producers::ProducerStates;
use crate::scan::{Scan, ScanError};
use crate::segment::{IndexState, Segment};
use crate::segment_index::{self, SegmentIndex};
use model::{Offset, mark, planted};
use runtime::time::Instant;
use std::sync::Arc;

impl Log {
    /// Cuts the log so that it ends at `to`, or at the base offset of the batch that `to` is inside of; below the log
    /// start it is [`Log::reset`]. Gives the new end. A log that ends there or earlier stays as it is.
    ///
    /// # Errors
    /// The disk refused; the directory may have failed.
    pub async fn truncate(&mut self, to: Offset) -> Result<Offset, StorageFault> {
        self.core.reading.volume.check()?;
        if to >= self.log_end_offset() {
            return Ok(self.log_end_offset());
        }
        if to < self.log_start_offset() {
            self.reset(to).await?;
            return Ok(to);
        }
        let place = self.place_of(to).await?;
        let index = self.index_for_cut(place).await?;
        self.shared.progress().change();
        let early = planted!("truncate-before-journal");
        if early {
            self.cut_files(place, index.clone()).await?;
        }
        let result = match self.write_ahead(place, Change::TruncateTo).await {
            Ok(sequence) => {
                if !early {
                    self.cut_files(place, index).await?;
                }
                self.finish_cut(sequence, place).await
            }
            Err(fault) => Err(fault),
        };
        self.shared.progress().changed();
        result.map(|()| place.end_offset)
    }

    /// Empties the log; it starts and ends at `to`, which may be anywhere.
    ///
    /// # Errors
    /// The disk refused; the directory may have failed.
    pub async fn reset(&mut self, to: Offset) -> Result<(), StorageFault> {
        self.core.reading.volume.check()?;
        let place = Place { end_offset: to, segment_base_offset: to, position: 0 };
        self.shared.progress().change();
        let result = match self.write_ahead(place, Change::ResetTo).await {
            Ok(sequence) => {
                self.replace_files(place).await?;
                self.finish_reset(sequence, place).await
            }
            Err(fault) => Err(fault),
        };
        self.shared.progress().changed();
        result
    }

    /// Makes the cut durable before it is done. Gives the journal group that has it; 0 without a journal.
    async fn write_ahead(&self, place: Place, change: Change) -> Result<u64, StorageFault> {
        if self.shared.progress().journaled {
            let entry = self.entry(self.log_end_offset(), place.end_offset, change);
            return self.core.announce(&self.shared, entry, place).await;
        }
        // Always: a checkpoint that is being written may be about to raise the recovery point.
        self.shared.progress().lower_line(place);
        self.shared.lower_first_dirty(place.end_offset);
        let start = self.log_start_offset().min(place.end_offset);
        self.core.checkpoints.write_ahead(&self.core, &self.shared, start).await?;
        Ok(0)
    }

    /// The new end is published, and then the files are cut. What the disk refuses now is fatal: the files are
    /// neither as before nor as after.
    pub(super) async fn cut_files(&mut self, place: Place, index: SegmentIndex) -> Result<(), StorageFault> {
        let mut segments = self.shared.segments().to_vec();
        let kept = segments.partition_point(|segment| segment.base_offset <= place.segment_base_offset);
        let removed = segments.split_off(kept);
        let active = segments.last().expect("the segment of the place").clone();
        let change = self.shared.change_layout();
        active.with_index(|state| *state = IndexState::Live(index));
        active.forget_largest_timestamp();
        active.set_length(place.position, active.changed_at());
        self.publish_cut(change, place, segments);
        let volume = &self.core.reading.volume;
        let path = active.path();
        let file = match active.file(volume).await {
            Ok(file) => file,
            Err(fault) => {
                volume.fail(format!("cut of {path}: {fault}"));
                return Err(fault);
            }
        };
        if let Err(error) = file.set_length(place.position).await {
            volume.fail(format!("cut of {path}: {error}"));
            return Err(StorageFault::Disk { path, error });
        }
        for segment in &removed {
            self.remove_files(segment.base_offset).await?;
        }
        Ok(())
    }

    /// As [`Log::cut_files`], for a reset: everything goes, one empty segment comes.
    pub(super) async fn replace_files(&mut self, place: Place) -> Result<(), StorageFault> {
        let removed = self.shared.segments();
        let now = removed.last().map_or(0, |segment| segment.changed_at());
        let live = IndexState::Live(SegmentIndex::default());
        let segment = Arc::new(Segment::new(self.shared.directory.clone(), place.end_offset, 0, live, now));
        let change = self.shared.change_layout();
        self.shared.set_log_start_offset(place.end_offset);
        self.publish_cut(change, place, vec![segment.clone()]);
        for segment in removed.iter() {
            self.remove_files(segment.base_offset).await?;
        }
        let volume = &self.core.reading.volume;
        if let Err(fault) = segment.create_file(volume).await {
            volume.fail(format!("new segment after a reset: {fault}"));
            return Err(fault);
        }
        Ok(())
    }

    pub(super) fn publish_cut(&self, mut change: LayoutChange<'_>, place: Place, segments: super::Segments) {
        self.shared.set_segments(segments.clone());
        // The last one takes appends again: it is no closed segment any more.
        let closed = &segments[..segments.len() - 1];
        change.progress.removed(|unsynced| closed.iter().any(|kept| Arc::ptr_eq(kept, unsynced)));
        if place.end_offset < self.log_start_offset() {
            // The batch that reached over the log start is gone.
            self.shared.set_log_start_offset(place.end_offset);
        }
        self.shared.set_log_end_offset(place.end_offset);
        self.shared.lower_first_dirty(place.end_offset);
        self.shared.set_high_watermark(self.shared.high_watermark().min(place.end_offset));
        self.shared.count_truncation();
        // Only now, and before any file changes: a reader that saw the old ends will see that the count moved.
        drop(change);
    }

    pub(super) async fn remove_files(&self, base_offset: Offset) -> Result<(), StorageFault> {
        let volume = &self.core.reading.volume;
        for kind in SegmentFile::ALL {
            let path = kind.path(&self.shared.directory, base_offset);
            if let Err(fault) = volume.remove_if_there(&path).await {
                volume.fail(format!("removal of {path}: {fault}"));
                return Err(fault);
            }
        }
        Ok(())
    }

    /// The files are cut: everything that was learned from the part that is gone is forgotten.
    pub(super) async fn finish_cut(&mut self, sequence: u64, place: Place) -> Result<(), StorageFault> {
        self.forget_batches(sequence, place);
        let forgotten = self.forget_producers(place.end_offset).await;
        self.must_be_forgotten(forgotten)
    }

    /// The same for a reset, after which nothing is known of any producer: also where the log starts higher than it ended,
    /// and no snapshot tells of what comes after.
    pub(super) async fn finish_reset(&mut self, sequence: u64, place: Place) -> Result<(), StorageFault> {
        self.forget_batches(sequence, place);
        self.producers = ProducerStates::default();
        let forgotten = self.remove_all_snapshots().await;
        self.must_be_forgotten(forgotten)
    }

    async fn remove_all_snapshots(&self) -> Result<(), StorageFault> {
        let (volume, directory) = (&self.core.reading.volume, &self.shared.directory);
        remove_snapshots(volume, directory, |_| true).await?;
        // Those of the segments that went have to stay away as well.
        volume.sync_directory(directory).await
    }

    fn forget_batches(&mut self, sequence: u64, place: Place) {
        let truncation = self.shared.truncation();
        self.shared.progress().cut(sequence, place, truncation, Instant::now());
        self.shared.durable.send_replace(super::Durable { offset: place.end_offset, truncation });
        self.rolling = super::Rolling::default();
        self.shared.with_epochs(|epochs| {
            if place.position == 0 && self.shared.log_start_offset() == place.end_offset {
                epochs.clear();
            } else {
                epochs.truncate_to(place.end_offset);
            }
        });
    }

    fn must_be_forgotten(&self, forgotten: Result<(), StorageFault>) -> Result<(), StorageFault> {
        if let Err(fault) = &forgotten {
            // The cut cannot be taken back, and a duplicate of what is gone would be answered as if it were there.
            let log = &self.shared.directory;
            self.core.reading.volume.fail(format!("producers after a cut of {log}: {fault}"));
        }
        forgotten
    }

    /// Producers are as they were at `end`: from the last snapshot at or below it, and the batches after that.
    async fn forget_producers(&mut self, end: Offset) -> Result<(), StorageFault> {
        let volume = &self.core.reading.volume;
        let directory = self.shared.directory.clone();
        let segments = self.shared.segments();
        remove_snapshots(volume, &directory, |offset| offset > end).await?;
        // Those of the segments that went have to stay away as well.
        volume.sync_directory(&directory).await?;
        if self.producers.reaches(end) && !planted!("producers-outlive-truncation") {
            mark!("producers cut");
            self.producers = load_producers(volume, &directory, &segments, end, runtime::clock::now()).await?;
        }
        Ok(())
    }

    /// Where the log ends if it is cut to `to`, which is inside it.
    async fn place_of(&self, to: Offset) -> Result<Place, StorageFault> {
        let view = self.shared.view();
        let at = view.segment_of(to).expect("the offset is at or above the log start");
        let from = self.reader().indexed_position(&view, at, to).await?;
        match self.scan_to(&view, at, from, to).await? {
            Some(place) => Ok(place),
            None => {
                mark!("index led a cut astray");
                let path = view.segments[at].path();
                let place = self.scan_to(&view, at, 0, to).await?;
                place.ok_or_else(|| StorageFault::corrupt(path, format!("no batch boundary for offset {to}")))
            }
        }
    }

    async fn scan_to(&self, view: &View, at: usize, from: u64, to: Offset) -> Result<Option<Place>, StorageFault> {
        let segment = &view.segments[at];
        let file = segment.file(&self.core.reading.volume).await?;
        let mut scan = Scan::new(file, segment.path(), from, segment.length());
        let place = |end_offset, position| Place { end_offset, segment_base_offset: segment.base_offset, position };
        loop {
            let scanned = match scan.next_header().await {
                Ok(Some(scanned)) => scanned,
                Ok(None) => return Ok(Some(place(to, scan.position()))),
                Err(ScanError::Fault(fault)) => return Err(fault),
                Err(ScanError::NoBatch { .. }) => return Ok(None),
            };
            if scanned.header.last_offset() >= to {
                let astray = scanned.position == from && from > 0 && scanned.header.base_offset > to;
                let place = place(to.min(scanned.header.base_offset), scanned.position);
                return Ok(Some(place).filter(|_| !astray));
            }
        }
    }

    /// The index of the segment that will take appends after the cut.
    async fn index_for_cut(&self, place: Place) -> Result<SegmentIndex, StorageFault> {
        let view = self.shared.view();
        let at = view.segment_of(place.segment_base_offset).expect("the segment of the place");
        let segment = &view.segments[at];
        let volume = &self.core.reading.volume;
        let hint = view.load_hint(at, self.config.index_interval_bytes);
        let known = segment.with_index(|state| match state {
            IndexState::Live(index) => Some(index.clone()),
            IndexState::Cached(index) | IndexState::Closed(index) => Some((**index).clone()),
            IndexState::OnDisk => None,
        });
        let mut index = match known {
            Some(index) => index,
            None => segment_index::load(volume, segment, hint).await?,
        };
        let from = index.cut_to(place.end_offset - segment.base_offset);
        if self.learn_up_to(segment, &mut index, from, place).await?.is_err() {
            mark!("the index of a cut segment is learned anew");
            index = SegmentIndex::default();
            let learned = self.learn_up_to(segment, &mut index, 0, place).await?;
            learned.map_err(|error| error.into_fault(&segment.path()))?;
        }
        Ok(index)
    }

    /// Learns the batches from the last entry of `index`, at `from`, up to `place`. Fails where that entry, which may come from a
    /// file that has rotted, is not what is there. Kafka had one entry for all batches of an append: that is not ours either,
    /// for what is learned from there on could come before it.
    async fn learn_up_to(
        &self,
        segment: &Segment,
        index: &mut SegmentIndex,
        from: u64,
        place: Place,
    ) -> Result<Result<(), ScanError>, StorageFault> {
        let no_batch = |position| {
            let reason = "the batches do not lead to where the log is cut".to_owned();
            Ok(Err(ScanError::NoBatch { position, reason }))
        };
        let expected = index.offsets.last().map(|(relative, _)| segment.base_offset + i64::from(relative));
        let interval = self.config.index_interval_bytes;
        let file = segment.file(&self.core.reading.volume).await?;
        let mut scan = Scan::new(file, segment.path(), from, place.position);
        let mut next_offset = segment.base_offset;
        if from >= place.position && from > 0 {
            return no_batch(from);
        }
        loop {
            let scanned = match scan.next_header().await {
                Ok(Some(scanned)) => scanned,
                Ok(None) => return Ok(Ok(())),
                Err(ScanError::Fault(fault)) => return Err(fault),
                Err(error) => return Ok(Err(error)),
            };
            let is_expected =
                scanned.position > from || expected.is_none_or(|last| last == scanned.header.last_offset());
            if !is_expected || scanned.header.base_offset < next_offset {
                return no_batch(scanned.position);
            }
            next_offset = scanned.header.next_offset();
            index.learn(segment.base_offset, &scanned.header, scanned.position, interval);
        }
    }
}
