//! Where recent reads ended, in bytes: who reads on needs no index and gets no byte twice.

use model::Offset;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// As many readers of one log can follow each other without the index.
const REMEMBERED: usize = 8;

/// The batch with `offset` first starts at `position` of the segment with that base, unless the files were changed since.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadHint {
    pub offset: Offset,
    pub segment_base_offset: Offset,
    pub position: u64,
    pub layout: u64,
}

/// The last few.
#[derive(Debug, Default)]
pub(crate) struct ReadHints(Mutex<VecDeque<ReadHint>>);

impl ReadHints {
    /// Where a read of `offset` starts, if a read ended there.
    pub fn take(&self, offset: Offset, segment_base_offset: Offset, layout: u64) -> Option<u64> {
        let mut hints = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |hint: &ReadHint| {
            hint.offset == offset && hint.segment_base_offset == segment_base_offset && hint.layout == layout
        };
        let at = hints.iter().position(same)?;
        hints.remove(at).map(|hint| hint.position)
    }

    /// Remembers where a read ended.
    pub fn remember(&self, hint: ReadHint) {
        let mut hints = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if hints.len() == REMEMBERED {
            hints.pop_front();
        }
        hints.push_back(hint);
    }
}
