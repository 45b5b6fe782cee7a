//! What this replica is at the moment: leader, follower, or neither. Behind a lock that is held for moments only, so that
//! a follower's fetch counts its progress without waiting for the task that owns the log.

use super::acks::{Acks, Reply};
use super::brokers::Brokers;
use super::task::{Acked, AppendFailure};
use super::unsure::Unsure;
use model::metadata_image::{MetadataImage, PartitionImage};
use model::state_machine::Instant;
use model::{ErrorCode, LeaderEpoch, NodeId, Offset, mark};
use replication::{
    CheckedFetch, Follower, FollowerLog, IsrAnswer, IsrProposal, Leader, OwnLog, ProposalId, Terms, Wanted,
};
use runtime::sync::Notify;
use std::sync::Arc;

/// How long a produce waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckLevel {
    /// Until it is appended (acks=0).
    Appended,
    /// Until the leader keeps it as durably as the partition promises (acks=1).
    Leader,
    /// Until it is committed (acks=all).
    All,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Replica {
    pub role: Role,
    me: NodeId,
    brokers: Brokers,
    high_watermark: Offset,
    own: OwnLog,
    until_durable: Acks,
    until_committed: Acks,
    until_sure: Unsure,
    /// Wakes whoever fetches for this replica.
    pub wake: Option<Arc<Notify>>,
}

/// What it is.
#[derive(Debug)]
pub(super) enum Role {
    /// Nobody leads, as far as is known.
    Idle,
    Leading(Box<Leader>),
    Following(Box<Follower>),
}

impl Replica {
    pub fn new(me: NodeId, own: OwnLog, high_watermark: Offset) -> Replica {
        Replica {
            role: Role::Idle,
            me,
            brokers: Brokers::default(),
            high_watermark,
            own,
            until_durable: Acks::default(),
            until_committed: Acks::default(),
            until_sure: Unsure::default(),
            wake: None,
        }
    }

    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// Begins to lead in the image's epoch.
    pub fn lead(&mut self, now: Instant, image: &PartitionImage, cluster: &MetadataImage, own: OwnLog, terms: Terms) {
        self.own = own;
        self.brokers.learn(cluster);
        let brokers = |id| self.brokers.epoch_of(id);
        let leader = Leader::new(now, self.me, image, &brokers, own, self.high_watermark, terms);
        self.role = Role::Leading(Box::new(leader));
        self.settle();
    }

    /// The image changed within the leader epoch.
    pub fn image_changed(&mut self, now: Instant, image: &PartitionImage, cluster: &MetadataImage, terms: Terms) {
        self.brokers.learn(cluster);
        match &mut self.role {
            Role::Leading(leader) => {
                leader.set_terms(now, terms);
                leader.image_changed(now, image, &|id| self.brokers.epoch_of(id));
            }
            Role::Following(follower) => follower.image_changed(image.partition_epoch),
            Role::Idle => {}
        }
        self.settle();
    }

    /// Brokers came, went, or were fenced.
    pub fn brokers_changed(&mut self, now: Instant, cluster: &MetadataImage) {
        self.brokers.learn(cluster);
        if let Role::Leading(leader) = &mut self.role {
            leader.brokers_changed(now, &|id| self.brokers.epoch_of(id));
            self.settle();
        }
    }

    /// Leads no more: what waits may or may not be kept by whoever leads next.
    pub fn end_of_epoch(&mut self) {
        let failure =
            AppendFailure { error: ErrorCode::NotLeaderOrFollower, message: String::new(), log_start_offset: -1 };
        self.fail(&failure);
        self.role = Role::Idle;
    }

    /// Tells all that wait that their records may or may not have been kept.
    pub fn fail(&mut self, failure: &AppendFailure) {
        self.until_durable.fail(failure);
        self.until_committed.fail(failure);
        self.until_sure.fail(failure);
    }

    /// The log moved: something was appended, became durable, was cut, or starts later.
    pub fn log_moved(&mut self, now: Instant, log: FollowerLog) {
        self.own = log.ends;
        match &mut self.role {
            Role::Leading(leader) => leader.log_moved(now, log.ends),
            Role::Following(follower) => {
                follower.log_moved(log);
                if let Some(wake) = self.wake.as_ref().filter(|_| follower.wanted(now).is_some()) {
                    wake.notify_one();
                }
            }
            Role::Idle => {}
        }
        self.settle();
    }

