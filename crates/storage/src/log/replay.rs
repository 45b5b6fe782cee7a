//! Recovery: the journal's entries are applied to a log whose files were cut to the checkpoint's line (DESIGN section
//! 6, rule 5). Every byte is written again, whatever the file shows: after a failed sync the page cache proves nothing.

use super::Log;
use super::progress::Place;
use crate::fault::{FailedClosed, StorageFault};
use crate::journal::{Change, Entry};
use crate::producer_loading::{remove_snapshots, remove_stray_snapshots};
use crate::scan::{Scan, ScanError};
use crate::segment_index::SegmentIndex;
use bytes::Bytes;
use model::{LeaderEpoch, Offset, mark};

/// The files end before the checkpoint's line, or differ from it. An entry may explain that: one that took away what
/// is missing. Until then the log stands with an empty segment at the line's end.
#[derive(Debug)]
pub(crate) struct Broken {
    /// What contradicts what.
    pub reason: String,
    /// Up to here the files are good.
    pub good_end: Offset,
    /// What the line says.
    pub line_end: Offset,
}

/// Why an entry cannot be applied.
#[derive(Debug)]
pub(crate) enum ReplayFault {
    /// The log is not where the entry says: it must stay closed.
    Contradiction(FailedClosed),
    /// The disk refused.
    Fault(StorageFault),
}

impl From<StorageFault> for ReplayFault {
    fn from(fault: StorageFault) -> ReplayFault {
        ReplayFault::Fault(fault)
    }
}

fn contradiction(reason: String) -> ReplayFault {
    ReplayFault::Contradiction(FailedClosed { reason })
}

impl Log {
    /// The journal will be replayed into the log, or no more.
    pub(crate) fn set_recovering(&mut self, recovering: bool) {
        self.recovering = recovering;
    }

    /// Applies one entry of group `sequence`. What is not `open` or `dropped`.
    pub(crate) async fn replay(
        &mut self,
        sequence: u64,
        entry: Entry,
        broken: &mut Option<Broken>,
    ) -> Result<(), ReplayFault> {
        if entry.end_before != self.log_end_offset() {
            return Err(contradiction(format!(
                "journal group {sequence} goes on from offset {}, and the log ends at {}",
                entry.end_before,
                self.log_end_offset()
            )));
        }
        match entry.change {
            Change::Append(pieces) => {
                // What is read back is in one piece.
                let records = pieces.into_iter().next().unwrap_or_default();
                self.replay_append(sequence, &records, entry.end_after).await
            }
            Change::TruncateTo => self.replay_truncation(entry.end_after, broken).await,
            Change::ResetTo => {
                mark!("reset replayed");
                let to = entry.end_after;
                self.replace_files(Place { end_offset: to, segment_base_offset: to, position: 0 }).await?;
                *broken = None;
                Ok(self.finish_reset(0, self.empty_place(to)).await?)
            }
            Change::StartMoved(to) => self.replay_start(sequence, to, broken),
            Change::Synced if entry.end_after == entry.end_before => Ok(()),
            Change::Synced | Change::Open { .. } | Change::Dropped => {
                Err(contradiction(format!("journal group {sequence} has an entry that this log cannot have")))
            }
        }
    }

    async fn replay_append(&mut self, sequence: u64, records: &Bytes, end_after: Offset) -> Result<(), ReplayFault> {
        // What is before may be of later: a cut that is still to come, and appends after it, may be in the files.
        let headers =
            self.check_follower(records, LeaderEpoch::MIN).map_err(|error| contradiction(error.to_string()))?;
        if headers.last().map(|last| last.next_offset()) != Some(end_after) {
            return Err(contradiction(format!("an append in journal group {sequence} does not end where it says")));
        }
        self.make_live().await?;
        Ok(self.append_batches(headers, records, runtime::clock::now()).await?)
    }

    async fn replay_truncation(&mut self, to: Offset, broken: &mut Option<Broken>) -> Result<(), ReplayFault> {
        mark!("truncation replayed");
        if to > self.log_end_offset() {
            return Err(contradiction(format!("a truncation to {to} is above the log end")));
        }
        match broken {
            Some(Broken { good_end, line_end, .. }) if to > *good_end && to < *line_end => {
                // Less is missing now, and something is. A later entry may still take that away too.
                *line_end = to;
                return Ok(self.stand_at(to).await?);
            }
            Some(Broken { good_end, .. }) if to <= *good_end => {
                mark!("short file explained by a truncation");
                *broken = None;
            }
            _ => {}
        }
        match self.scan_for_cut(to).await? {
            Ok((place, index)) => {
                self.cut_files(place, index).await?;
                Ok(self.finish_cut(0, place).await?)
            }
            Err(good_end) => {
                // The files show what was done after a later cut. That one will be replayed too, or this is wrong.
                mark!("file from after a later cut");
                let reason = format!("a truncation to {to} finds its files good up to {good_end}");
                *broken = Some(Broken { reason, good_end, line_end: to });
                Ok(self.stand_at(to).await?)
            }
        }
    }

