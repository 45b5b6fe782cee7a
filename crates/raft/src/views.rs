//! What a replica shows of itself.

use crate::raft::Standing;
use crate::{Raft, ReplicaKey, Voters};
use model::state_machine::Instant;
use model::{LeaderEpoch, NodeId, Offset};

/// What a replica is at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It knows no voter set: it founds a cluster with others, or is let into one.
    Blank,
    /// It follows without a vote.
    Observer,
    /// A voter that does not lead.
    Follower,
    /// A voter that asks whether others would vote for it.
    Prospective,
    /// A voter that asks for votes.
    Candidate,
    /// It leads; see [`Effect::Lead`](crate::Effect::Lead) for when it may serve.
    Leader,
}

/// What the leader knows of a replica, for DescribeQuorum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaProgress {
    /// Which replica.
    pub key: ReplicaKey,
    /// Whether it is a voter; else an observer.
    pub is_voter: bool,
    /// How far its log is known to equal the leader's and to be on stable storage; `None` before it said so.
    pub log_end_offset: Option<Offset>,
    /// When it was last heard of. `None` for the leader itself, whose times are always now, and before its first word.
    pub last_fetch: Option<Instant>,
    /// When it last had all that the leader had then. `None` as above.
    pub last_caught_up: Option<Instant>,
}

impl Raft {
    /// What this replica is.
    pub fn role(&self) -> Role {
        match &self.standing {
            Standing::Leading(_) => Role::Leader,
            Standing::Campaigning(campaign) if campaign.pre => Role::Prospective,
            Standing::Campaigning(_) => Role::Candidate,
            Standing::Following if self.is_blank() => Role::Blank,
            Standing::Following if self.is_voter() => Role::Follower,
            Standing::Following => Role::Observer,
        }
    }

    /// This replica.
    pub fn me(&self) -> ReplicaKey {
        self.config.me
    }

    /// Who leads, where it is known; this node, too.
    pub fn leader(&self) -> Option<NodeId> {
        self.leader
    }

    /// The newest epoch it has heard of.
    pub fn epoch(&self) -> LeaderEpoch {
        self.hard_state.epoch
    }

    /// All entries below are committed.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// The offset of the next entry.
    pub fn log_end_offset(&self) -> Offset {
        self.log.end().offset
    }

    /// The offset of the oldest entry that is left: the newest snapshot's end.
    pub fn log_start_offset(&self) -> Offset {
        self.log.start()
    }

    /// Who votes, by the log as it is, committed or not; empty on a blank node.
    pub fn voters(&self) -> &Voters {
        self.log.voters()
    }

    /// Voters and observers, this one too, on the leader; else nothing.
    pub fn replicas(&self) -> Vec<ReplicaProgress> {
        let Standing::Leading(leading) = &self.standing else { return Vec::new() };
        let voters = self.log.voters();
        let others = leading.progress.iter().map(|(key, progress)| ReplicaProgress {
            key: *key,
            is_voter: voters.contains(*key),
            log_end_offset: progress.matched,
            last_fetch: progress.heard,
            last_caught_up: progress.caught_up,
        });
        let own = ReplicaProgress {
            key: self.me(),
            is_voter: voters.contains(self.me()),
            log_end_offset: Some(self.log.end().offset),
            last_fetch: None,
            last_caught_up: None,
        };
        others.chain([own]).collect()
    }
}
