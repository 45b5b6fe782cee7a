//! What was ever committed, told once and for all by the leader that committed it.

use crate::cluster::disk::Record;
use crate::cluster::node::Waiting;
use model::{LeaderEpoch, Offset};

/// A record that is committed.
#[derive(Clone, Copy, Debug)]
pub(in crate::cluster) struct Committed {
    pub record: Record,
    /// The leader epoch in which it became so.
    pub in_epoch: LeaderEpoch,
}

#[derive(Debug, Default)]
pub(in crate::cluster) struct History {
    /// By offset.
    pub committed: Vec<Committed>,
    /// Everything below was deleted on purpose.
    pub deleted_below: Offset,
    /// Clients were told that everything below is deleted.
    pub told_deleted_below: Offset,
    /// What producers with acks=all were told.
    pub acknowledged: Vec<Waiting>,
}

impl History {
    /// Where what is committed ends.
    pub fn end(&self) -> Offset {
        self.committed.len() as Offset
    }

    pub fn at(&self, offset: Offset) -> Option<Committed> {
        usize::try_from(offset).ok().and_then(|at| self.committed.get(at)).copied()
    }
}
