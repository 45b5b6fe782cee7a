//! What replicas say to each other. The driver encodes it, in a frame of its own.

use crate::encoding::{run_of_bytes, sixteen_bytes};
use crate::{Endpoint, Entry, ReplicaKey, Snapshot, Voter, Voters};
use bytes::Bytes;
use model::{LeaderEpoch, NodeId, Offset, Uuid};
use serde::{Deserialize, Serialize};

/// A message between two replicas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who says it.
    pub sender: ReplicaKey,
    /// The node it is for.
    pub receiver: NodeId,
    /// The directory it is for: all zeros where the sender does not know it. Another directory of that node drops it.
    #[serde(with = "sixteen_bytes")]
    pub receiver_directory: Uuid,
    /// The sender's epoch; of a request for votes the epoch it is about.
    pub epoch: LeaderEpoch,
    /// What it says.
    pub body: Body,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// Would you vote for me? Changes nothing.
    PreVote(LogEnd),
    /// Vote for me.
    Vote {
        /// How far the candidate's log goes.
        log: LogEnd,
        /// The leader itself asked the candidate to take over: do not wait for the leader's silence.
        transfer: bool,
    },
    /// The answer to either.
    Ballot {
        /// Whether it answers a [`PreVote`](Body::PreVote).
        pre: bool,
        /// Whether the vote is the candidate's.
        granted: bool,
        /// A leader that the voter hears from.
        leader: Option<NodeId>,
    },
    /// The leader's entries from an offset on; also its heartbeat, and then without entries.
    Append {
        /// The offset of the first.
        base_offset: Offset,
        /// The epoch of the entry before it.
        previous_epoch: LeaderEpoch,
        /// The entries.
        entries: Vec<Entry>,
        /// How far the log is committed.
        high_watermark: Offset,
    },
    /// All before this offset is on stable storage and equals the leader's log.
    Appended {
        /// The offset.
        matched: Offset,
    },
    /// The entry before an [`Append`](Body::Append) is missing or another one.
    Diverged {
        /// A prefix of the follower's log that may be the leader's, too.
        log: LogEnd,
    },
    /// A part of a snapshot.
    Chunk(Chunk),
    /// How far the follower has received a snapshot.
    Received {
        /// The snapshot's end offset.
        end_offset: Offset,
        /// The follower has all bytes before this.
        position: u64,
    },
    /// The leader asks a voter to take over at once.
    TakeOver,
    /// An observer looks for the leader.
    Hello {
        /// Where it is reached.
        endpoint: Endpoint,
        /// Whether it has the role `controller`.
        may_vote: bool,
        /// How far its log goes.
        log: LogEnd,
    },
    /// An answer to [`Hello`](Body::Hello) from one that does not lead.
    Redirect {
        /// The leader and where it is reached, as far as that is known.
        leader: Option<Voter>,
    },
    /// A blank node asks another configured one whether they can found a cluster.
    Probe {
        /// Comes back in the answer.
        nonce: u64,
        /// The configured voters as it knows them, by id.
        configured: Vec<(NodeId, Endpoint)>,
    },
    /// An answer to [`Probe`](Body::Probe).
    Probed {
        /// The probe's.
        nonce: u64,
        /// What this node is.
        answer: ProbeAnswer,
    },
}

/// How far a log goes. Of two logs the one that compares greater has all that may be committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LogEnd {
    /// The epoch of the last entry.
    pub epoch: LeaderEpoch,
    /// The offset after it.
    pub offset: Offset,
}

/// A part of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// The snapshot's end.
    pub end: LogEnd,
    /// Who votes there.
    pub voters: Voters,
    /// Where in the state these bytes begin.
    pub position: u64,
    /// How many bytes the whole state has.
    pub total: u64,
    /// The bytes.
    #[serde(with = "run_of_bytes")]
    pub bytes: Bytes,
}

/// What a probed node is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProbeAnswer {
    /// Blank, and its list of configured voters is the same.
    Blank {
        /// With this nonce it can be given a founding.
        nonce: u64,
    },
    /// Blank, and its list is another one.
    OtherList,
    /// It knows a voter set in which the asking replica has no place.
    Member,
    /// It knows a voter set with the asking replica in it: the founding's, or what came of it.
    Voter(Snapshot),
}
