//! Following: taking a leader's entries, and saying where the logs part.

use crate::log::LAST_OFFSET;
use crate::raft::Standing;
use crate::{Body, Entry, LogEnd, Raft, ReplicaKey};
use model::state_machine::Instant;
use model::{LeaderEpoch, Offset, mark};

impl Raft {
    #[allow(clippy::too_many_arguments)] // the fields of one message
    pub(crate) fn on_append(
        &mut self,
        now: Instant,
        leader: ReplicaKey,
        epoch: LeaderEpoch,
        base_offset: Offset,
        previous_epoch: LeaderEpoch,
        mut entries: Vec<Entry>,
        high_watermark: Offset,
    ) {
        let Some(end) = end_of(epoch, base_offset, previous_epoch, &entries) else { return };
        if !self.accept_leader(now, leader, epoch) {
            return;
        }
        if end <= self.high_watermark {
            // What is committed here is in the log of every later leader.
            self.emit_entries();
            return self.send(leader, Body::Appended { matched: self.high_watermark });
        }
        let known = (self.high_watermark - base_offset).max(0);
        let base_offset = base_offset + known;
        entries.drain(..known as usize);
        if known == 0 && self.log.epoch_before(base_offset) != Some(previous_epoch) {
            return self.diverge(leader, LogEnd { epoch: previous_epoch, offset: base_offset });
        }
        self.take_entries(base_offset, entries);
        self.emit_entries();
        self.send(leader, Body::Appended { matched: end });
        self.commit(high_watermark.min(end));
    }

    /// Whether a message of this epoch comes from its leader, which is followed from now on.
    pub(crate) fn accept_leader(&mut self, now: Instant, leader: ReplicaKey, epoch: LeaderEpoch) -> bool {
        if epoch < self.epoch() {
            mark!("leader of a past epoch");
            let log = self.log.end();
            self.send(leader, Body::Diverged { log }); // it carries this epoch, and ends that leadership
            return false;
        }
        let other = self.leader.is_some_and(|known| known != leader.id);
        if other || matches!(self.standing, Standing::Leading(_)) {
            mark!("second leader in one epoch refused");
            return false;
        }
        self.follow(now, epoch, Some(leader.id));
        true
    }

    /// Tells the leader of a prefix that may be in its log, too: the longest without entries later than the leader's epoch
    /// there. So whole epochs are stepped over at once.
    fn diverge(&mut self, leader: ReplicaKey, before: LogEnd) {
        mark!("a voter's log diverges");
        let log = self.log.prefix_within(before).unwrap_or(LogEnd { epoch: 0, offset: 0 });
        self.send(leader, Body::Diverged { log });
    }

    /// Appends what is not there yet; entries of another epoch in the way go, with all after them.
    fn take_entries(&mut self, base_offset: Offset, entries: Vec<Entry>) {
        for (offset, entry) in (base_offset..).zip(entries) {
            match self.log.epoch_before(offset + 1) {
                Some(epoch) if epoch == entry.epoch => continue,
                Some(_) => self.truncate(offset),
                None => {}
            }
            self.log.push(entry);
        }
    }

    pub(crate) fn truncate(&mut self, to: Offset) {
        mark!("uncommitted entries cut off");
        if self.log.truncate(to) {
            self.effects.push(crate::Effect::Truncate { to });
        }
    }
}

/// The end of these entries; `None` when they cannot be a part of any log.
fn end_of(epoch: LeaderEpoch, base: Offset, previous: LeaderEpoch, entries: &[Entry]) -> Option<Offset> {
    let epochs = || entries.iter().map(|entry| entry.epoch);
    let ascend = [previous].into_iter().chain(epochs()).zip(epochs()).all(|(earlier, later)| earlier <= later);
    let last = entries.last().map_or(previous, |entry| entry.epoch);
    let end = base.checked_add(Offset::try_from(entries.len()).ok()?)?;
    (base >= 0 && previous >= 0 && ascend && last <= epoch && end <= LAST_OFFSET).then_some(end)
}
