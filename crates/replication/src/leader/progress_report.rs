//! What a leader tells about its replicas.

use super::Leader;
use super::follower_progress::FollowerProgress;
use model::state_machine::Instant;
use model::{NodeId, Offset};

/// How far a replica is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaProgress {
    /// The replica.
    pub replica: NodeId,
    /// Up to where its log is known to be like the leader's; `None` when it has not fetched in this leader epoch.
    pub progress: Option<Offset>,
    /// Where its log starts; `None` when it has not said.
    pub log_start_offset: Option<Offset>,
    /// Records that it does not have, as far as is known.
    pub lag: Offset,
    /// When it last had everything. The leader always has.
    pub caught_up_at: Option<Instant>,
    /// Whether it is in the committed ISR.
    pub in_sync: bool,
}

impl Leader {
    /// How far `replica` is; `None` when it is no replica. `now` is for the leader itself.
    pub fn progress_of(&self, now: Instant, replica: NodeId) -> Option<ReplicaProgress> {
        if replica == self.me {
            return Some(self.own_progress(now));
        }
        self.followers.iter().find(|follower| follower.id == replica).map(|follower| self.report(follower))
    }

    /// How far every replica is, this one first.
    pub fn replicas_progress(&self, now: Instant) -> impl Iterator<Item = ReplicaProgress> {
        std::iter::once(self.own_progress(now)).chain(self.followers.iter().map(|follower| self.report(follower)))
    }

    /// The lowest log start of all replicas that live or could lead: what DeleteRecords waits for. A replica that has
    /// not said yet counts from 0. A live one that is out of sync promises nothing, but Kafka waits for it too.
    pub fn low_watermark(&self, is_alive: &dyn Fn(NodeId) -> bool) -> Offset {
        let live = self.followers.iter().filter(|follower| is_alive(follower.id));
        let lowest = live.map(|follower| follower.log_start_offset.unwrap_or(0)).min();
        lowest.unwrap_or(Offset::MAX).min(self.low_watermark)
    }

    /// Whether every other replica that could lead in this one's place has followed it in this epoch since `asked`: none
    /// of them led another one then. Below the minimum of the ISR who has left it may lead, too (KIP-966).
    pub fn is_confirmed_since(&self, asked: Instant) -> bool {
        let may_have_left = self.is_under_min_isr();
        let could_lead = |it: &&FollowerProgress| may_have_left || it.claim.is_counted() || it.may_join();
        self.followers.iter().filter(could_lead).all(|follower| follower.has_followed_since(asked))
    }

    fn own_progress(&self, now: Instant) -> ReplicaProgress {
        ReplicaProgress {
            replica: self.me,
            progress: Some(self.log.progress()),
            log_start_offset: Some(self.log.log_start_offset),
            lag: 0,
            caught_up_at: Some(now),
            in_sync: true,
        }
    }

    fn report(&self, follower: &FollowerProgress) -> ReplicaProgress {
        let has = follower.progress.unwrap_or(self.log.log_start_offset);
        ReplicaProgress {
            replica: follower.id,
            progress: follower.progress,
            log_start_offset: follower.log_start_offset,
            lag: (self.log.log_end_offset - has).max(0),
            caught_up_at: follower.caught_up_at,
            in_sync: follower.claim.committed,
        }
    }
}
