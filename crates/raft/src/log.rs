//! The log in memory: the newest snapshot and all entries after it, which voter set counts from where, and how much of it
//! is on stable storage.

use crate::{Durable, Entry, LogEnd, Payload, ReplicaKey, Snapshot, Voters};
use bytes::Bytes;
use model::{LeaderEpoch, Offset};
use std::collections::VecDeque;

/// Nobody's log comes near this end; from one that says so there would be no room to count on.
pub const LAST_OFFSET: Offset = Offset::MAX / 2;

static NOBODY: Voters = Voters::none();

#[derive(Debug)]
pub struct Log {
    snapshot: Option<Snapshot>,
    entries: VecDeque<Entry>,
    /// Voter sets by the offset of their entry, ascending; the snapshot's stands just below the log's start.
    voter_sets: Vec<(Offset, Voters)>,
    /// Entries before this are in an effect.
    emitted_end: Offset,
    /// Entries before this were handed to the driver.
    handed_end: Offset,
    /// Entries before this are on stable storage.
    stable_end: Offset,
}

impl Log {
    /// The log as it was read from a disk.
    pub fn opened(durable: Durable) -> Log {
        let mut log = Log {
            snapshot: durable.snapshot,
            entries: VecDeque::new(),
            voter_sets: Vec::new(),
            emitted_end: 0,
            handed_end: 0,
            stable_end: 0,
        };
        log.voter_sets.extend(log.snapshot.as_ref().map(|snapshot| (snapshot.end_offset - 1, snapshot.voters.clone())));
        for entry in durable.entries {
            assert!(entry.epoch >= log.end().epoch, "epochs never fall in a log");
            log.push(entry);
        }
        log.set_ends(log.end().offset, log.end().offset);
        log
    }

