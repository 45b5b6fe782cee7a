//! Which leader epoch starts at which offset (KIP-101), and its file `leader-epoch-checkpoint`.

use crate::offset_checkpoint::checkpoint_lines;
use model::{LeaderEpoch, Offset, planted};
use std::fmt::Write;

/// The file in a partition's directory.
pub(crate) const FILE: &str = "leader-epoch-checkpoint";

/// The epochs of one log, with the offset where each starts. Both only grow from entry to entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaderEpochs {
    entries: Vec<(LeaderEpoch, Offset)>,
}

impl LeaderEpochs {
    /// The last epoch; `None` in a log that never had one.
    pub fn latest(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|(epoch, _)| *epoch)
    }

    /// The entries, oldest first: epoch and start offset.
    pub fn entries(&self) -> &[(LeaderEpoch, Offset)] {
        &self.entries
    }

    /// `epoch` starts at `start`. Says whether that was news. Entries that contradict it go: with the same or a higher
    /// epoch, or with the same or a higher start.
    pub(crate) fn assign(&mut self, epoch: LeaderEpoch, start: Offset) -> bool {
        if epoch < 0 || self.latest() == Some(epoch) {
            return false;
        }
        self.entries.retain(|(earlier, earlier_start)| *earlier < epoch && *earlier_start < start);
        self.entries.push((epoch, start));
        true
    }

    /// A batch of `epoch` is in the log at `offset`. Says whether that was news.
    pub(crate) fn learn(&mut self, epoch: LeaderEpoch, offset: Offset) -> bool {
        if self.epoch_of(offset) == Some(epoch) {
            return false;
        }
        // Epochs that began here without a record: this broker led in them and appended nothing. Or ones that began below,
        // in a file from after a cut that is still to be replayed. Were they to take the batch's own epoch with them, its
        // earlier records would count as of the one before.
        let stays = planted!("epochs from after a cut stay while what was cut is replayed");
        self.entries.retain(|(later, start)| *later <= epoch || (stays && *start < offset));
        self.latest() == Some(epoch) || self.assign(epoch, offset)
    }

    /// The log now ends at `end`: epochs that start there or later are gone. Says whether any was.
    pub(crate) fn truncate_to(&mut self, end: Offset) -> bool {
        let before = self.entries.len();
        self.entries.retain(|(_, start)| *start < end);
        self.entries.len() != before
    }

    /// The log now starts at `start`: the epoch that holds there starts there. Says whether anything changed.
    pub(crate) fn start_at(&mut self, start: Offset) -> bool {
        let passed = self.entries.partition_point(|(_, epoch_start)| *epoch_start <= start);
        if passed == 0 || (passed == 1 && self.entries[0].1 == start) {
            return false;
        }
        self.entries.drain(..passed - 1);
        self.entries[0].1 = start;
        true
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// The largest epoch at or below `requested` and the offset where it ends, `log_end` for the last one; (-1, -1)
    /// for an epoch above the last (KIP-101, KIP-279).
    pub fn end_offset_of(&self, requested: LeaderEpoch, log_end: Offset) -> (LeaderEpoch, Offset) {
        let above = self.entries.partition_point(|(epoch, _)| *epoch <= requested);
        if requested < 0 || self.latest().is_none_or(|latest| latest < requested) {
            return (-1, -1);
        }
        match self.entries.get(above) {
            None => (requested, log_end),
            Some((_, next_start)) => {
                let epoch = if above == 0 { requested } else { self.entries[above - 1].0 };
                (epoch, *next_start)
            }
        }
    }

    /// The epoch of the record at `offset`; `None` below the first.
    pub fn epoch_of(&self, offset: Offset) -> Option<LeaderEpoch> {
        let started = self.entries.partition_point(|(_, start)| *start <= offset);
        started.checked_sub(1).map(|last| self.entries[last].0)
    }

    /// The file's text.
    pub(crate) fn encode(&self) -> String {
        let mut text = format!("0\n{}\n", self.entries.len());
        for (epoch, start) in &self.entries {
            let _ = writeln!(text, "{epoch} {start}");
        }
        text
    }

    /// Reads the file's text; the error says what is wrong.
    pub(crate) fn parse(text: &str) -> Result<LeaderEpochs, String> {
        let mut epochs = LeaderEpochs::default();
        for line in checkpoint_lines(text)? {
            let parsed = line.split_once(' ').and_then(|(epoch, start)| {
                Some((epoch.trim().parse::<LeaderEpoch>().ok()?, start.trim().parse::<Offset>().ok()?))
            });
            let Some((epoch, start)) = parsed else { return Err(format!("line {line:?} is not 'epoch offset'")) };
            let grows = epochs.entries.last().is_none_or(|(last, last_start)| *last < epoch && *last_start <= start);
            if !grows || epoch < 0 || start < 0 {
                return Err(format!("line {line:?} does not follow from the one before"));
            }
            epochs.entries.push((epoch, start));
        }
        Ok(epochs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(entries: &[(LeaderEpoch, Offset)]) -> LeaderEpochs {
        LeaderEpochs { entries: entries.to_vec() }
    }

    #[test]
    fn the_file_is_kafkas() {
        let epochs = epochs(&[(0, 0), (4, 117)]);
        assert_eq!(epochs.encode(), "0\n2\n0 0\n4 117\n");
        assert_eq!(LeaderEpochs::parse(&epochs.encode()), Ok(epochs));
        for text in ["", "0\n1\n4\n", "0\n2\n4 10\n3 20\n", "0\n2\n3 20\n4 10\n", "0\n1\n-1 0\n", "0\n2\n0 0\n"] {
            assert!(LeaderEpochs::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_new_epoch_drops_what_contradicts_it() {
        let mut known = epochs(&[(1, 0), (2, 10), (3, 20)]);
        assert!(!known.assign(3, 25), "a known epoch keeps its start");
        assert!(known.assign(5, 20), "an epoch without records gives way to the next");
        assert_eq!(known, epochs(&[(1, 0), (2, 10), (5, 20)]));
        assert!(!known.assign(-1, 30));
    }

    #[test]
    fn a_batch_of_a_known_epoch_is_no_news() {
        let mut known = epochs(&[(1, 0), (2, 10), (7, 20)]);
        assert!(!known.learn(2, 15), "an epoch that was raised after it stays");
        assert_eq!(known, epochs(&[(1, 0), (2, 10), (7, 20)]));
        assert!(known.learn(3, 15), "what the batches say counts");
        assert_eq!(known, epochs(&[(1, 0), (2, 10), (3, 15)]));
    }

    /// A broker that had led without an append took the records of an earlier epoch for those of one before it.
    #[test]
    fn a_batch_of_an_earlier_epoch_ends_those_that_began_at_the_end_and_no_other() {
        let mut known = epochs(&[(1, 0), (2, 10), (4, 13)]);
        assert!(known.learn(2, 13));
        assert_eq!(known, epochs(&[(1, 0), (2, 10)]));
    }

    /// What a journal had of before a cut took the batch's own epoch away, which began before the cut.
    #[test]
    fn a_batch_of_an_earlier_epoch_ends_those_that_began_below_it() {
        let mut known = epochs(&[(0, 0), (2, 10), (4, 13)]);
        assert!(known.learn(2, 20));
        assert_eq!(known, epochs(&[(0, 0), (2, 10)]));
    }

    #[test]
    fn an_epoch_ends_where_the_next_starts() {
        let known = epochs(&[(2, 10), (4, 20), (7, 30)]);
        assert_eq!(known.end_offset_of(7, 35), (7, 35));
        assert_eq!(known.end_offset_of(4, 35), (4, 30));
        assert_eq!(known.end_offset_of(5, 35), (4, 30), "the largest epoch that was there");
        assert_eq!(known.end_offset_of(1, 35), (1, 10), "before the first");
        assert_eq!(known.end_offset_of(8, 35), (-1, -1), "not there yet");
        assert_eq!(known.end_offset_of(-1, 35), (-1, -1));
        assert_eq!(LeaderEpochs::default().end_offset_of(0, 0), (-1, -1));
    }

    #[test]
    fn the_epoch_of_an_offset_is_the_last_that_started() {
        let known = epochs(&[(2, 10), (4, 20)]);
        assert_eq!(
            [9, 10, 19, 20, 99].map(|offset| known.epoch_of(offset)),
            [None, Some(2), Some(2), Some(4), Some(4)]
        );
    }

    #[test]
    fn cuts_at_both_ends_keep_what_still_holds() {
        let mut known = epochs(&[(2, 10), (4, 20), (7, 30)]);
        assert!(known.truncate_to(30) && !known.truncate_to(30));
        assert_eq!(known, epochs(&[(2, 10), (4, 20)]));
        assert!(!known.start_at(10) && !known.start_at(5));
        assert!(known.start_at(15));
        assert_eq!(known, epochs(&[(2, 15), (4, 20)]));
        assert!(known.start_at(40));
        assert_eq!(known, epochs(&[(4, 40)]));
    }
}
