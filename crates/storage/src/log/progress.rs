//! How far one log has come towards stable storage: what was applied to its files, what the journal has, and what the
//! checkpoint says of it.
//!
//! The owner of the log, the task that hears from the journal, and the task that syncs segments meet here, under one
//! short lock. The laws (DESIGN section 6, rule 4): a sync proves only what was applied before it *began*, so what
//! will be claimed is captured first; nothing is captured while files are cut, and what was captured before a cut is
//! thrown away; and a claim "up to group s" is only made of groups that are closed, that is, durable in the journal.
//! While a cut waits for its entry to be durable the files are as they were, and are captured: what they have is what
//! the journal must be rid of before it takes that entry, when it is full.

use super::Durable;
use crate::segment::Segment;
use model::{Offset, mark, planted};
use runtime::time::Instant;
use std::collections::VecDeque;
use std::sync::Arc;

/// Where a log ended at some moment, in offsets and in its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub end_offset: Offset,
    pub segment_base_offset: Offset,
    /// Bytes in that segment.
    pub position: u64,
}

/// A place, and the journal group that was the last to lead there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub sequence: u64,
    pub place: Place,
}

/// What a sync will prove, taken down before it begins.
#[derive(Debug)]
pub(crate) struct Capture {
    pub claim: Claim,
    pub journaled: bool,
    /// Closed segments first; the last is the one that `claim` ends in, if it has anything to sync.
    pub segments: Vec<Arc<Segment>>,
    pub names: bool,
    pub epochs: bool,
    /// The file with the topic's id.
    pub identity: bool,
    generation: u64,
}

/// How far a cut, a mode change or a removal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Changing {
    /// There is none.
    No,
    /// Its entry is in this journal group, and nothing is done before that is durable.
    Announced(u64),
    /// It is being done.
    Now,
}

/// The progress of one log.
#[derive(Debug)]
pub(crate) struct Progress {
    pub journaled: bool,
    changing: Changing,
    /// A capture is being synced.
    in_flight: bool,
    /// Counts cuts and mode changes: what was captured before one is void after it.
    generation: u64,
    truncation: u64,
    applied: Place,
    /// `None` until the first entry of a new journaled log is durable.
    settled: Option<Claim>,
    /// Submitted, not durable yet, in order; one for each group.
    pending: VecDeque<Claim>,
    /// The first group with an entry that the line in the checkpoint does not cover.
    first_uncovered: Option<u64>,
    /// The same, for the capture that is being synced.
    capture_uncovered: Option<u64>,
    /// The generation of the last capture.
    capture_generation: u64,
    /// The checkpoint's line, and Kafka's recovery point. `None` as long as there is none.
    line: Option<Claim>,
    /// Closed since they were last synced.
    unsynced: Vec<Arc<Segment>>,
    names_changed: bool,
    epochs_changed: bool,
    identity_changed: bool,
    changed_since: Option<Instant>,
    records_since_sync: i64,
}

impl Progress {
    /// A log whose files end at `place`. `settled` is what the journal has of it, `line` what the checkpoint says.
    pub fn new(journaled: bool, place: Place, settled: Option<Claim>, line: Option<Claim>) -> Progress {
        Progress {
            journaled,
            changing: Changing::No,
            in_flight: false,
            generation: 0,
            truncation: 0,
            applied: place,
            settled,
            pending: VecDeque::new(),
            first_uncovered: None,
            capture_uncovered: None,
            capture_generation: 0,
            line,
            unsynced: Vec::new(),
            names_changed: false,
            epochs_changed: false,
            identity_changed: false,
            changed_since: None,
            records_since_sync: 0,
        }
    }

    /// Where the files end.
    pub fn applied(&self) -> Place {
        self.applied
    }

    /// What the checkpoint says.
    pub fn line(&self) -> Option<Claim> {
        self.line
    }

    /// Bytes were written to the segments, which end at `place` now.
    pub fn applied_to(&mut self, place: Place, now: Instant) {
        self.records_since_sync += place.end_offset - self.applied.end_offset;
        self.applied = place;
        self.changed_since.get_or_insert(now);
    }

