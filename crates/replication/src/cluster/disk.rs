//! What one node has on its disk: a log with its epochs, and a high watermark that was written down.

use super::dice::Dice;
use crate::{FollowerLog, OwnLog};
use model::{LeaderEpoch, Offset};

/// One record, a batch of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub epoch: LeaderEpoch,
    pub value: u64,
}

/// The disk of one node.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    /// Changes when the disk is another one.
    pub directory: u64,
    /// The high watermark that a start finds.
    pub checkpoint: Offset,
    journaled: bool,
    start: Offset,
    records: Vec<Record>,
    /// Epoch and where it starts, both growing.
    epochs: Vec<(LeaderEpoch, Offset)>,
    durable_end: Offset,
    /// Counts the cuts: a sync that began before one says nothing after it.
    cuts: u64,
}

impl Disk {
    pub fn new(directory: u64, journaled: bool) -> Disk {
        let (records, epochs) = (Vec::new(), Vec::new());
        Disk { directory, checkpoint: 0, journaled, start: 0, records, epochs, durable_end: 0, cuts: 0 }
    }

    pub fn start(&self) -> Offset {
        self.start
    }

    pub fn end(&self) -> Offset {
        self.start + self.records.len() as Offset
    }

    pub fn cuts(&self) -> u64 {
        self.cuts
    }

    /// What outlives anything that may happen to the node.
    pub fn lasting_end(&self) -> Offset {
        self.own_log().progress()
    }

    pub fn own_log(&self) -> OwnLog {
        OwnLog {
            log_start_offset: self.start,
            log_end_offset: self.end(),
            durable_end: self.durable_end,
            journaled: self.journaled,
            asks_stable_storage: self.journaled,
        }
    }

    pub fn follower_log(&self) -> FollowerLog {
        let last = self.records.last().map_or(-1, |record| record.epoch);
        FollowerLog { ends: self.own_log(), last_epoch: last }
    }

    pub fn record(&self, offset: Offset) -> Option<Record> {
        usize::try_from(offset - self.start).ok().and_then(|at| self.records.get(at)).copied()
    }

    pub fn read(&self, from: Offset, most: usize) -> &[Record] {
        let at = usize::try_from(from - self.start).unwrap_or(usize::MAX).min(self.records.len());
        &self.records[at..(at + most).min(self.records.len())]
    }

    pub fn append(&mut self, records: &[Record]) {
        for record in records {
            self.forget_epochs_without_records(record.epoch);
            self.note_epoch(record.epoch);
            self.records.push(*record);
        }
    }

    /// Epochs above `epoch` that began at the log end: this node led in them and appended nothing.
    fn forget_epochs_without_records(&mut self, epoch: LeaderEpoch) {
        let end = self.end();
        self.epochs.retain(|(later, start)| *later <= epoch || *start < end);
    }

    /// `epoch` starts at the log end, unless a later one is known.
    pub fn note_epoch(&mut self, epoch: LeaderEpoch) {
        if self.epochs.last().is_none_or(|(last, _)| *last < epoch) {
            let end = self.end();
            self.epochs.retain(|(_, start)| *start < end);
            self.epochs.push((epoch, end));
        }
    }

    /// The largest epoch at or below `asked` and where it ends; (-1, -1) above the last.
    pub fn end_of_epoch(&self, asked: LeaderEpoch) -> (LeaderEpoch, Offset) {
        if asked < 0 || self.epochs.last().is_none_or(|(last, _)| *last < asked) {
            return (-1, -1);
        }
        let above = self.epochs.partition_point(|(epoch, _)| *epoch <= asked);
        let end = self.epochs.get(above).map_or(self.end(), |(_, start)| *start);
        (above.checked_sub(1).map_or(asked, |at| self.epochs[at].0), end)
    }

    pub fn truncate(&mut self, to: Offset) {
        if to < self.start {
            return self.reset(to);
        }
        self.records.truncate((to - self.start) as usize);
        self.epochs.retain(|(_, start)| *start < to);
        self.durable_end = self.durable_end.min(to);
        self.cuts += 1;
    }

    pub fn reset(&mut self, to: Offset) {
        self.records.clear();
        self.epochs.clear();
        (self.start, self.durable_end) = (to, to);
        self.cuts += 1;
    }

    pub fn advance_start(&mut self, to: Offset) {
        let gone = (to - self.start).clamp(0, self.records.len() as Offset);
        self.records.drain(..gone as usize);
        self.start += gone;
        let passed = self.epochs.partition_point(|(_, start)| *start <= self.start);
        if let Some(last) = passed.checked_sub(1) {
            self.epochs.drain(..last);
            self.epochs[0].1 = self.start;
        }
        self.durable_end = self.durable_end.max(self.start);
    }

    /// A sync has ended that began when the log ended at `end`, after `cuts` cuts.
    pub fn synced(&mut self, end: Offset, cuts: u64) -> bool {
        let news = cuts == self.cuts && end > self.durable_end;
        if news {
            self.durable_end = end;
        }
        news
    }

    /// The power has failed: of what was not synced, some is there and the rest is not. A log that is not journaled is
    /// on a machine that stays up while its process is killed.
    pub fn lose_power(&mut self, dice: &mut Dice) {
        if self.journaled {
            let left = dice.between(self.durable_end, self.end());
            self.truncate(left);
            self.durable_end = left;
        }
        self.checkpoint = self.checkpoint.clamp(self.start, self.end());
    }
}
