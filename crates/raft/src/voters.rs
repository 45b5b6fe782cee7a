//! Who votes. A voter is a node id *and* the directory that holds its log and votes (KIP-853): a node that comes back
//! with another directory has forgotten what it promised, and is not that voter.

use crate::encoding::sixteen_bytes;
use model::{NodeId, Uuid};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// One replica of the log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReplicaKey {
    /// The node.
    pub id: NodeId,
    /// The directory that holds its log and its votes. It must go when they go.
    #[serde(with = "sixteen_bytes")]
    pub directory: Uuid,
}

impl fmt::Debug for ReplicaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.directory)
    }
}

/// Where a node's controller listener is reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Endpoint {
    /// A name or an address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

/// A voter and where it is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voter {
    /// Which replica.
    pub key: ReplicaKey,
    /// Where its controller listener is.
    pub endpoint: Endpoint,
}

/// A set of voters, at most one a node id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voters {
    by_id: BTreeMap<NodeId, Voter>,
    /// Nodes whose wiped directory was taken out, and whose new directory is to be let in (see
    /// [`Raft::change_voters`](crate::Raft::change_voters)). In the log, so that the next leader finishes it.
    returning: BTreeSet<NodeId>,
}

impl Voters {
    /// Nobody votes.
    pub const fn none() -> Voters {
        Voters { by_id: BTreeMap::new(), returning: BTreeSet::new() }
    }

    /// The voter of that node id.
    pub fn get(&self, id: NodeId) -> Option<&Voter> {
        self.by_id.get(&id)
    }

    /// Whether this very replica is a voter.
    pub fn contains(&self, key: ReplicaKey) -> bool {
        self.get(key.id).is_some_and(|voter| voter.key == key)
    }

    /// All of them, by node id.
    pub fn iter(&self) -> impl Iterator<Item = &Voter> {
        self.by_id.values()
    }

    /// The keys of all of them, by node id.
    pub fn keys(&self) -> impl Iterator<Item = ReplicaKey> {
        self.iter().map(|voter| voter.key)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// How many of them are a majority.
    pub fn majority(&self) -> usize {
        self.len() / 2 + 1
    }

    /// Nodes whose old directory was taken out for a new one that is not a voter yet.
    pub fn returning(&self) -> impl Iterator<Item = NodeId> {
        self.returning.iter().copied()
    }

    /// This set with one more voter, or with another endpoint of one.
    #[must_use]
    pub fn with(&self, voter: Voter) -> Voters {
        let mut voters = self.clone();
        voters.returning.remove(&voter.key.id);
        voters.by_id.insert(voter.key.id, voter);
        voters
    }

    /// This set without that node id.
    #[must_use]
    pub fn without(&self, id: NodeId) -> Voters {
        let mut voters = self.clone();
        voters.by_id.remove(&id);
        voters.returning.remove(&id);
        voters
    }

    /// This set without that node id, which is to come back with its new directory.
    #[must_use]
    pub fn expecting(&self, id: NodeId) -> Voters {
        let mut voters = self.without(id);
        voters.returning.insert(id);
        voters
    }
}

impl FromIterator<Voter> for Voters {
    fn from_iter<I: IntoIterator<Item = Voter>>(voters: I) -> Voters {
        let by_id = voters.into_iter().map(|voter| (voter.key.id, voter)).collect();
        Voters { by_id, returning: BTreeSet::new() }
    }
}