    /// An entry of the log went into group `sequence`; after it the log is at `place`. Says whether the group is the
    /// first news of this log since the last one.
    pub fn submitted(&mut self, sequence: u64, place: Place, now: Instant) -> bool {
        // A capture may have come between the write and its entry: what it left must still be due.
        self.changed_since.get_or_insert(now);
        self.first_uncovered.get_or_insert(sequence);
        self.capture_uncovered.get_or_insert(sequence);
        match self.pending.back_mut() {
            Some(last) if last.sequence == sequence => {
                last.place = place;
                false
            }
            _ => {
                self.pending.push_back(Claim { sequence, place });
                true
            }
        }
    }

    /// All groups up to `durable` are on stable storage. Gives what may be told as durable.
    pub fn settle(&mut self, durable: u64) -> Option<Durable> {
        let mut settled = None;
        while self.pending.front().is_some_and(|claim| claim.sequence <= durable) {
            settled = self.pending.pop_front();
        }
        let claim = settled?;
        self.settled = Some(claim);
        Some(Durable { offset: claim.place.end_offset, truncation: self.truncation })
    }

    /// Files will be cut or removed, or the mode changes: no capture until [`Progress::changed`], and none that is
    /// being synced counts.
    pub fn change(&mut self) {
        self.generation += 1;
        self.change_beside_files();
    }

    /// What no file says will change, such as the log start: no capture until [`Progress::changed`]. One that is being
    /// synced counts, or a log start that moves faster than syncs end would let the journal fill up.
    pub fn change_beside_files(&mut self) {
        assert_eq!(self.changing, Changing::No, "a log has one owner");
        self.changing = Changing::Now;
    }

    /// The entry of the change is in the journal's group `sequence`. Until [`Progress::carry_out`] the files are as the groups
    /// before it say, and can be captured again.
    pub fn announced(&mut self, sequence: u64) {
        assert_eq!(self.changing, Changing::Now, "what is announced has begun");
        self.changing = Changing::Announced(sequence);
    }

    /// What was announced is done from now on: no capture, and none that is being synced counts.
    pub fn carry_out(&mut self) {
        self.changing = Changing::Now;
    }

    /// The files are as they should be after a cut: the log ends at `place`, and entries up to `sequence` led there.
    pub fn cut(&mut self, sequence: u64, place: Place, truncation: u64, now: Instant) {
        self.generation += 1;
        self.pending.clear();
        self.applied = place;
        self.lower_line(place);
        self.settled = Some(Claim { sequence: self.settled_sequence().max(sequence), place });
        self.truncation = truncation;
        self.names_changed = true;
        self.epochs_changed = true;
        self.changed_since.get_or_insert(now);
    }

    /// The change that began with [`Progress::change`] is over, or did not happen.
    pub fn changed(&mut self) {
        self.changing = Changing::No;
    }

    /// A segment takes no more appends, and there is a new file.
    pub fn rolled(&mut self, closed: Arc<Segment>, place: Place, now: Instant) {
        self.changed_since.get_or_insert(now);
        self.unsynced.push(closed);
        self.names_changed = true;
        self.applied = place;
    }

    /// The last group with an entry of this log.
    pub fn last_submitted(&self) -> u64 {
        self.pending.back().map_or(self.settled_sequence(), |claim| claim.sequence)
    }

    /// Segments that are gone need no sync.
    pub fn removed(&mut self, still_there: impl Fn(&Arc<Segment>) -> bool) {
        self.unsynced.retain(still_there);
        self.names_changed = true;
    }

    /// Found so after a crash: nothing is known to be on stable storage, least of all these closed segments.
    pub fn recovered(&mut self, closed: Vec<Arc<Segment>>, now: Instant) {
        self.unsynced = closed;
        self.names_changed = true;
        self.epochs_changed = true;
        self.identity_changed = true;
        self.changed_since.get_or_insert(now);
    }

    /// The partition is new: its directory, its topic id and its first segment.
    pub fn created(&mut self, now: Instant) {
        self.identity_changed = true;
        self.names_changed(now);
    }

    /// Names in the partition's directory changed.
    pub fn names_changed(&mut self, now: Instant) {
        self.names_changed = true;
        self.changed_since.get_or_insert(now);
    }

