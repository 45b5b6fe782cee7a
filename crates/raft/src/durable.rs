//! What is on the disk: entries, snapshots, the epoch and the vote.

use crate::encoding::run_of_bytes;
use crate::{ReplicaKey, Voters};
use bytes::Bytes;
use model::{LeaderEpoch, Offset};
use serde::{Deserialize, Serialize};

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Payload {
    /// The first entry of a leader: once it is committed, so is all before it.
    LeaderChange,
    /// From here on these vote.
    Voters(Voters),
    /// The driver's.
    Data(#[serde(with = "run_of_bytes")] Bytes),
}

impl Payload {
    /// About so many bytes in memory and on the wire.
    pub fn size(&self) -> usize {
        const OVERHEAD: usize = 32;
        OVERHEAD
            + match self {
                Payload::LeaderChange => 0,
                Payload::Voters(voters) => 64 * voters.len(),
                Payload::Data(bytes) => bytes.len(),
            }
    }
}

/// One entry of the log; it has one offset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The epoch of the leader that wrote it.
    pub epoch: LeaderEpoch,
    /// What it says.
    pub payload: Payload,
}

/// What a replica must never forget besides its log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HardState {
    /// The newest epoch it has heard of.
    pub epoch: LeaderEpoch,
    /// Whom it gave its vote in that epoch.
    pub voted_for: Option<ReplicaKey>,
}

/// Stands for all entries below an offset. What it covers is committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The offset after the last entry it covers.
    pub end_offset: Offset,
    /// The epoch of that entry.
    pub epoch: LeaderEpoch,
    /// Who votes at that point.
    pub voters: Voters,
    /// The driver's state at that point.
    #[serde(with = "run_of_bytes")]
    pub state: Bytes,
}

/// What a driver has read from its disk. All empty: a blank node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durable {
    /// The epoch and the vote.
    pub hard_state: HardState,
    /// The newest snapshot.
    pub snapshot: Option<Snapshot>,
    /// The entries from the snapshot's end offset on, or from 0.
    pub entries: Vec<Entry>,
}
