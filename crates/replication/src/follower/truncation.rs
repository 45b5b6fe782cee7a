//! Where a log that differs from its leader's is cut.
//!
//! A follower never cuts what is committed, but for one case: an unclean election made a leader of a replica that
//! did not have it. Then the leader's log counts, as in Kafka, and the step says `below_high_watermark`.

use super::{EndOfEpoch, FetchAnswer, Follower, FollowerStep};
use crate::EpochEnd;
use model::state_machine::Instant;
use model::{Offset, mark};

impl Follower {
    /// The leader's largest epoch at or below the follower's last one is `leaders`. If the follower has that epoch,
    /// the logs are alike up to where the shorter of the two ends; if not, they can only be alike below the first
    /// epoch above it, and the next fetch compares again from there (KIP-279).
    pub(super) fn diverges(&mut self, now: Instant, leaders: EpochEnd, end_of_epoch: EndOfEpoch<'_>) -> FollowerStep {
        let log_end = self.log.ends.log_end_offset;
        let (epoch, own_end) = end_of_epoch(leaders.epoch);
        let to = if epoch < 0 || own_end < 0 {
            leaders.end_offset
        } else if epoch == leaders.epoch {
            own_end.min(leaders.end_offset)
        } else {
            mark!("follower cuts an epoch that the leader does not know");
            own_end
        };
        if to >= log_end || to < 0 {
            // An epoch without records was told as the last one, or the leader contradicts itself.
            mark!("divergence without anything to cut");
            return self.back_off(now);
        }
        self.cut_to(to)
    }

    /// The leader cannot give what follows the log: it starts later, after retention or DeleteRecords, or it ends
    /// earlier, after an unclean election.
    pub(super) fn out_of_range(&mut self, now: Instant, answer: &FetchAnswer) -> FollowerStep {
        let log_end = self.log.ends.log_end_offset;
        if answer.log_start_offset > log_end {
            mark!("follower begins anew at the leader's log start");
            let start = answer.log_start_offset;
            self.leader_log_start = start;
            return self.work(FollowerStep::ResetTo { start }, start);
        }
        match answer.diverging {
            Some(latest) if (0..log_end).contains(&latest.end_offset) => {
                mark!("follower is ahead of its leader");
                self.cut_to(latest.end_offset)
            }
            _ => self.back_off(now),
        }
    }

    /// Cuts to `to`, if there is anything above it.
    pub(super) fn cut_to(&mut self, to: Offset) -> FollowerStep {
        if to >= self.log.ends.log_end_offset {
            return FollowerStep::Nothing;
        }
        let below_high_watermark = to < self.high_watermark;
        if below_high_watermark {
            mark!("follower cuts below its high watermark");
        }
        self.work(FollowerStep::Truncate { to, below_high_watermark }, self.high_watermark)
    }
}
