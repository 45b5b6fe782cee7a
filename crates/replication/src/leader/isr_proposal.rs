//! What the leader asks the controller for (AlterPartition: KIP-497, KIP-903).
//!
//! One proposal is open at a time. Until it is settled its ISR counts beside the committed one. A proposal whose
//! answer was lost is asked again as it was; should that be refused, the lost one may still arrive and be taken, so
//! whom it named goes on counting until the partition epoch has moved on. To make it move, the leader proposes the
//! ISR that stands.

use super::{Leader, UNKNOWN_BROKER_EPOCH};
use model::state_machine::Instant;
use model::{LeaderEpoch, NodeId, Offset, mark};
use std::time::Duration;

/// Rest before a proposal whose answer was lost is repeated.
pub(super) const REST_AFTER_LOSS: Duration = Duration::from_millis(50);
/// Rest after a refusal: the controller's mind or the image has to change first.
pub(super) const REST_AFTER_REFUSAL: Duration = Duration::from_millis(500);

/// Names a proposal, so that no answer is taken for another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProposalId {
    leader_epoch: LeaderEpoch,
    number: u64,
}

/// An ISR for the controller to commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsrProposal {
    /// To be handed back with the answer.
    pub id: ProposalId,
    /// The leader epoch of who proposes.
    pub leader_epoch: LeaderEpoch,
    /// The partition epoch that the proposal changes; in any other it is void.
    pub partition_epoch: i32,
    /// The ISR, with the registration of each broker whose log was compared; -1 where none was in this leader epoch.
    pub new_isr: Vec<(NodeId, Offset)>,
}

/// Where the leader stands with its proposal.
#[derive(Clone, Debug, Default)]
pub(super) struct Asking {
    /// How many proposals were made.
    made: u64,
    /// There is a proposal that was neither taken nor refused.
    open: bool,
    /// It was sent and its answer is under way.
    in_flight: Option<ProposalId>,
    /// Nothing is sent before.
    rests_until: Option<Instant>,
}

impl Asking {
    pub fn is_open(&self) -> bool {
        self.open
    }

    pub fn rests_until(&self) -> Option<Instant> {
        self.rests_until
    }

    /// Whatever was asked for, the controller has decided.
    pub fn settled(&mut self) {
        *self = Asking { made: self.made, ..Asking::default() };
    }

    /// The answer to the proposal in flight is there. Says whether `id` is that one.
    pub fn answered(&mut self, id: ProposalId) -> bool {
        if self.in_flight != Some(id) {
            return false;
        }
        self.in_flight = None;
        true
    }

    pub fn rest(&mut self, until: Instant) {
        self.rests_until = Some(until);
    }

    fn may_ask(&self, now: Instant) -> bool {
        self.in_flight.is_none() && self.rests_until.is_none_or(|until| until <= now)
    }
}

impl Leader {
    /// What to ask the controller for now, if anything; to be answered by [`Leader::proposal_answered`].
    pub fn proposal(&mut self, now: Instant) -> Option<IsrProposal> {
        if !self.asking.may_ask(now) {
            return None;
        }
        self.asking.rests_until = None;
        if !self.asking.open && !self.propose(now) {
            return None;
        }
        let id = ProposalId { leader_epoch: self.leader_epoch, number: self.asking.made };
        self.asking.made += 1;
        self.asking.open = true;
        self.asking.in_flight = Some(id);
        self.advance(now);
        Some(IsrProposal {
            id,
            leader_epoch: self.leader_epoch,
            partition_epoch: self.partition_epoch,
            new_isr: self.proposed_isr(),
        })
    }

    /// Picks the ISR to propose. Says whether there is anything to ask.
    fn propose(&mut self, now: Instant) -> bool {
        let (mut changes, mut doubts) = (false, false);
        for at in 0..self.followers.len() {
            let follower = &self.followers[at];
            let proposed = self.should_be_in_sync(follower, now);
            changes |= proposed != follower.claim.committed;
            doubts |= follower.claim.in_doubt.is_some() && !follower.claim.committed;
            let registration = follower.claimed_epoch().unwrap_or(UNKNOWN_BROKER_EPOCH);
            self.followers[at].claim.proposed = proposed.then_some(registration);
        }
        if !changes && doubts {
            mark!("isr proposed as it stands, to end a doubt");
        }
        if !changes && !doubts {
            self.followers.iter_mut().for_each(|follower| follower.claim.proposed = None);
        }
        changes || doubts
    }

    fn proposed_isr(&self) -> Vec<(NodeId, Offset)> {
        let others = self.followers.iter().filter_map(|follower| Some((follower.id, follower.claim.proposed?)));
        std::iter::once((self.me, self.my_broker_epoch)).chain(others).collect()
    }
}
