//! What a replica wants done.

use crate::{Entry, HardState, Message, Snapshot, Voters};
use model::{LeaderEpoch, NodeId, Offset};

/// One thing to be done. Effects are in order: whatever comes after a persistence effect (the first five) must not begin
/// before that is on stable storage. A run of them may be one durable write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Store these in place of the last ones.
    SaveHardState(HardState),
    /// Cut the log: nothing at this offset or after it is left. What goes was never committed.
    Truncate {
        /// The new end of the log.
        to: Offset,
    },
    /// Append these.
    Append {
        /// The offset of the first, which is the end of the log as it is.
        base_offset: Offset,
        /// At least one.
        entries: Vec<Entry>,
    },
    /// Replace the whole log, and the driver's state, by this; it came from elsewhere. The log goes on at its end offset.
    /// The old log may go only once this is durable.
    InstallSnapshot(Snapshot),
    /// Store this snapshot of the driver's own, and drop the entries it covers; those after it stay.
    Compact(Snapshot),
    /// Send this. May be lost, doubled, overtaken.
    Send {
        /// To that node.
        to: NodeId,
        /// This.
        message: Message,
    },
    /// These are committed: fold them into the state. In order, each once in the life of the process; a process begins
    /// with the state of the snapshot it gave to [`Raft::new`](crate::Raft::new), and whatever
    /// [`InstallSnapshot`](Effect::InstallSnapshot) brings goes on from there.
    Apply {
        /// The offset of the first.
        base_offset: Offset,
        /// At least one, of all kinds.
        entries: Vec<Entry>,
    },
    /// This blank node founds the cluster with these voters: make its first state and call
    /// [`Raft::found`](crate::Raft::found).
    Found {
        /// All configured nodes, with their directories.
        voters: Voters,
    },
    /// This replica leads, and its own first entry is committed and applied: it may serve.
    Lead {
        /// Its epoch.
        epoch: LeaderEpoch,
    },
    /// This replica does not lead (any more), or its leader is another one, or not known.
    Follow {
        /// The leader, where it is known.
        leader: Option<NodeId>,
        /// The epoch.
        epoch: LeaderEpoch,
    },
}

impl Effect {
    /// Whether what follows has to wait until this is on stable storage.
    pub fn is_persistence(&self) -> bool {
        use Effect::*;
        matches!(self, SaveHardState(_) | Truncate { .. } | Append { .. } | InstallSnapshot(_) | Compact(_))
    }
}
