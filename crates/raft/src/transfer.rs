//! Handing the leadership over, so that nobody waits for a silence.

use crate::raft::Standing;
use crate::{Body, Raft, ReplicaKey};
use model::state_machine::Instant;
use model::{LeaderEpoch, NodeId, mark};

impl Raft {
    /// Hands the leadership to that voter, once it has caught up. `false` when this replica does not lead or that one is
    /// no other voter. Nothing is accepted meanwhile, at most for an election timeout.
    pub fn transfer_leadership(&mut self, now: Instant, to: NodeId) -> bool {
        let until = now + self.config.election_timeout;
        let Some(voter) = self.log.voters().get(to).map(|voter| voter.key).filter(|key| *key != self.me()) else {
            return false;
        };
        let Standing::Leading(leading) = &mut self.standing else { return false };
        leading.transfer = Some((voter, until));
        self.hand_over_when_ready();
        true
    }

    /// Asks the voter that is to take over as soon as it has everything.
    pub(crate) fn hand_over_when_ready(&mut self) {
        let end = self.log.end().offset;
        let Standing::Leading(leading) = &self.standing else { return };
        let Some((voter, _)) = leading.transfer else { return };
        if leading.progress.get(&voter).is_some_and(|progress| progress.matched == Some(end)) {
            self.send(voter, Body::TakeOver);
        }
    }

    /// A voter that does not take over must not keep the leader from its work.
    pub(crate) fn end_late_transfer(&mut self, now: Instant) {
        let Standing::Leading(leading) = &mut self.standing else { return };
        if leading.transfer.is_some_and(|(_, until)| now >= until) {
            mark!("transfer of the leadership given up");
            leading.transfer = None;
        }
        self.hand_over_when_ready();
    }

    /// Gives the leadership up, for a clean stop: the voter that is furthest is asked to take over.
    pub fn resign(&mut self, now: Instant) {
        let Standing::Leading(leading) = &self.standing else { return };
        let matched = |key: &ReplicaKey| leading.progress.get(key).and_then(|progress| progress.matched);
        if let Some(successor) = self.other_voters().into_iter().max_by_key(matched) {
            self.send(successor, Body::TakeOver);
        }
        self.follow(now, self.epoch(), None);
    }

    pub(crate) fn on_take_over(&mut self, now: Instant, leader: ReplicaKey, epoch: LeaderEpoch) {
        if epoch == self.epoch() && self.leader == Some(leader.id) && leader.id != self.me().id && self.is_electable() {
            mark!("leadership taken over");
            self.campaign(now, false, true);
        }
    }
}
