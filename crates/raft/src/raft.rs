//! The replica, as its driver sees it.

use crate::{Config, Durable, Effect, Endpoint, Message, ReplicaKey, Voter, Voters};
use bytes::Bytes;
use model::state_machine::Instant;
use model::{LeaderEpoch, NodeId, Offset};
use std::collections::BTreeMap;

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
    /// It leads; see [`Effect::Lead`] for when it may serve.
    Leader,
}

/// This replica does not lead, or its first entry is not committed yet, or it is handing its leadership over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotLeader {
    /// Who leads, where it is known.
    pub leader: Option<NodeId>,
}

/// A change of the voters, by one (KIP-853).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VoterChange {
    /// Let an observer in that has caught up.
    Add(Voter),
    /// Take a voter out.
    Remove(ReplicaKey),
    /// A voter is reached elsewhere from now on.
    UpdateEndpoint(Voter),
}

/// Why voters were not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoterChangeError {
    /// NOT_LEADER_OR_FOLLOWER.
    NotLeader(NotLeader),
    /// The last change is not committed yet. Kafka answers REQUEST_TIMED_OUT.
    ChangePending,
    /// DUPLICATE_VOTER: that node id is a voter, with this directory or with another.
    DuplicateVoter,
    /// The observer is not known, or has not caught up. Kafka waits for it and then answers REQUEST_TIMED_OUT.
    NotCaughtUp,
    /// VOTER_NOT_FOUND: that replica (id and directory) is no voter.
    VoterNotFound,
    /// INVALID_REQUEST: nobody would be left.
    LastVoter,
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

/// Why no cluster is founded here yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Founding {
    /// What stands in the way, by configured node. Empty: the node with the lowest id is about to found.
    pub waits_for: BTreeMap<NodeId, Obstacle>,
}

/// What stands in the way of founding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// It does not answer.
    Unreachable,
    /// It is blank, too, but has other configured voters.
    OtherList,
    /// It belongs to a cluster already, which this node waits to be let into.
    Member,
}

/// A replica of the metadata log.
#[derive(Debug)]
pub struct Raft {
    config: Config,
}

impl Raft {
    /// A replica that starts with what its disk holds. It begins as a follower (or blank, or observer).
    pub fn new(config: Config, now: Instant, durable: Durable) -> Raft {
        let _ = (now, durable);
        Raft { config }
    }

    /// A message has come from the node `from`. Whatever it says, this does not panic.
    pub fn step(&mut self, now: Instant, from: NodeId, message: Message) {
        todo!("{now:?} {from} {message:?}")
    }

    /// Time has passed. Does something at and after [`next_deadline`](Raft::next_deadline).
    pub fn tick(&mut self, now: Instant) {
        todo!("{now:?}")
    }

    /// When [`tick`](Raft::tick) wants to be called.
    pub fn next_deadline(&self) -> Instant {
        todo!()
    }

    /// Appends the driver's bytes as one entry, and says at which offset. It is committed once [`Effect::Apply`] brings
    /// it back; when another [`Effect::Follow`] comes first it may be or not.
    pub fn propose(&mut self, now: Instant, data: Bytes) -> Result<Offset, NotLeader> {
        todo!("{now:?} {data:?}")
    }

    /// Changes the voters; the change counts from its offset on, and is committed like any entry.
    pub fn change_voters(&mut self, now: Instant, change: VoterChange) -> Result<Offset, VoterChangeError> {
        todo!("{now:?} {change:?}")
    }

    /// Hands the leadership to that voter, once it has caught up. `false` when this replica does not lead or that one is
    /// no other voter. Nothing is accepted meanwhile, at most for an election timeout.
    pub fn transfer_leadership(&mut self, now: Instant, to: NodeId) -> bool {
        todo!("{now:?} {to}")
    }

    /// Gives the leadership up, for a clean stop: the voter that is furthest is asked to take over.
    pub fn resign(&mut self, now: Instant) {
        todo!("{now:?}")
    }

    /// The driver's state as it is after all entries below `up_to`, which must be applied. They are dropped
    /// ([`Effect::Compact`]). Nothing happens when a snapshot goes at least as far already.
    pub fn snapshot(&mut self, state: Bytes, up_to: Offset) {
        todo!("{state:?} {up_to}")
    }

    /// The answer to [`Effect::Found`]: the state that the cluster begins with, as of end offset 1. Nothing happens when a
    /// cluster was found meanwhile.
    pub fn found(&mut self, now: Instant, state: Bytes) {
        todo!("{now:?} {state:?}")
    }

    /// There is a connection to this node, in either direction, on which messages can be sent.
    pub fn connected(&mut self, now: Instant, peer: NodeId) {
        todo!("{now:?} {peer}")
    }

    /// There is positive evidence that the process behind this node id is gone (its address refuses connections, or
    /// another incarnation answers there): if it led, nobody waits for it any longer. Silence is no such evidence.
    pub fn peer_died(&mut self, now: Instant, peer: NodeId) {
        todo!("{now:?} {peer}")
    }

    /// What is to be done now, in order.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        todo!()
    }

    /// All persistence effects that [`take_effects`](Raft::take_effects) has handed out are on stable storage.
    pub fn persisted(&mut self, now: Instant) {
        todo!("{now:?}")
    }

    /// What this replica is.
    pub fn role(&self) -> Role {
        todo!()
    }

    /// This replica.
    pub fn me(&self) -> ReplicaKey {
        self.config.me
    }

    /// Who leads, where it is known; this node, too.
    pub fn leader(&self) -> Option<NodeId> {
        todo!()
    }

    /// The newest epoch it has heard of.
    pub fn epoch(&self) -> LeaderEpoch {
        todo!()
    }

    /// All entries below are committed.
    pub fn high_watermark(&self) -> Offset {
        todo!()
    }

    /// The offset of the next entry.
    pub fn log_end_offset(&self) -> Offset {
        todo!()
    }

    /// The offset of the oldest entry that is left: the newest snapshot's end.
    pub fn log_start_offset(&self) -> Offset {
        todo!()
    }

    /// Who votes, by the log as it is; empty on a blank node.
    pub fn voters(&self) -> &Voters {
        todo!()
    }

    /// Voters and observers, on the leader; else nothing.
    pub fn replicas(&self) -> Vec<ReplicaProgress> {
        todo!()
    }

    /// Where that node's controller listener is: by the voter set, by what it said itself, or by the configuration.
    pub fn endpoint_of(&self, id: NodeId) -> Option<Endpoint> {
        todo!("{id}")
    }

    /// On a blank node that could found: what it waits for.
    pub fn founding(&self) -> Option<Founding> {
        todo!()
    }

    /// On the leader: voters whose node came back with another directory that has caught up. The leader replaces them by
    /// itself, see [`change_voters`](Raft::change_voters).
    pub fn replaceable_voters(&self) -> Vec<(ReplicaKey, ReplicaKey)> {
        todo!()
    }
}
