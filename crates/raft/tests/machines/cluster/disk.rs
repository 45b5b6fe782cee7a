//! A disk: what is on stable storage, and what is being written.

use super::dice::Dice;
use model::{LeaderEpoch, Offset};
use raft::{Durable, Effect};

#[derive(Debug, Default)]
pub struct Disk {
    pub stored: Durable,
    /// Being written, in order.
    pub pending: Vec<Effect>,
}

impl Disk {
    pub fn start(&self) -> Offset {
        self.stored.snapshot.as_ref().map_or(0, |snapshot| snapshot.end_offset)
    }

    pub fn end(&self) -> Offset {
        self.start() + self.stored.entries.len() as Offset
    }

    /// The epoch of the last entry before `end`, where it is there.
    pub fn epoch_before(&self, end: Offset) -> Option<LeaderEpoch> {
        let length = usize::try_from(end - self.start()).ok()?;
        match length.checked_sub(1) {
            None => Some(self.stored.snapshot.as_ref().map_or(0, |snapshot| snapshot.epoch)),
            Some(last) => self.stored.entries.get(last).map(|entry| entry.epoch),
        }
    }

    /// What is being written is on stable storage.
    pub fn sync(&mut self) -> Vec<Effect> {
        let written = std::mem::take(&mut self.pending);
        written.iter().for_each(|effect| self.store(effect));
        written
    }

    /// The power fails: of what was being written a first part is there.
    pub fn fail(&mut self, dice: &mut Dice) {
        let kept = dice.below(self.pending.len() as u64 + 1) as usize;
        let pending = std::mem::take(&mut self.pending);
        pending.iter().take(kept).for_each(|effect| self.store(effect));
    }

    fn store(&mut self, effect: &Effect) {
        match effect {
            Effect::SaveHardState(hard_state) => self.stored.hard_state = *hard_state,
            Effect::Truncate { to } => {
                let length = usize::try_from(to - self.start()).expect("a log is not cut below its snapshot");
                assert!(length < self.stored.entries.len(), "a cut takes something away");
                self.stored.entries.truncate(length);
            }
            Effect::Append { base_offset, entries } => {
                assert_eq!(*base_offset, self.end(), "a log has no gaps");
                self.stored.entries.extend(entries.iter().cloned());
            }
            Effect::InstallSnapshot(snapshot) => {
                self.stored.entries.clear();
                self.stored.snapshot = Some(snapshot.clone());
            }
            Effect::Compact(snapshot) => {
                let dropped = usize::try_from(snapshot.end_offset - self.start()).expect("snapshots move up");
                self.stored.entries.drain(..dropped);
                self.stored.snapshot = Some(snapshot.clone());
            }
            other => panic!("this is not written: {other:?}"),
        }
    }
}