    /// The epochs changed.
    pub fn epochs_changed(&mut self, now: Instant) {
        self.epochs_changed = true;
        self.changed_since.get_or_insert(now);
    }

    /// Since when something waits for a sync, and how many records.
    pub fn waiting(&self) -> Option<(Instant, i64)> {
        self.changed_since.map(|since| (since, self.records_since_sync))
    }

    /// The first journal group that must be kept for this log.
    pub fn first_uncovered(&self) -> Option<u64> {
        if self.journaled { self.first_uncovered } else { None }
    }

    /// Whether a capture is being synced.
    pub fn is_in_flight(&self) -> bool {
        self.in_flight
    }

    /// Whether closed segments wait for a sync.
    pub fn has_closed_segments(&self) -> bool {
        !self.unsynced.is_empty()
    }

    /// Takes down what a sync that begins now will prove. `active` is the segment that takes appends.
    pub fn capture(&mut self, active: &Arc<Segment>) -> Option<Capture> {
        let is_as_settled = match self.changing {
            Changing::No => true,
            Changing::Announced(sequence) => self.settled_sequence() < sequence,
            Changing::Now => false,
        };
        if !is_as_settled || self.in_flight || self.changed_since.is_none() {
            return None;
        }
        let settled = self.settled?;
        // Of a log that was closed behind its last entry the journal has all, too: the new segment is where it ends.
        let is_settled = self.pending.is_empty() && settled.place.end_offset == self.applied.end_offset;
        let place = if self.journaled && !is_settled { settled.place } else { self.applied };
        let claim = Claim { place, ..settled };
        self.capture_uncovered = self.pending.front().map(|pending| pending.sequence);
        self.capture_generation = self.generation;
        self.changed_since = self.capture_uncovered.and(self.changed_since);
        self.records_since_sync = 0;
        self.in_flight = true;
        let mut segments = std::mem::take(&mut self.unsynced);
        segments.push(active.clone());
        Some(Capture {
            claim,
            journaled: self.journaled,
            segments,
            names: std::mem::take(&mut self.names_changed),
            epochs: std::mem::take(&mut self.epochs_changed),
            identity: std::mem::take(&mut self.identity_changed),
            generation: self.generation,
        })
    }

    /// The files of `capture` are synced. Says what the checkpoint may say now; `None` when the log was cut meanwhile,
    /// and the sync proves nothing.
    pub fn captured(&self, capture: &Capture) -> Option<Claim> {
        if self.changing != Changing::Now && capture.generation == self.generation {
            return Some(capture.claim);
        }
        mark!("cut during a segment sync");
        if planted!("a sync of what was cut counts") {
            return Some(capture.claim);
        }
        if planted!("checkpoint-by-end-offset") && self.applied.end_offset >= capture.claim.place.end_offset {
            return Some(Claim { sequence: self.settled_sequence(), place: capture.claim.place });
        }
        None
    }

    /// The sync of `capture` proves nothing: all of it waits for the next one.
    /// `closed` are the segments of the log that take no appends now.
    pub fn give_up(&mut self, mut capture: Capture, closed: &[Arc<Segment>], now: Instant) {
        self.in_flight = false;
        capture.segments.append(&mut self.unsynced);
        capture.segments.retain(|segment| closed.iter().any(|closed| Arc::ptr_eq(closed, segment)));
        capture.segments.dedup_by(|a, b| Arc::ptr_eq(a, b));
        self.unsynced = capture.segments;
        self.names_changed |= capture.names;
        self.epochs_changed |= capture.epochs;
        self.identity_changed |= capture.identity;
        self.changed_since.get_or_insert(now);
    }

    /// The checkpoint with the line `claim`, of the last capture, is durable.
    pub fn covered(&mut self, claim: Claim) {
        self.in_flight = false;
        let is_being_cut = self.changing == Changing::Now;
        // Also of a log that is being cut by now: the checkpoint has given its groups away, and they may be written over.
        if !(is_being_cut && planted!("a cut holds what was given away")) {
            self.first_uncovered = self.capture_uncovered;
        }
        // A cut lowers the recovery point, and that stays, also when it was over before the checkpoint was.
        if !is_being_cut && self.capture_generation == self.generation {
            self.line = Some(claim);
        }
    }

