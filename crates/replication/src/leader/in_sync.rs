//! Who is in sync.

use super::Leader;
use super::follower_progress::FollowerProgress;
use model::state_machine::Instant;
use model::{NodeId, mark, planted};

impl Leader {
    /// The ISR that the controller has last told, this replica first.
    pub fn committed_isr(&self) -> impl Iterator<Item = NodeId> {
        let others = self.followers.iter().filter(|follower| follower.claim.committed);
        std::iter::once(self.me).chain(others.map(|follower| follower.id))
    }

    /// The ISR that was proposed and not yet settled, this replica first; `None` when there is none.
    pub fn pending_isr(&self) -> Option<impl Iterator<Item = NodeId>> {
        let others = self.followers.iter().filter(|follower| follower.claim.proposed.is_some());
        self.asking.is_open().then(|| std::iter::once(self.me).chain(others.map(|follower| follower.id)))
    }

    /// Whether the committed ISR is smaller than `min.insync.replicas`, or than all replicas where those are fewer.
    pub fn is_under_min_isr(&self) -> bool {
        let least = usize::try_from(self.terms.min_insync_replicas).unwrap_or(0).min(1 + self.followers.len());
        self.committed_isr_size < if planted!("one in-sync replica is enough") { 1 } else { least }
    }

    /// Whether the ISR that this leader would like has `follower`.
    pub(super) fn should_be_in_sync(&self, follower: &FollowerProgress, now: Instant) -> bool {
        if follower.claim.committed {
            return follower.is_caught_up(now, self.log.log_end_offset, self.terms.replica_lag_time_max);
        }
        follower.may_join() && self.has_what_is_committed(follower) && self.has_let_go(follower)
    }

    /// Nobody is in sync who would bring back, as a leader, what this leader has promised to be deleted. What earlier
    /// ones have promised is not known, but it is below where the log began under this one.
    fn has_let_go(&self, follower: &FollowerProgress) -> bool {
        let deleted_below = self.low_watermark.max(self.first_start_offset);
        let lets_go = follower.log_start_offset.unwrap_or(0) >= deleted_below;
        if !lets_go {
            mark!("a follower has yet to delete what its leader has deleted");
        }
        lets_go || planted!("a replica joins the isr with records that were deleted")
    }

    /// The high watermark of a new leader may be behind what earlier leaders have committed, but nothing committed is
    /// behind the start of its epoch.
    fn has_what_is_committed(&self, follower: &FollowerProgress) -> bool {
        let Some(progress) = follower.progress else { return false };
        progress >= self.high_watermark
            && (progress >= self.epoch_start_offset || planted!("catch-up ends at the high watermark"))
    }
}
