//! The sparse time index of a segment (`.timeindex`): up to some offsets, the largest timestamp so far.
//!
//! An entry is a timestamp of eight bytes and, in four, the last offset of the batch that has it, less the segment's
//! base offset. Both grow, so a batch with a larger timestamp than an entry's lies after that entry's batch.

use crate::segment::SegmentBounds;
use bytes::{BufMut, Bytes, BytesMut};
use model::Timestamp;

/// Bytes of an entry.
pub(crate) const ENTRY_BYTES: usize = 12;

/// The entries of one segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TimeIndex {
    entries: Vec<TimeEntry>,
}

/// The largest timestamp up to and in the batch that ends at `relative_offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeEntry {
    pub timestamp: Timestamp,
    pub relative_offset: u32,
}

impl TimeIndex {
    /// Bytes of the index file.
    pub fn size_in_bytes(&self) -> usize {
        self.entries.len() * ENTRY_BYTES
    }

    /// Adds an entry if its timestamp and offset are above the last one's.
    pub fn push_if_larger(&mut self, entry: TimeEntry) {
        let larger = self
            .entries
            .last()
            .is_none_or(|last| last.timestamp < entry.timestamp && last.relative_offset < entry.relative_offset);
        if larger && entry.timestamp >= 0 {
            self.entries.push(entry);
        }
    }

    /// The last entry at or below `timestamp`: everything before its batch has a smaller one.
    pub fn lookup(&self, timestamp: Timestamp) -> Option<TimeEntry> {
        let above = self.entries.partition_point(|entry| entry.timestamp <= timestamp);
        above.checked_sub(1).map(|floor| self.entries[floor])
    }

    /// Forgets batches that end at or after `relative_offset`.
    pub fn truncate_to(&mut self, relative_offset: i64) {
        let kept = self.entries.partition_point(|entry| i64::from(entry.relative_offset) < relative_offset);
        self.entries.truncate(kept);
    }

    /// The last entry: the largest timestamp of a segment that is closed.
    pub fn last(&self) -> Option<TimeEntry> {
        self.entries.last().copied()
    }

    /// The file's bytes.
    pub fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(self.size_in_bytes());
        for entry in &self.entries {
            bytes.put_i64(entry.timestamp);
            bytes.put_u32(entry.relative_offset);
        }
        bytes.freeze()
    }

    /// Reads the file's bytes; the error says why the index cannot be trusted. A tail of zeros ends the index.
    pub fn parse(bytes: &[u8], bounds: SegmentBounds) -> Result<TimeIndex, String> {
        if !bytes.len().is_multiple_of(ENTRY_BYTES) {
            return Err(format!("{} bytes are no whole number of entries", bytes.len()));
        }
        let mut index = TimeIndex::default();
        for chunk in bytes.chunks_exact(ENTRY_BYTES) {
            let timestamp = i64::from_be_bytes(chunk[..8].try_into().expect("eight bytes"));
            let relative_offset = u32::from_be_bytes(chunk[8..].try_into().expect("four bytes"));
            if timestamp == 0 && relative_offset == 0 && !index.entries.is_empty() {
                break;
            }
            // Kafka may repeat the last offset when it closes a segment.
            let grows = index
                .entries
                .last()
                .is_none_or(|last| last.timestamp < timestamp && last.relative_offset <= relative_offset);
            if !grows || !bounds.holds_offset(relative_offset) {
                return Err(format!("entry {} ({timestamp} at {relative_offset}) cannot be", index.entries.len()));
            }
            index.entries.push(TimeEntry { timestamp, relative_offset });
        }
        Ok(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: SegmentBounds = SegmentBounds { length: 1000, offsets: Some(100) };

    fn entry(timestamp: Timestamp, relative_offset: u32) -> TimeEntry {
        TimeEntry { timestamp, relative_offset }
    }

    fn index() -> TimeIndex {
        let mut index = TimeIndex::default();
        index.push_if_larger(entry(1000, 9));
        index.push_if_larger(entry(1000, 12));
        index.push_if_larger(entry(0x1_0000_0000, 19));
        index
    }

    #[test]
    fn the_bytes_are_kafkas() {
        let golden = [0, 0, 0, 0, 0, 0, 3, 0xe8, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 19];
        assert_eq!(index().encode()[..], golden);
        assert_eq!(TimeIndex::parse(&golden, BOUNDS), Ok(index()));
    }

    #[test]
    fn a_lookup_gives_the_last_entry_that_is_not_later() {
        let index = index();
        assert_eq!(index.lookup(999), None);
        assert_eq!(index.lookup(1000), Some(entry(1000, 9)));
        assert_eq!(index.lookup(i64::MAX), Some(entry(0x1_0000_0000, 19)));
    }

    #[test]
    fn records_without_a_time_have_no_entry() {
        let mut index = TimeIndex::default();
        index.push_if_larger(entry(-1, 5));
        assert_eq!(index.last(), None);
    }

    #[test]
    fn a_cut_log_keeps_no_entry_at_or_above_the_cut() {
        let mut index = index();
        index.truncate_to(19);
        assert_eq!(index.last(), Some(entry(1000, 9)));
    }

    #[test]
    fn a_file_that_cannot_be_right_is_refused() {
        let good = index().encode();
        let with = |at: usize, value: u8| {
            let mut bytes = good.to_vec();
            bytes[at] = value;
            TimeIndex::parse(&bytes, BOUNDS)
        };
        assert!(with(15, 0).is_err(), "timestamps must grow");
        assert!(with(23, 8).is_err(), "offsets must not shrink");
        assert!(with(22, 1).is_err(), "beyond the segment's last offset");
        assert!(TimeIndex::parse(&good[..13], BOUNDS).is_err(), "torn");
        let zeros = [&good[..], &[0; 24]].concat();
        assert_eq!(TimeIndex::parse(&zeros, BOUNDS), Ok(index()));
    }
}
