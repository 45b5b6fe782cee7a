//! Refusals that only whoever surely leads may tell. A leader that was deposed without knowing it, as one may be that has
//! no space for the metadata or is cut off, lacks what the next leader took: to it a sequence that is in order is not,
//! and a producer that hears so gives up. So the refusal waits until the followers have shown whom they follow.

use super::acks::Reply;
use super::task::AppendFailure;
use model::state_machine::Instant;

/// Those that wait.
#[derive(Debug, Default)]
pub(super) struct Unsure(Vec<Waiting>);

#[derive(Debug)]
struct Waiting {
    asked: Instant,
    failure: AppendFailure,
    reply: Reply,
}

impl Unsure {
    /// Keeps a refusal of what came at `asked`.
    pub fn wait(&mut self, asked: Instant, failure: AppendFailure, reply: Reply) {
        self.0.retain(|waiting| !waiting.reply.is_closed()); // who asked has waited for too long
        self.0.push(Waiting { asked, failure, reply });
    }

    /// Tells those whose time is one of which it is sure that this replica led.
    pub fn confirmed(&mut self, is_sure_since: impl Fn(Instant) -> bool) {
        for sure in self.0.extract_if(.., |waiting| is_sure_since(waiting.asked)) {
            let _ = sure.reply.send(Err(sure.failure)); // the client may be gone
        }
    }

    /// Tells all of them this instead.
    pub fn fail(&mut self, failure: &AppendFailure) {
        for waiting in self.0.drain(..) {
            let _ = waiting.reply.send(Err(failure.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ErrorCode;
    use runtime::sync::oneshot;
    use std::time::Duration;

    fn failure(error: ErrorCode) -> AppendFailure {
        AppendFailure { error, message: String::new(), log_start_offset: 0 }
    }

    /// A producer that was in order gave up: a node whose disk was full led on in an epoch that was over.
    #[test]
    fn a_leader_that_was_deposed_never_says_that_a_sequence_is_out_of_order() {
        let at = |seconds| Instant::after_start(Duration::from_secs(seconds));
        let mut unsure = Unsure::default();
        let (early, told_early) = oneshot::channel();
        let (late, told_late) = oneshot::channel();
        unsure.wait(at(1), failure(ErrorCode::OutOfOrderSequenceNumber), early);
        unsure.wait(at(5), failure(ErrorCode::OutOfOrderSequenceNumber), late);
        unsure.confirmed(|asked| asked < at(3));
        unsure.fail(&failure(ErrorCode::NotLeaderOrFollower));
        let error = |mut told: oneshot::Receiver<Result<_, AppendFailure>>| {
            told.try_recv().expect("it was told").map(drop as fn(super::super::task::Acked)).expect_err("refused").error
        };
        assert_eq!(error(told_early), ErrorCode::OutOfOrderSequenceNumber);
        assert_eq!(error(told_late), ErrorCode::NotLeaderOrFollower);
    }
}
