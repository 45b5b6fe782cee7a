//! Produce requests that are appended and wait until they are committed.

use super::task::{Acked, AppendFailure};
use model::Offset;
use runtime::sync::oneshot;
use std::collections::BTreeMap;

/// How a produce request hears what became of it.
pub type Reply = oneshot::Sender<Result<Acked, AppendFailure>>;

/// Waiting requests, ordered by the offset that the high watermark must reach for them.
#[derive(Debug, Default)]
pub(super) struct Acks {
    waiting: BTreeMap<(Offset, u64), (Acked, Reply)>,
    next: u64,
}

impl Acks {
    /// Answers `reply` with `acked` once the high watermark is at `end`.
    pub(super) fn wait(&mut self, end: Offset, acked: Acked, reply: Reply) {
        self.waiting.insert((end, self.next), (acked, reply));
        self.next += 1;
    }

    /// Answers all that `high_watermark` has reached.
    pub(super) fn reached(&mut self, high_watermark: Offset) {
        while let Some(first) = self.waiting.first_entry() {
            if first.key().0 > high_watermark {
                return;
            }
            let (acked, reply) = first.remove();
            let _ = reply.send(Ok(acked)); // the client may be gone
        }
    }

    /// Tells all that wait that their records may or may not have been kept.
    pub(super) fn fail(&mut self, failure: &AppendFailure) {
        for (_, (_, reply)) in std::mem::take(&mut self.waiting) {
            let _ = reply.send(Err(failure.clone()));
        }
    }
}
