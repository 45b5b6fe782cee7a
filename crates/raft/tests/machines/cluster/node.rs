//! A node: its disk, and while it runs the machine and the driver's state.

use super::disk::Disk;
use super::state::State;
use model::state_machine::Instant;
use model::{NodeId, Offset, Uuid};
use raft::{Effect, Raft, ReplicaKey};
use std::collections::VecDeque;

#[derive(Debug)]
pub struct Node {
    pub id: NodeId,
    pub directory: Uuid,
    pub disk: Disk,
    /// Counts its starts.
    pub incarnation: u64,
    pub running: Option<Running>,
    /// What it sent until then and had not arrived was lost with it.
    pub unsent_until: Option<Instant>,
    /// The invariants have seen the disk up to here.
    pub checked: Offset,
}

#[derive(Debug)]
pub struct Running {
    pub raft: Raft,
    pub state: State,
    /// To be done, in order.
    pub queue: VecDeque<Effect>,
    /// The front of the queue waits for the disk.
    pub writing: bool,
    /// When it is woken next.
    pub wake_at: Option<Instant>,
    /// It was told that it may serve, and not yet that it may not.
    pub serves: bool,
    /// When it heard of each node last, by index.
    pub heard: Vec<Instant>,
    /// Since when it leads these voters.
    pub leads_since: Option<Instant>,
    pub leads: Vec<ReplicaKey>,
    pub last_high_watermark: Offset,
}

impl Node {
    pub fn key(&self) -> ReplicaKey {
        ReplicaKey { id: self.id, directory: self.directory }
    }

    pub fn raft(&self) -> Option<&Raft> {
        self.running.as_ref().map(|running| &running.raft)
    }

    pub fn serves(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.serves)
    }
}

impl Running {
    pub fn started(raft: Raft, state: State, now: Instant, nodes: usize) -> Running {
        Running {
            last_high_watermark: raft.high_watermark(),
            raft,
            state,
            queue: VecDeque::new(),
            writing: false,
            wake_at: None,
            serves: false,
            heard: vec![now; nodes],
            leads_since: None,
            leads: Vec::new(),
        }
    }
}
