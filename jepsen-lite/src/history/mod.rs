//! What happened, as the clients saw it.
//!
//! A history is one sequence of events: an operation is invoked, it completes, a fault begins, it ends. Each event has
//! an index in that sequence, and "before" always means a lower index: when operation A completed before operation B
//! was invoked, B must see what A did. Times are for people and for fault windows.

mod action;
mod edn;
mod fault;
mod group;
mod lines;
mod record;
mod recorder;
mod sense;
mod settings;

pub use action::{Acks, Action, Answer, CreateTopic, DescribedPartition, Fetch, ListOffsets, OffsetQuery, Produce};
pub use edn::write_edn;
pub use fault::{Fault, FaultKind, FaultNature, FileKind};
pub use group::{CRASHED, CommitOffset, Consume, FetchOffset, GroupMember, GroupProtocol, LOST, Own, PartitionText};
pub use lines::{BadLine, read, write};
pub use record::{Content, Key, Received, RecordId, Sent, content_of};
pub use recorder::Recorder;
pub use settings::{Durability, TopicSettings};

use model::{NodeId, ProducerEpoch, ProducerId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A client of the cluster: one sequence of operations, or one pipeline of them.
pub type Process = u32;
/// Position of an event in the history, from 0.
pub type Index = u32;
/// Position of an operation in [`History::operations`].
pub type OperationId = u32;

/// When an event happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment {
    /// Its place in the one order of events.
    pub index: Index,
    /// Nanoseconds since the run began, simulated or monotonic.
    pub at: u64,
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was done, and this was the answer.
    Ok(Answer),
    /// It was definitely not done, and never will be.
    Fail(String),
    /// It may have been done, may be done later, or never.
    Unknown(String),
}

/// One operation of one client.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Who.
    pub process: Process,
    /// When it was sent.
    pub invoked: Moment,
    /// When the client learned the outcome, or gave up. `None`: it never did.
    pub completed: Option<Moment>,
    /// What was asked.
    pub action: Action,
    /// What came of it. An operation that never completed is [`Outcome::Unknown`].
    pub outcome: Outcome,
}

impl Operation {
    /// The answer of an operation that was done.
    pub fn answer(&self) -> Option<&Answer> {
        match &self.outcome {
            Outcome::Ok(answer) => Some(answer),
            Outcome::Fail(_) | Outcome::Unknown(_) => None,
        }
    }

    /// Whether the client knows that it was done.
    pub fn is_ok(&self) -> bool {
        matches!(self.outcome, Outcome::Ok(_))
    }

    /// Whether it was definitely not done.
    pub fn is_failed(&self) -> bool {
        matches!(self.outcome, Outcome::Fail(_))
    }

    /// The last event at which it can have taken effect: its completion when the outcome is known, else the end of time.
    /// A write that asked for no answer is complete when it is sent, and may arrive at any time after that.
    pub fn last_effect(&self) -> Index {
        match (&self.outcome, self.completed) {
            (Outcome::Ok(Answer::Produced { base_offset: None }), _) => Index::MAX,
            (Outcome::Ok(_) | Outcome::Fail(_), Some(moment)) => moment.index,
            _ => Index::MAX,
        }
    }
}

/// One life of a producer: the unit within which order and duplicates are judged. An idempotent producer that gets a
/// new producer id starts a new session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The client it belongs to.
    pub process: Process,
    /// Whether it has a producer id.
    pub idempotent: bool,
    /// Whether a request whose answer was lost may be sent again.
    pub may_resend: bool,
    /// The producer id and epoch, where they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub producer: Option<(ProducerId, ProducerEpoch)>,
}

/// One node of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its id.
    pub node: NodeId,
    /// Whether it votes in the metadata quorum.
    pub votes: bool,
    /// Its rack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rack: Option<String>,
}

/// Everything that was recorded of one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The nodes of the cluster; empty where there is one.
    pub members: Vec<Member>,
    /// Producers, by the session number in [`RecordId`].
    pub sessions: Vec<Session>,
    /// Operations, in the order they were invoked.
    pub operations: Vec<Operation>,
    /// What was done to the cluster, in the order it began.
    pub faults: Vec<Fault>,
    /// When the last fault was healed and the final reads began.
    pub healed: Option<Moment>,
    /// The writes that were sent more than once, or may have been: their answer may be another leader's.
    pub resent: BTreeSet<OperationId>,
}

impl History {
    /// Whether there is more than one node: what one of them says may be old.
    pub fn is_of_a_cluster(&self) -> bool {
        self.members.len() > 1
    }

    /// How many controllers hold what the metadata quorum has committed, at least.
    pub fn metadata_copies(&self) -> usize {
        self.members.iter().filter(|member| member.votes).count() / 2 + 1
    }

    /// Operations that were done.
    pub fn completed_operations(&self) -> usize {
        self.operations.iter().filter(|operation| operation.is_ok()).count()
    }

    /// Produce operations that were acknowledged.
    pub fn acknowledged_operations(&self) -> usize {
        self.operations.iter().filter(|o| o.is_ok() && matches!(o.action, Action::Produce(_))).count()
    }
}
