//! An epoch has one leader at most.

use super::Violation;
use model::LeaderEpoch;
use raft::ReplicaKey;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub struct Leaders {
    by_epoch: BTreeMap<LeaderEpoch, ReplicaKey>,
}

impl Leaders {
    /// How many epochs had one.
    pub fn count(&self) -> usize {
        self.by_epoch.len()
    }

    pub fn leads(&mut self, epoch: LeaderEpoch, leader: ReplicaKey) -> Result<(), Violation> {
        let first = *self.by_epoch.entry(epoch).or_insert(leader);
        if first == leader {
            return Ok(());
        }
        Err(Violation::of("one leader an epoch", format!("{first:?} and {leader:?} lead epoch {epoch}")))
    }
}
