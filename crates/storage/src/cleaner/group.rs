//! What some segments in a row are cleaned into: one segment. As long as everything stays, nothing is written: only what
//! changes is worth the disk's time.

use super::retention::{Retention, Stays};
use super::source::{Source, Verified};
use crate::config::LogConfig;
use crate::offset_index;
use crate::segment::Segment;
use crate::segment_index::SegmentIndex;
use model::{Offset, mark, planted};
use protocol::records::BatchHeader;
use std::sync::Arc;

/// A group reads at most so many times as much as a segment may hold: what is lost when the broker stops is bounded.
const LONGEST: u64 = 4;

/// The segments, and what comes of them.
#[derive(Debug)]
pub(super) struct Group {
    pub base_offset: Offset,
    pub sources: Vec<Arc<Segment>>,
    /// Bytes of the new segment so far.
    pub length: u64,
    /// So many bytes at its front are those at the front of the first source. Until something changes, all are.
    pub same: u64,
    pub is_changed: bool,
    /// What comes after that and is not written yet.
    pub unwritten: Vec<u8>,
    pub index: SegmentIndex,
    interval: usize,
    read: u64,
    /// Of the last batch nothing stays, unless it is the last of the group.
    removed: Option<Removed>,
}

#[derive(Debug)]
struct Removed {
    header: BatchHeader,
    empty: Vec<u8>,
    /// It had no records before.
    was_empty: bool,
}

impl Group {
    pub fn new(first: &Source, config: &LogConfig) -> Group {
        Group {
            base_offset: first.segment.base_offset,
            sources: vec![first.segment.clone()],
            length: 0,
            same: 0,
            is_changed: false,
            unwritten: Vec::new(),
            index: SegmentIndex::default(),
            interval: config.index_interval_bytes,
            read: first.segment.length(),
            removed: None,
        }
    }

    /// Whether `next` fits into the same segment.
    pub fn may_join(&self, next: &Source, config: &LogConfig) -> bool {
        let size = next.segment.length();
        let most = config.segment_bytes.min(i32::MAX as u64);
        let entries = size / config.index_interval_bytes.max(1) as u64 + 1;
        let index = self.index.file_bytes() as u64 + entries * crate::time_index::ENTRY_BYTES as u64;
        // To join it to what stays as it is means to write all of that.
        let is_worth_it = self.is_changed || self.length < most / 2;
        let fits_offsets = offset_index::fits(self.base_offset, next.end_offset - 1);
        if !fits_offsets {
            mark!("segments too far apart to be merged");
        }
        is_worth_it
            && (fits_offsets || planted!("segments-merged-beyond-i32"))
            && self.length + size <= most
            && self.read + size <= most.saturating_mul(LONGEST)
            && index <= config.segment_index_bytes as u64
    }

    /// What comes next is of another segment.
    pub fn join(&mut self, next: &Source) {
        self.change();
        self.read += next.segment.length();
        self.sources.push(next.segment.clone());
    }

    /// The next batch; `left` bytes of its source come after it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn feed(&mut self, retention: &mut Retention, batch: Verified<'_>, left: u64) -> Result<(), String> {
        let Verified(batch) = batch;
        let header = batch.header;
        let stays = retention.judge(&batch).map_err(|error| format!("offset {}: {error}", header.base_offset))?;
        let whole = batch.bytes.len() as u64;
        match stays {
            Stays::Part(bytes) if self.length + left + (bytes.len() as u64).max(whole) <= i32::MAX as u64 => {
                self.settle();
                self.change();
                self.add(&bytes);
            }
            // With a delete horizon it would be longer than it was, and the segment longer than one can be.
            Stays::Whole | Stays::Part(_) => {
                self.settle();
                self.add_same(&header, batch.bytes);
            }
            Stays::Nothing(empty) => {
                self.settle();
                self.removed = Some(Removed { header, empty, was_empty: header.record_count == 0 });
            }
        }
        Ok(())
    }

    /// The group ends here. Its last batch stays, without records if need be: the segment ends where the next one starts,
    /// and whoever finds it unfinished after a crash sees in it which segments it stands for.
    pub fn close(&mut self) {
        if let Some(Removed { header, empty, was_empty }) = self.removed.take() {
            if was_empty {
                self.add_same(&header, &empty);
            } else {
                mark!("a segment's last batch kept empty");
                self.change();
                self.add(&empty);
            }
        }
        self.index.close();
    }

    /// The batch that was removed last is not the last one of the group.
    fn settle(&mut self) {
        if self.removed.take().is_some() {
            self.change();
        }
    }

    fn change(&mut self) {
        if !self.is_changed {
            (self.is_changed, self.same) = (true, self.length);
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        let header = BatchHeader::parse(bytes).expect("it was just made");
        self.unwritten.extend_from_slice(bytes);
        self.learn(&header);
    }

    fn add_same(&mut self, header: &BatchHeader, bytes: &[u8]) {
        if self.is_changed {
            self.unwritten.extend_from_slice(bytes);
        }
        self.learn(header);
    }

    fn learn(&mut self, header: &BatchHeader) {
        self.index.learn(self.base_offset, header, self.length, self.interval);
        self.length += header.size_in_bytes() as u64;
    }
}