    /// The offset of the first entry.
    pub fn start(&self) -> Offset {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.end_offset)
    }

    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    /// How far it goes.
    pub fn end(&self) -> LogEnd {
        let offset = self.start() + self.entries.len() as Offset;
        LogEnd { epoch: self.entries.back().map_or(self.start_epoch(), |entry| entry.epoch), offset }
    }

    /// Entries before this are on stable storage.
    pub fn stable_end(&self) -> Offset {
        self.stable_end
    }

    /// The epoch of the last entry before `end`, where that can be told. An empty log ends in epoch 0.
    pub fn epoch_before(&self, end: Offset) -> Option<LeaderEpoch> {
        match end.checked_sub(self.start())? {
            0 => Some(self.start_epoch()),
            length @ 1.. => self.entries.get(length as usize - 1).map(|entry| entry.epoch),
            _ => None,
        }
    }

    /// The longest prefix that is no longer than `limit` says and has no entry of a later epoch; `None` when it would end
    /// before the log's start.
    pub fn prefix_within(&self, limit: LogEnd) -> Option<LogEnd> {
        let longest = usize::try_from(limit.offset.checked_sub(self.start())?).ok()?;
        let early = self.entries.partition_point(|entry| entry.epoch <= limit.epoch);
        let offset = self.start() + early.min(longest) as Offset;
        let epoch = self.epoch_before(offset)?;
        (epoch <= limit.epoch).then_some(LogEnd { epoch, offset })
    }

    /// Entries from `from` on, about `max_bytes` of them, one at least if there is one.
    pub fn read(&self, from: Offset, max_bytes: usize) -> Vec<Entry> {
        let mut bytes = 0;
        let fits = |entry: &&Entry| {
            let first = bytes == 0;
            bytes += entry.payload.size();
            first || bytes <= max_bytes
        };
        self.range(from, self.end().offset).take_while(fits).cloned().collect()
    }

    /// The entries of this range; all of it must be there.
    pub fn range(&self, from: Offset, to: Offset) -> impl Iterator<Item = &Entry> {
        assert!(self.start() <= from && from <= to && to <= self.end().offset, "entries {from} to {to} are in the log");
        self.entries.range((from - self.start()) as usize..(to - self.start()) as usize)
    }

    /// The voters that count now: those of the last voters' entry, committed or not.
    pub fn voters(&self) -> &Voters {
        self.voter_sets.last().map_or(&NOBODY, |(_, voters)| voters)
    }

    /// The voters that counted when the log ended at `end`.
    pub fn voters_before(&self, end: Offset) -> &Voters {
        let counted = self.voter_sets.partition_point(|(offset, _)| *offset < end);
        counted.checked_sub(1).map_or(&NOBODY, |last| &self.voter_sets[last].1)
    }

    /// The offset of the last voters' entry, or one before the log's start.
    pub fn voters_offset(&self) -> Offset {
        self.voter_sets.last().map_or(-1, |(offset, _)| *offset)
    }

    /// The offset of the entry that took the last of a replica's places among the voters, committed or not; `None` when
    /// it still has one, or never had one in this log.
    pub fn taken_out_at(&self, key: ReplicaKey) -> Option<Offset> {
        let last = self.voter_sets.iter().rposition(|(_, voters)| voters.contains(key))?;
        self.voter_sets.get(last + 1).map(|(offset, _)| *offset)
    }

    /// Appends an entry and says where.
    pub fn push(&mut self, entry: Entry) -> Offset {
        let offset = self.end().offset;
        if let Payload::Voters(voters) = &entry.payload {
            self.voter_sets.push((offset, voters.clone()));
        }
        self.entries.push_back(entry);
        offset
    }

    /// Cuts the log to end at `to`; `true` when an effect had more.
    pub fn truncate(&mut self, to: Offset) -> bool {
        self.entries.truncate(usize::try_from(to - self.start()).unwrap_or(0));
        self.voter_sets.retain(|(offset, _)| *offset < to);
        let emitted = self.emitted_end > to;
        self.emitted_end = self.emitted_end.min(to);
        self.handed_end = self.handed_end.min(to);
        self.stable_end = self.stable_end.min(to);
        emitted
    }

    /// The snapshot of all entries before `end`, which are dropped.
    pub fn compact(&mut self, end: Offset, state: Bytes) -> &Snapshot {
        let epoch = self.epoch_before(end).expect("the snapshot ends within the log");
        let counted = self.voter_sets.partition_point(|(offset, _)| *offset < end);
        let voters = self.voters_before(end).clone();
        self.voter_sets.splice(..counted, [(end - 1, voters.clone())]);
        self.entries.drain(..(end - self.start()) as usize);
        self.snapshot.insert(Snapshot { end_offset: end, epoch, voters, state })
    }

    /// Begins anew after this snapshot.
    pub fn install(&mut self, snapshot: Snapshot) {
        self.entries.clear();
        self.voter_sets = vec![(snapshot.end_offset - 1, snapshot.voters.clone())];
        self.set_ends(snapshot.end_offset, 0); // it is not on stable storage yet
        self.snapshot = Some(snapshot);
    }

    /// Entries that are in no effect yet, with the offset of the first. From now on they count as being in one.
    pub fn emit(&mut self) -> Option<(Offset, Vec<Entry>)> {
        let (from, to) = (self.emitted_end, self.end().offset);
        if from == to {
            return None;
        }
        self.emitted_end = to;
        Some((from, self.range(from, to).cloned().collect()))
    }

    /// The driver has taken all effects.
    pub fn handed(&mut self) {
        self.handed_end = self.emitted_end;
    }

    /// All that the driver has taken is on stable storage.
    pub fn persisted(&mut self) {
        self.stable_end = self.handed_end;
    }

    fn start_epoch(&self) -> LeaderEpoch {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.epoch)
    }

    fn set_ends(&mut self, emitted: Offset, stable: Offset) {
        (self.emitted_end, self.handed_end, self.stable_end) = (emitted, stable, stable);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(epochs: &[LeaderEpoch]) -> Log {
        let entries = epochs.iter().map(|epoch| Entry { epoch: *epoch, payload: Payload::LeaderChange }).collect();
        Log::opened(Durable { entries, ..Durable::default() })
    }

    #[test]
    fn a_prefix_has_no_entry_of_a_later_epoch() {
        let log = log(&[1, 1, 3, 3, 5]);
        let within = |epoch, offset| log.prefix_within(LogEnd { epoch, offset }).map(|end| (end.epoch, end.offset));
        assert_eq!(within(3, 9), Some((3, 4)));
        assert_eq!(within(4, 3), Some((3, 3)));
        assert_eq!(within(0, 9), Some((0, 0)));
        assert_eq!(within(9, 9), Some((5, 5)));
        assert_eq!(within(2, -1), None);
        assert_eq!(within(-1, 9), None);
    }

    #[test]
    fn a_prefix_below_the_snapshot_cannot_be_told() {
        let mut log = log(&[1, 1, 3, 3, 5]);
        log.compact(3, Bytes::new());
        assert_eq!((log.start(), log.epoch_before(3), log.epoch_before(2)), (3, Some(3), None));
        assert_eq!(log.prefix_within(LogEnd { epoch: 2, offset: 5 }), None);
        assert_eq!(log.prefix_within(LogEnd { epoch: 3, offset: 9 }), Some(LogEnd { epoch: 3, offset: 4 }));
    }

    #[test]
    fn what_was_cut_is_not_stable() {
        let mut log = log(&[1, 1, 1]);
        log.push(Entry { epoch: 2, payload: Payload::LeaderChange });
        assert_eq!(log.emit().map(|(from, entries)| (from, entries.len())), Some((3, 1)));
        log.handed();
        assert!(log.truncate(2));
        log.push(Entry { epoch: 3, payload: Payload::LeaderChange });
        log.persisted(); // of what was handed out before the cut
        assert_eq!(log.stable_end(), 2);
    }
}
