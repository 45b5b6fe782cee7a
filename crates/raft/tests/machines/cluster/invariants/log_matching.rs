//! Two logs with an entry of the same epoch at the same offset are the same up to there: the entry says the same in both,
//! and the entry before it has the same epoch in both.

use super::super::state::content;
use super::Violation;
use model::map::HashMap;
use model::{LeaderEpoch, NodeId, Offset};
use raft::Entry;

#[derive(Debug, Default)]
pub struct Entries {
    /// By offset and epoch: what it says, and the epoch before it.
    seen: HashMap<(u64, u64), (u64, LeaderEpoch)>,
}

impl Entries {
    /// This is on the disk of a node.
    pub fn stored(
        &mut self,
        node: NodeId,
        offset: Offset,
        previous_epoch: LeaderEpoch,
        entry: &Entry,
    ) -> Result<(), Violation> {
        let this = (content(entry), previous_epoch);
        let first = *self.seen.entry((offset as u64, entry.epoch as u64)).or_insert(this);
        if first == this {
            return Ok(());
        }
        let epoch = entry.epoch;
        let what = format!("node {node} has another log before offset {offset} of epoch {epoch}: {this:?}, {first:?}");
        Err(Violation::of("log matching", what))
    }
}
