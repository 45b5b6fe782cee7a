//! The sparse offset index of a segment (`.index`): for some batches, where in the file they start.
//!
//! An entry is the batch's last offset less the segment's base offset, and its position, four bytes each, big-endian.

use crate::segment::SegmentBounds;
use bytes::{BufMut, Bytes, BytesMut};
use model::{Offset, planted};

/// Bytes of an entry.
pub(crate) const ENTRY_BYTES: usize = 8;

/// The entries of one segment; offsets and positions grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OffsetIndex {
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    relative_offset: u32,
    position: u32,
}

impl OffsetIndex {
    /// Bytes of the index file.
    pub fn size_in_bytes(&self) -> usize {
        self.entries.len() * ENTRY_BYTES
    }

    /// The batch that ends at `relative_offset` starts at `position`.
    ///
    /// # Panics
    /// When an earlier entry is not below it.
    pub fn push(&mut self, relative_offset: u32, position: u32) {
        let grows =
            self.entries.last().is_none_or(|last| last.relative_offset < relative_offset && last.position < position);
        assert!(grows, "an index entry must be above the one before: {:?}", self.entries.last());
        self.entries.push(Entry { relative_offset, position });
    }

    /// Where to start looking for the batch with `relative_offset`: a position at or before it.
    #[cfg(test)]
    pub fn lookup(&self, relative_offset: i64) -> u32 {
        self.floor(relative_offset).map_or(0, |(_, position)| position)
    }

    /// The last entry at or below `relative_offset`: the batch at its position ends at or below its offset.
    pub fn floor(&self, relative_offset: i64) -> Option<(u32, u32)> {
        let above = self.entries.partition_point(|entry| i64::from(entry.relative_offset) <= relative_offset);
        above.checked_sub(1).map(|floor| (self.entries[floor].relative_offset, self.entries[floor].position))
    }

    /// Forgets batches that end at or after `relative_offset`.
    pub fn truncate_to(&mut self, relative_offset: i64) {
        let kept = self.entries.partition_point(|entry| i64::from(entry.relative_offset) < relative_offset);
        self.entries.truncate(kept);
    }

    /// The last entry: the last offset of a batch, and its position.
    pub fn last(&self) -> Option<(u32, u32)> {
        self.entries.last().map(|entry| (entry.relative_offset, entry.position))
    }

    /// The file's bytes.
    pub fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(self.size_in_bytes());
        for entry in &self.entries {
            bytes.put_u32(entry.relative_offset);
            bytes.put_u32(entry.position);
        }
        bytes.freeze()
    }

    /// Reads the file's bytes. The error says why the index cannot be trusted: entries that do not grow, or that lead
    /// outside the segment. A tail of zeros, as Kafka leaves after a crash, ends the index.
    pub fn parse(bytes: &[u8], bounds: SegmentBounds) -> Result<OffsetIndex, String> {
        if !bytes.len().is_multiple_of(ENTRY_BYTES) {
            return Err(format!("{} bytes are no whole number of entries", bytes.len()));
        }
        let mut index = OffsetIndex::default();
        for chunk in bytes.chunks_exact(ENTRY_BYTES) {
            let relative_offset = u32::from_be_bytes(chunk[..4].try_into().expect("four bytes"));
            let position = u32::from_be_bytes(chunk[4..].try_into().expect("four bytes"));
            if relative_offset == 0 && position == 0 && !index.entries.is_empty() {
                break;
            }
            let grows = index
                .entries
                .last()
                .is_none_or(|last| last.relative_offset < relative_offset && last.position < position);
            let inside = bounds.holds_offset(relative_offset) && u64::from(position) < bounds.length;
            if (!grows || !inside) && !is_trusted() {
                return Err(format!("entry {} ({relative_offset} at {position}) cannot be", index.entries.len()));
            }
            index.entries.push(Entry { relative_offset, position });
        }
        Ok(index)
    }
}

/// Whether what an index says is taken for true. It is not: a torn index must cost time and never a record.
pub(crate) fn is_trusted() -> bool {
    planted!("trust-index-files")
}

/// The largest offset an index can hold, counted from its segment's base.
pub(crate) fn fits(base_offset: Offset, offset: Offset) -> bool {
    offset.checked_sub(base_offset).is_some_and(|relative| (0..=i64::from(i32::MAX)).contains(&relative))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: SegmentBounds = SegmentBounds { length: 1000, offsets: Some(100) };

    fn index() -> OffsetIndex {
        let mut index = OffsetIndex::default();
        index.push(9, 100);
        index.push(19, 300);
        index.push(42, 0x201);
        index
    }

    #[test]
    fn the_bytes_are_kafkas() {
        let golden = [0, 0, 0, 9, 0, 0, 0, 100, 0, 0, 0, 19, 0, 0, 1, 44, 0, 0, 0, 42, 0, 0, 2, 1];
        assert_eq!(index().encode()[..], golden);
        assert_eq!(OffsetIndex::parse(&golden, BOUNDS), Ok(index()));
    }

    #[test]
    fn a_lookup_never_starts_after_the_batch() {
        let index = index();
        assert_eq!([-5, 0, 8, 9, 18, 19, 41, 42, 99].map(|o| index.lookup(o)), [0, 0, 0, 100, 100, 300, 300, 513, 513]);
    }

    #[test]
    fn a_cut_log_keeps_no_entry_at_or_above_the_cut() {
        let mut index = index();
        index.truncate_to(42);
        assert_eq!(index.last(), Some((19, 300)));
        index.truncate_to(0);
        assert_eq!(index.last(), None);
    }

    #[test]
    fn a_file_that_cannot_be_right_is_refused() {
        let good = index().encode();
        let with = |at: usize, value: u8| {
            let mut bytes = good.to_vec();
            bytes[at] = value;
            OffsetIndex::parse(&bytes, BOUNDS)
        };
        assert!(with(3, 20).is_err(), "offsets must grow");
        assert!(with(15, 0).is_ok() && with(14, 0).is_err(), "positions must grow");
        assert!(with(19, 200).is_err(), "beyond the segment's last offset");
        assert!(with(22, 9).is_err(), "beyond the segment's last byte");
        assert!(OffsetIndex::parse(&good[..23], BOUNDS).is_err(), "torn");
    }

    #[test]
    fn the_zeros_that_kafka_preallocates_end_the_index() {
        let mut bytes = index().encode().to_vec();
        bytes.resize(80, 0);
        assert_eq!(OffsetIndex::parse(&bytes, BOUNDS), Ok(index()));
    }

    #[test]
    fn offsets_fit_up_to_the_largest_signed_number() {
        assert!(fits(5, 5) && fits(5, 5 + i64::from(i32::MAX)));
        assert!(!fits(5, 4) && !fits(5, 6 + i64::from(i32::MAX)) && !fits(-1, i64::MAX));
    }
}
