//! Produce requests that are appended and wait until they are as durable and committed as they asked.

use super::task::{Acked, AppendFailure};
use model::{ErrorCode, Offset};
use runtime::sync::oneshot;
use std::collections::BTreeMap;

/// How a produce request hears what became of it.
pub type Reply = oneshot::Sender<Result<Acked, AppendFailure>>;

/// Waiting requests, ordered by the offset that must be reached for them.
#[derive(Debug, Default)]
pub(super) struct Acks {
    waiting: BTreeMap<(Offset, u64), (Acked, Reply)>,
    next: u64,
}

impl Acks {
    /// Answers `reply` with `acked` once `end` is reached.
    pub(super) fn wait(&mut self, end: Offset, acked: Acked, reply: Reply) {
        self.waiting.insert((end, self.next), (acked, reply));
        self.next += 1;
    }

    /// Answers all that wait for `reached` or less; with `error` where it is one.
    pub(super) fn reached(&mut self, reached: Offset, error: ErrorCode) {
        while let Some(first) = self.waiting.first_entry() {
            if first.key().0 > reached {
                return;
            }
            let (acked, reply) = first.remove();
            let answer = match error {
                ErrorCode::None => Ok(acked),
                error => Err(AppendFailure { error, message: String::new(), log_start_offset: acked.log_start_offset }),
            };
            let _ = reply.send(answer); // the client may be gone
        }
    }

    /// Tells all that wait that their records may or may not have been kept.
    pub(super) fn fail(&mut self, failure: &AppendFailure) {
        for (_, (_, reply)) in std::mem::take(&mut self.waiting) {
            let _ = reply.send(Err(failure.clone()));
        }
    }
}