    /// The first group that must be kept once the claim of the last capture is on the disk.
    pub fn uncovered_by_capture(&self) -> Option<u64> {
        if self.journaled { self.capture_uncovered } else { None }
    }

    fn settled_sequence(&self) -> u64 {
        self.settled.map_or(0, |settled| settled.sequence)
    }

    /// The checkpoint says `line`, and with it everything so far is on stable storage; only the owner can know.
    pub fn all_covered(&mut self, journaled: bool, line: Claim) {
        assert!(self.pending.is_empty(), "entries that the journal does not have yet");
        self.in_flight = false;
        self.generation += 1;
        self.journaled = journaled;
        self.settled = Some(line);
        self.line = Some(line);
        self.first_uncovered = None;
        self.capture_uncovered = None;
        self.unsynced.clear();
        self.names_changed = false;
        self.epochs_changed = false;
        self.identity_changed = false;
        self.changed_since = None;
        self.records_since_sync = 0;
    }

    /// Lowers the recovery point before the files are cut to `place`.
    pub fn lower_line(&mut self, place: Place) {
        if let Some(line) = self.line.as_mut().filter(|line| line.place.end_offset > place.end_offset) {
            line.place = place;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::IndexState;

    fn place(end_offset: Offset) -> Place {
        Place { end_offset, segment_base_offset: 0, position: end_offset.unsigned_abs() * 100 }
    }

    /// A log with a line at its beginning, and an entry of five records in group 2, which is durable.
    fn with_a_durable_entry() -> (Arc<Segment>, Instant, Progress) {
        let segment = Arc::new(Segment::new("story-0".into(), 0, 0, IndexState::OnDisk, 0));
        let (now, claim) = (Instant::now(), Claim { sequence: 1, place: place(0) });
        let mut progress = Progress::new(true, place(0), Some(claim), Some(claim));
        progress.applied_to(place(5), now);
        progress.submitted(2, place(5), now);
        progress.settle(2);
        (segment, now, progress)
    }

    /// The line of a log that nobody appends to stayed in its last segment, and that one was never cleaned.
    #[test]
    fn a_segment_that_was_closed_behind_the_last_entry_is_left_behind_by_the_line() {
        let segment = Arc::new(Segment::new("story-0".into(), 0, 0, IndexState::OnDisk, 0));
        let (now, claim) = (Instant::now(), Claim { sequence: 1, place: place(0) });
        let mut progress = Progress::new(true, place(0), Some(claim), Some(claim));
        let empty = Place { end_offset: 1, segment_base_offset: 1, position: 0 };
        progress.applied_to(place(1), now);
        progress.submitted(2, place(1), now);
        progress.rolled(segment.clone(), empty, now);
        assert_eq!(progress.capture(&segment).expect("bytes were written").claim, claim, "not in the journal yet");
        progress.covered(claim);
        progress.settle(2);
        let capture = progress.capture(&segment).expect("the entry is not covered");
        assert_eq!(capture.claim, Claim { sequence: 2, place: empty });
    }

    /// A cut waited for the journal to take its entry, the journal waited for the log's older entries to be covered, and
    /// nothing of the log was synced, for it was being cut: nobody on the node could write any more.
    #[test]
    fn a_log_that_waits_to_be_cut_gives_the_journal_back_what_it_holds() {
        let (segment, now, mut progress) = with_a_durable_entry();
        let before = progress.capture(&segment).expect("the entry is not covered");
        progress.change();
        progress.submitted(3, place(1), now);
        progress.announced(3);
        assert_eq!(progress.captured(&before), None, "it keeps no entry that came after it");
        progress.give_up(before, &[], now);
        let capture = progress.capture(&segment).expect("nothing is cut yet");
        assert_eq!(progress.captured(&capture), Some(Claim { sequence: 2, place: place(5) }));
        progress.covered(capture.claim);
        assert_eq!(progress.first_uncovered(), Some(3), "the cut is still to be replayed");
        progress.settle(3);
        assert!(progress.capture(&segment).is_none(), "the journal says what the files are not yet");
        progress.carry_out();
        progress.cut(3, place(1), 1, now);
        progress.changed();
        assert_eq!(progress.capture(&segment).expect("it was cut").claim.place, place(1));
    }

    /// A cut began while the checkpoint was written. The log then held groups that the checkpoint had given away; the next one
    /// took them back, and recovery missed them where they had been written over.
    #[test]
    fn a_log_that_is_being_cut_does_not_hold_what_the_checkpoint_gave_away() {
        let (segment, now, mut progress) = with_a_durable_entry();
        let claim = progress.line().expect("it was given");
        let capture = progress.capture(&segment).expect("the entry is not covered");
        let covered = progress.captured(&capture).expect("nothing is cut yet");
        assert_eq!(progress.uncovered_by_capture(), None, "so the checkpoint gives all groups away");
        progress.change();
        progress.submitted(3, place(1), now);
        progress.announced(3);
        progress.settle(3);
        progress.carry_out();
        progress.lower_line(place(1));
        progress.covered(covered);
        assert_eq!(progress.first_uncovered(), Some(3), "the cut alone");
        assert_eq!(progress.line(), Some(claim), "the recovery point of before");
    }

    /// A sync that began between the write of a batch and its journal entry took the log for clean afterwards. Its last
    /// group was then never covered, and the journal, full in the end, took nothing any more.
    #[test]
    fn an_entry_that_comes_after_a_capture_is_due_again() {
        let segment = Arc::new(Segment::new("story-0".into(), 0, 0, IndexState::OnDisk, 0));
        let (now, claim) = (Instant::now(), Claim { sequence: 1, place: place(0) });
        let mut progress = Progress::new(true, place(0), Some(claim), Some(claim));
        progress.applied_to(place(1), now);
        let capture = progress.capture(&segment).expect("bytes were written");
        progress.submitted(2, place(1), now);
        progress.covered(capture.claim);
        progress.settle(2);
        assert_eq!(progress.first_uncovered(), Some(2));
        assert!(progress.waiting().is_some());
        let capture = progress.capture(&segment).expect("the entry is not covered");
        progress.covered(capture.claim);
        assert_eq!(progress.first_uncovered(), None);
        assert!(progress.waiting().is_none());
    }

    /// A cut lowered the recovery point of a log without a journal alone; and it was raised again, above the end of the log,
    /// by a checkpoint that was written all the while.
    #[test]
    fn a_cut_lowers_the_recovery_point_also_where_a_checkpoint_is_slower() {
        for is_slower in [false, true] {
            let (segment, now, mut progress) = with_a_durable_entry();
            let capture = progress.capture(&segment).expect("the entry is not covered");
            let claim = progress.captured(&capture).expect("nothing came between");
            if !is_slower {
                progress.covered(claim);
                assert_eq!(progress.line().expect("a line").place, place(5));
            }
            progress.change();
            progress.submitted(3, place(1), now);
            progress.announced(3);
            progress.carry_out();
            progress.cut(3, place(1), 1, now);
            progress.changed();
            if is_slower {
                progress.covered(claim);
            }
            assert!(progress.line().expect("a line").place.end_offset <= 1, "slower: {is_slower}");
        }
    }

    /// The entry of a moved log start was covered between its being durable and the start's being moved: the checkpoint had
    /// the old start, the journal had given the entry away, and a crash brought deleted records back.
    #[test]
    fn what_was_announced_is_not_covered_before_it_is_done() {
        let (segment, now, mut progress) = with_a_durable_entry();
        let under_way = progress.capture(&segment).expect("the entry is not covered");
        progress.change_beside_files();
        progress.submitted(3, place(5), now);
        progress.announced(3);
        progress.settle(3);
        let claim = progress.captured(&under_way).expect("its files are as they were");
        progress.covered(claim);
        assert_eq!((progress.line(), progress.first_uncovered()), (Some(claim), Some(3)));
        assert!(progress.capture(&segment).is_none(), "it is durable, and its owner has not heard of that");
        progress.carry_out();
        progress.changed();
        assert_eq!(progress.capture(&segment).expect("now it is done").claim.sequence, 3);
    }
}
