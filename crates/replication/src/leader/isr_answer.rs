//! What the controller answers to a proposal.

use super::isr_proposal::{REST_AFTER_LOSS, REST_AFTER_REFUSAL};
use super::{Leader, ProposalId};
use model::state_machine::Instant;
use model::{ErrorCode, LeaderEpoch, NodeId, mark, planted};

/// The end of a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IsrAnswer {
    /// The controller's state of the partition after it.
    Accepted {
        /// Its leader epoch there.
        leader_epoch: LeaderEpoch,
        /// Its partition epoch there.
        partition_epoch: i32,
        /// Its ISR there.
        isr: Vec<NodeId>,
    },
    /// The controller's error, of the partition or of the whole request.
    Refused(ErrorCode),
    /// No answer came: a timeout, a connection that broke, a controller that moved.
    Unknown,
}

impl Leader {
    /// The proposal `id` has been answered. One that is not the open one changes nothing.
    pub fn proposal_answered(&mut self, now: Instant, id: ProposalId, answer: IsrAnswer) {
        if !self.asking.answered(id) {
            mark!("answer to a proposal that is not open");
            return;
        }
        match answer {
            IsrAnswer::Accepted { leader_epoch, partition_epoch, isr } => {
                self.accepted(now, leader_epoch, partition_epoch, &isr);
            }
            IsrAnswer::Refused(error) => self.refused(now, error),
            IsrAnswer::Unknown => self.lost(now),
        }
        self.advance(now);
    }

    /// What is of another leader epoch, or older than what the image told, says nothing about this proposal
    /// (KAFKA-14154); nor does an ISR without its leader.
    fn accepted(&mut self, now: Instant, leader_epoch: LeaderEpoch, partition_epoch: i32, isr: &[NodeId]) {
        let of_now = leader_epoch == self.leader_epoch && partition_epoch >= self.partition_epoch;
        if !of_now || !isr.contains(&self.me) {
            mark!("isr answer of another epoch");
            return self.lost(now);
        }
        let moved = partition_epoch > self.partition_epoch;
        self.partition_epoch = partition_epoch;
        let doubts: Vec<_> = self.followers.iter().map(|follower| follower.claim.in_doubt).collect();
        let before: Vec<bool> = self.followers.iter().map(|follower| follower.claim.committed).collect();
        self.take_isr(now, isr);
        for (follower, was_committed) in self.followers.iter_mut().zip(before) {
            follower.claim.leaving = was_committed && !follower.claim.committed;
        }
        self.asking.settled();
        if !moved && doubts.iter().any(Option::is_some) {
            // Nothing was written, so the partition epoch does not stand in the way of what was lost.
            mark!("a doubt outlived an answer");
            for (follower, doubt) in self.followers.iter_mut().zip(doubts) {
                follower.claim.in_doubt = doubt;
            }
            self.asking.rest(now + REST_AFTER_REFUSAL);
        }
    }

    fn refused(&mut self, now: Instant, error: ErrorCode) {
        match error {
            // Looked at and not done. What was lost before it is another matter: `in_doubt` stays.
            ErrorCode::IneligibleReplica | ErrorCode::OperationNotAttempted => {
                mark!("isr proposal refused");
                self.asking.settled();
                self.followers.iter_mut().for_each(|follower| follower.claim.proposed = None);
                self.asking.rest(now + REST_AFTER_REFUSAL);
            }
            // The image that says why is on its way: until then it is not known what the ISR is.
            ErrorCode::FencedLeaderEpoch
            | ErrorCode::InvalidUpdateVersion
            | ErrorCode::NewLeaderElected
            | ErrorCode::UnknownTopicOrPartition
            | ErrorCode::UnknownTopicId
            | ErrorCode::InvalidRequest => {
                mark!("isr proposal of an old epoch");
                self.doubt();
                self.asking.rest(now + REST_AFTER_REFUSAL);
            }
            _ => self.lost(now),
        }
    }

    /// The controller may have taken it, or may yet: it stays open as it is.
    fn lost(&mut self, now: Instant) {
        mark!("isr answer lost");
        if planted!("a lost isr answer is a refusal") {
            return self.refused(now, ErrorCode::OperationNotAttempted);
        }
        self.doubt();
        self.asking.rest(now + REST_AFTER_LOSS);
    }

    fn doubt(&mut self) {
        for claim in self.followers.iter_mut().map(|follower| &mut follower.claim) {
            claim.in_doubt = claim.in_doubt.max(claim.proposed);
        }
    }
}
