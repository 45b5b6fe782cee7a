//! What is recorded of the inside of a run, besides its history: plain data, written by the run and read by the report.
//! Times are microseconds of simulated time since the run began.

use crate::fleet::RunReport;
use model::{LeaderEpoch, NodeId, Offset};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One run, seen from inside.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// How it ended.
    pub report: Option<RunReport>,
    /// The commit, the profile and the planted bug, in words.
    pub title: String,
    /// When the last thing happened.
    pub ended: u64,
    /// How many nodes there are: machines of the simulation 1 to this are nodes of the cluster.
    pub nodes: u32,
    /// The clients by their numbers in the history.
    pub clients: BTreeMap<u32, String>,
    /// Processes of nodes, in the order they began.
    pub lives: Vec<Life>,
    /// Changes of what nodes are, by time.
    pub states: Vec<NodeState>,
    /// Partitions by name.
    pub partitions: BTreeMap<String, PartitionTrack>,
    /// What was sent, by time.
    pub messages: Vec<Message>,
}

/// One process of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// The node's id.
    pub node: NodeId,
    /// When it was started.
    pub began: u64,
    /// When it ended; `None` while it runs.
    pub ended: Option<u64>,
    /// How it ended, in words.
    pub how: String,
}

/// What a node is from a moment on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeState {
    /// From when.
    pub at: u64,
    /// The node's id.
    pub node: NodeId,
    /// Its broker serves.
    pub serves: bool,
    /// It leads the metadata quorum.
    pub controls: bool,
    /// In which epoch, or in which it follows.
    pub quorum_epoch: LeaderEpoch,
    /// The newest metadata says that it may not lead partitions.
    pub fenced: bool,
}

/// What became of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionTrack {
    /// What the newest metadata said, at each change.
    pub known: Vec<Known>,
    /// What each node that holds it said, at each change.
    pub replicas: BTreeMap<NodeId, Vec<ReplicaState>>,
}

/// What the newest metadata says of a partition from a moment on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// From when.
    pub at: u64,
    /// Who leads.
    pub leader: Option<NodeId>,
    /// In which epoch.
    pub leader_epoch: LeaderEpoch,
    /// Who is in sync.
    pub isr: Vec<NodeId>,
    /// Who holds it.
    pub replicas: Vec<NodeId>,
}

/// What a node says of a partition from a moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaState {
    /// From when.
    pub at: u64,
    /// Whether it is open there; if not, the rest means nothing.
    pub open: bool,
    /// Whether the node leads it.
    pub leads: bool,
    /// In which leader epoch, its own or that of whom it follows.
    pub epoch: LeaderEpoch,
    /// First offset of its log.
    pub start: Offset,
    /// The offset after the last one.
    pub end: Offset,
    /// The high watermark as it knows it.
    pub high_watermark: Offset,
}

/// One request or answer, as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// When.
    pub at: u64,
    /// The machine that sent it, by its number in traces.
    pub from: u32,
    /// Whom to.
    pub to: u32,
    /// The key of its API; -1 when it is not known.
    pub api: i16,
    /// Whether it is the answer.
    pub answer: bool,
    /// Its length in bytes.
    pub bytes: u32,
}