    /// Whether records may be appended for a producer that wants this.
    ///
    /// # Errors
    /// `NOT_LEADER_OR_FOLLOWER`, `NOT_ENOUGH_REPLICAS`.
    pub fn check_append(&self, level: AckLevel) -> Result<(), ErrorCode> {
        match &self.role {
            Role::Leading(leader) => leader.check_append(if level == AckLevel::All { -1 } else { 1 }),
            _ => Err(ErrorCode::NotLeaderOrFollower),
        }
    }

    /// Answers once `end` is as durable and committed as asked.
    pub fn wait(&mut self, level: AckLevel, end: Offset, acked: Acked, reply: Reply) {
        match level {
            AckLevel::Appended => {
                let _ = reply.send(Ok(acked)); // the client may be gone
            }
            AckLevel::Leader => self.until_durable.wait(end, acked, reply),
            AckLevel::All => self.until_committed.wait(end, acked, reply),
        }
        self.settle();
    }

    /// Refuses what has just come, once it is sure that this broker leads.
    pub fn refuse_when_sure(&mut self, now: Instant, failure: AppendFailure, reply: Reply) {
        mark!("a refusal waits until followers have shown whom they follow");
        self.until_sure.wait(now, failure, reply);
        self.settle();
    }

    /// The epoch it leads in; none when it does not lead.
    pub fn leader_epoch(&self) -> Option<LeaderEpoch> {
        match &self.role {
            Role::Leading(leader) => Some(leader.leader_epoch()),
            _ => None,
        }
    }

    /// Whether this broker leads and that one has a replica.
    pub fn has_replica(&self, id: NodeId) -> bool {
        matches!(&self.role, Role::Leading(leader) if leader.progress_of(Instant::default(), id).is_some())
    }

    /// A follower has fetched.
    ///
    /// # Errors
    /// `NOT_LEADER_OR_FOLLOWER`.
    pub fn fetched(&mut self, now: Instant, checked: &CheckedFetch) -> Result<(), ErrorCode> {
        let Role::Leading(leader) = &mut self.role else { return Err(ErrorCode::NotLeaderOrFollower) };
        leader.fetched(now, checked)?;
        self.settle();
        Ok(())
    }

    /// What the controller is to be asked, if anything.
    pub fn proposal(&mut self, now: Instant) -> Option<IsrProposal> {
        let Role::Leading(leader) = &mut self.role else { return None };
        leader.tick(now);
        let proposal = leader.proposal(now);
        self.settle();
        proposal
    }

    /// What the controller said.
    pub fn proposal_answered(&mut self, now: Instant, id: ProposalId, answer: IsrAnswer) {
        if let Role::Leading(leader) = &mut self.role {
            leader.proposal_answered(now, id, answer);
            self.settle();
        } else {
            mark!("an isr answer came after leadership was lost");
        }
    }

    /// What is to be fetched from `leader`.
    pub fn wanted(&self, now: Instant, leader: NodeId) -> Option<Wanted> {
        self.follows(leader)?.wanted(now)
    }

    /// When time alone lets something be wanted from `leader`, after `now`.
    pub fn rests_until(&self, now: Instant, leader: NodeId) -> Option<Instant> {
        self.follows(leader)?.next_deadline().filter(|until| *until > now)
    }

    fn follows(&self, leader: NodeId) -> Option<&Follower> {
        match &self.role {
            Role::Following(follower) if follower.following().leader == leader => Some(follower),
            _ => None,
        }
    }

    /// Takes over what the role has moved, and answers who waited for it.
    pub fn settle(&mut self) {
        match &self.role {
            Role::Leading(leader) => {
                self.high_watermark = leader.high_watermark();
                let acknowledged = leader.acknowledged();
                self.until_committed.reached(acknowledged.end, acknowledged.error);
                self.until_durable.reached(self.own.progress(), ErrorCode::None);
                self.until_sure.confirmed(|asked| leader.is_confirmed_since(asked));
            }
            Role::Following(follower) => self.high_watermark = follower.high_watermark(),
            Role::Idle => {}
        }
    }
}
