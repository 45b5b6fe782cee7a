//! The high watermark and the low one: the lowest end and the lowest start of the log over every replica that the
//! controller might make the next leader. What is below the one is kept, and below the other stays deleted.

use super::Leader;
use super::follower_progress::FollowerProgress;
use model::state_machine::Instant;
use model::{mark, planted};

impl Leader {
    /// Moves both watermarks as far as they may go; never back.
    ///
    /// Both the committed ISR and the proposed one count (KIP-497): until the answer is there, either may be the one
    /// that a new leader is chosen from. While the committed ISR is too small nothing new is committed: a proposal
    /// that is refused would have committed it on fewer replicas than was promised.
    pub(super) fn advance(&mut self, now: Instant) {
        if self.is_under_min_isr() {
            // Who has left the ISR may lead all the same then, without having heard of anything since.
            mark!("high watermark waits for the minimum of the isr");
            return;
        }
        let (mut lowest_end, mut lowest_start) = (self.log.progress(), self.log.log_start_offset);
        for follower in self.followers.iter().filter(|follower| self.waits_for(follower, now)) {
            lowest_end = lowest_end.min(follower.progress.unwrap_or(0));
            lowest_start = lowest_start.min(follower.log_start_offset.unwrap_or(0));
        }
        self.high_watermark = self.high_watermark.max(lowest_end);
        self.low_watermark = self.low_watermark.max(lowest_start);
    }

    fn waits_for(&self, follower: &FollowerProgress, now: Instant) -> bool {
        if self.asking.is_open() && planted!("high watermark over the proposed isr alone") {
            return follower.claim.proposed.is_some();
        }
        follower.claim.is_counted() || self.is_about_to_join(follower, now)
    }

    /// A follower that keeps up but is not in the ISR yet would never reach a high watermark that runs ahead of it. One
    /// that is far behind is not waited for: it would hold up every producer until it is there.
    fn is_about_to_join(&self, follower: &FollowerProgress, now: Instant) -> bool {
        let (log_end, lag) = (self.log.log_end_offset, self.terms.replica_lag_time_max);
        follower.keeps_up && follower.may_join() && follower.is_caught_up(now, log_end, lag)
    }
}
