//! A leader's log has all that was committed in earlier epochs; by the time it serves it knows that, and has applied it.

use super::Violation;
use super::committed_never_changes::History;
use model::{LeaderEpoch, NodeId, Offset};

/// A node begins to lead with a log that ends so.
pub fn elected(history: &History, node: NodeId, epoch: LeaderEpoch, log_end: Offset) -> Result<(), Violation> {
    complete(history, node, epoch, log_end, "leads with a log")
}

/// A node begins to serve, having applied so much.
pub fn serves(history: &History, node: NodeId, epoch: LeaderEpoch, applied: Offset) -> Result<(), Violation> {
    complete(history, node, epoch, applied, "serves a state")
}

fn complete(history: &History, node: NodeId, epoch: LeaderEpoch, has: Offset, does: &str) -> Result<(), Violation> {
    let committed = history.end_before_epoch(epoch);
    if has >= committed {
        return Ok(());
    }
    let what = format!("node {node} {does} up to {has} in epoch {epoch}; {committed} were committed before");
    Err(Violation::of("leader completeness", what))
}
