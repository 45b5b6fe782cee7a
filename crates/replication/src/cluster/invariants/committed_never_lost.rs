//! What is committed stays what it is, and every later leader has it.

use super::{History, Verdict, require};
use crate::Leader;
use crate::cluster::invariants::history::Committed;
use crate::cluster::node::Node;
use model::{LeaderEpoch, Offset};

/// A leader in a new epoch has everything that leaders of earlier epochs have committed.
pub(super) fn check_new_leader(history: &History, node: &Node, epoch: LeaderEpoch) -> Verdict {
    let mut earlier = (0..).zip(&history.committed).filter(|(_, committed)| committed.in_epoch < epoch);
    earlier.try_for_each(|(offset, committed)| has(history, node, offset, committed))
}

/// The leader's high watermark has moved: what is below it is committed from now on.
pub(super) fn commit(history: &mut History, node: &Node, leader: &Leader) -> Verdict {
    history.deleted_below = history.deleted_below.max(node.disk.start());
    for offset in history.end()..leader.high_watermark() {
        let Some(record) = node.disk.record(offset) else {
            return require(false, "committed never lost", || format!("leader {} has no {offset}", node.id));
        };
        history.committed.push(Committed { record, in_epoch: leader.leader_epoch() });
    }
    let last = leader.high_watermark() - 1;
    history.at(last).map_or(Ok(()), |committed| has(history, node, last, &committed))
}

fn has(history: &History, node: &Node, offset: Offset, committed: &Committed) -> Verdict {
    let found = node.disk.record(offset);
    let gone = offset < node.disk.start().max(history.deleted_below);
    require(gone || found == Some(committed.record), "committed never lost", || {
        format!("leader {} has {found:?} at {offset}, where {committed:?} is committed", node.id)
    })
}
