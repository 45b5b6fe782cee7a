//! Which closed segments have an open file: readers would keep one of each segment of each log for ever.

use crate::segment::Segment;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The files that readers opened, oldest first. Beyond the limit the oldest are closed; who needs one opens it again.
#[derive(Debug)]
pub(crate) struct OpenFiles {
    limit: usize,
    oldest_first: Mutex<VecDeque<Weak<Segment>>>,
}

impl OpenFiles {
    pub fn new(limit: usize) -> OpenFiles {
        OpenFiles { limit, oldest_first: Mutex::default() }
    }

    /// A reader opened the file of `segment`.
    pub fn opened(&self, segment: &Arc<Segment>) {
        let mut oldest_first = self.oldest_first.lock().unwrap_or_else(PoisonError::into_inner);
        oldest_first.push_back(Arc::downgrade(segment));
        while oldest_first.len() > self.limit {
            if let Some(oldest) = oldest_first.pop_front().and_then(|oldest| oldest.upgrade()) {
                oldest.close_file_if_synced();
            }
        }
    }
}
