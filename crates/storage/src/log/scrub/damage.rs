//! Where a log is damaged.

use super::{SegmentEnd, Walk};
use model::Offset;
use std::fmt;

/// A part of one segment that is not what was written. All before it in the segment is whole; what comes after it is
/// good as far as its first batch, or is the next segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The first offset that cannot be read.
    pub first_offset: Offset,
    /// The offset after the last of them.
    pub next_offset: Offset,
    /// The segment it is in.
    pub segment_base_offset: Offset,
    /// Where it begins in the segment's file, in bytes.
    pub position: u64,
    /// How many bytes it is long; 0 where a segment ends too early.
    pub length: u64,
    /// It reaches to the end of a segment that takes no appends: whatever is written there may be as long as it is.
    pub(crate) is_open_ended: bool,
    /// The generation of the log in which its position is known to be where a batch starts; none when another process
    /// has found it.
    pub(crate) layout: Option<u64>,
}

impl Damage {
    /// What comes after `walk`, in a segment with this end.
    pub(super) fn new(walk: &Walk, end: SegmentEnd, length: u64, next_offset: Offset) -> Damage {
        Damage {
            first_offset: walk.chain.next_offset.unwrap_or(walk.segment_base_offset),
            next_offset,
            segment_base_offset: walk.segment_base_offset,
            position: walk.position,
            length,
            is_open_ended: !end.is_active && walk.position + length == end.position,
            layout: Some(walk.layout),
        }
    }

    /// What is left of it once its first part, of `length` bytes, ends before `first_offset`.
    pub(crate) fn after(&self, first_offset: Offset, length: u64) -> Option<Damage> {
        (first_offset < self.next_offset).then(|| Damage {
            first_offset,
            position: self.position + length,
            length: self.length.saturating_sub(length),
            ..self.clone()
        })
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "offsets {} to {} (segment {}, {} bytes at {})",
            self.first_offset,
            self.next_offset - 1,
            self.segment_base_offset,
            self.length,
            self.position
        )
    }
}