    /// Where the log ends if it is cut to `to`, and the index up to there; if the files have no batch boundary there,
    /// the last offset below that they have. Trusts no index file: it may be older than the segment.
    async fn scan_for_cut(&self, to: Offset) -> Result<Result<(Place, SegmentIndex), Offset>, StorageFault> {
        let view = self.shared.view();
        let Some(at) = view.segment_of(to) else { return Ok(Err(Offset::MIN)) };
        let segment = &view.segments[at];
        let file = segment.file(&self.core.reading.volume).await?;
        let mut scan = Scan::new(file, segment.path(), 0, segment.length());
        let mut index = SegmentIndex::default();
        let mut end_offset = segment.base_offset;
        let mut position = 0;
        while end_offset < to {
            let header = match scan.next_header().await {
                Ok(Some(scanned)) if scanned.header.base_offset < to => scanned.header,
                // Nothing is left between here and the cut: a cleaner was there, or it is gone.
                Ok(_) if end_offset < self.shared.gaps_below() => {
                    end_offset = to;
                    break;
                }
                Ok(_) | Err(ScanError::NoBatch { .. }) => break,
                Err(ScanError::Fault(fault)) => return Err(fault),
            };
            if header.base_offset < end_offset || header.next_offset() > to {
                break;
            }
            index.learn(segment.base_offset, &header, position, self.config.index_interval_bytes);
            end_offset = header.next_offset();
            position = scan.position();
        }
        let place = Place { end_offset, segment_base_offset: segment.base_offset, position };
        Ok(if end_offset == to { Ok((place, index)) } else { Err(end_offset) })
    }

    /// The log ends at `to`, where its files do not reach: an empty segment stands there for what is missing.
    async fn stand_at(&mut self, to: Offset) -> Result<(), StorageFault> {
        let (mut kept, gone): (super::Segments, super::Segments) =
            self.shared.segments().iter().cloned().partition(|segment| segment.base_offset < to);
        for segment in &gone {
            self.remove_files(segment.base_offset).await?;
        }
        kept.push(self.new_segment(to, runtime::clock::now()).await?);
        self.publish_cut(self.shared.change_layout(), self.empty_place(to), kept);
        self.finish_cut(0, self.empty_place(to)).await
    }

    fn replay_start(&mut self, sequence: u64, to: Offset, broken: &mut Option<Broken>) -> Result<(), ReplayFault> {
        if to > self.log_end_offset() {
            return Err(contradiction(format!("journal group {sequence} moves the log start above the log end")));
        }
        if broken.as_ref().is_some_and(|broken| to >= broken.line_end) {
            mark!("short file explained by retention");
            *broken = None;
        }
        if to > self.log_start_offset() {
            self.shared.set_log_start_offset(to);
            self.shared.with_epochs(|epochs| epochs.start_at(to));
        }
        Ok(())
    }

    /// After the last entry: the file ends where the log does, segments below the log start go, and no leader epoch
    /// that was ever given is given again.
    pub(crate) async fn finish_recovery(&mut self, highest_epoch: Option<LeaderEpoch>) -> Result<(), StorageFault> {
        self.recovering = false;
        let (start, end) = (self.log_start_offset(), self.log_end_offset());
        if let Some(highest) = highest_epoch {
            self.note_leader_epoch(highest);
        }
        let segment = self.shared.active();
        let volume = self.core.reading.volume.clone();
        if segment.measure(&volume).await? != segment.length() {
            let path = segment.path();
            let file = segment.file(&volume).await?;
            self.shared.progress().names_changed(runtime::time::Instant::now());
            file.set_length(segment.length()).await.map_err(|error| volume.write_failed(&path, error))?;
        }
        self.drop_below(start).await?;
        remove_snapshots(&volume, &self.shared.directory, |offset| offset > end).await?;
        remove_stray_snapshots(&volume, &self.shared.directory, &self.shared.segments()).await
    }

    /// Closes the files, all of which are synced; they are opened again when they are needed.
    pub(crate) fn close_files(&self) {
        for segment in self.shared.segments().iter() {
            segment.close_file();
        }
    }

    /// Removes segments wholly below `start` that retention had not.
    async fn drop_below(&mut self, start: Offset) -> Result<(), StorageFault> {
        let segments = self.shared.segments();
        let gone = segments.windows(2).take_while(|pair| pair[1].base_offset <= start).count();
        if gone == 0 {
            return Ok(());
        }
        for segment in &segments[..gone] {
            self.remove_files(segment.base_offset).await?;
        }
        let kept = segments[gone..].to_vec();
        let mut progress = self.shared.progress();
        self.shared.set_segments(kept.clone());
        progress.removed(|unsynced| kept.iter().any(|kept| std::sync::Arc::ptr_eq(kept, unsynced)));
        progress.names_changed(runtime::time::Instant::now());
        Ok(())
    }

    fn empty_place(&self, to: Offset) -> Place {
        Place { end_offset: to, segment_base_offset: to, position: 0 }
    }
}
