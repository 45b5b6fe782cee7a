//! Questions to the quorum's machine on this node, and changes of its voters.

use model::state_machine::Instant;
use model::{LeaderEpoch, NodeId, Offset};
use raft::{Raft, ReplicaProgress, VoterChange, VoterChangeError, Voters};

/// What the quorum is asked.
#[derive(Clone, Debug)]
pub enum QuorumRequest {
    /// Who is in it, and how far.
    Describe,
    /// One voter more, less, or elsewhere (KIP-853).
    Change(VoterChange),
    /// Another node is to lead.
    TransferLeadership(NodeId),
}

/// What it answers.
#[derive(Clone, Debug)]
pub enum QuorumReply {
    /// The quorum as its leader sees it; none on another node.
    Described(Option<Described>),
    /// The change is committed, at this offset, or why it was not begun.
    Changed(Result<Offset, VoterChangeError>),
    /// Whether the transfer has begun.
    Transferring(bool),
}

/// The quorum as its leader sees it.
#[derive(Clone, Debug)]
pub struct Described {
    /// The leader.
    pub leader: NodeId,
    /// Its epoch.
    pub epoch: LeaderEpoch,
    /// The end of what is committed.
    pub high_watermark: Offset,
    /// The voters, with where they listen.
    pub voters: Voters,
    /// All replicas, voters first.
    pub replicas: Vec<ReplicaProgress>,
    /// The end of the leader's log.
    pub log_end_offset: Offset,
    /// The node's monotonic time, which the times of the replicas are of.
    pub now: Instant,
}

pub(super) fn answer(raft: &mut Raft, now: Instant, leads: bool, request: QuorumRequest) -> QuorumReply {
    match request {
        QuorumRequest::Describe => QuorumReply::Described(leads.then(|| describe(raft, now))),
        QuorumRequest::Change(change) => QuorumReply::Changed(raft.change_voters(now, change)),
        QuorumRequest::TransferLeadership(to) => QuorumReply::Transferring(raft.transfer_leadership(now, to)),
    }
}

fn describe(raft: &Raft, now: Instant) -> Described {
    Described {
        leader: raft.me().id,
        epoch: raft.epoch(),
        high_watermark: raft.high_watermark(),
        voters: raft.voters().clone(),
        replicas: raft.replicas(),
        log_end_offset: raft.log_end_offset(),
        now,
    }
}
