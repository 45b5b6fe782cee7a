//! What becomes committed is on as many disks as `min.insync.replicas` promises.

use super::{History, Verdict, require};
use crate::cluster::node::Node;
use model::{NodeId, Offset};
use std::collections::BTreeSet;

/// `before` is where what was committed ended. Who has lost its log on purpose may have been one of the copies.
pub(super) fn check(
    before: Offset,
    history: &History,
    nodes: &[Node],
    emptied: &BTreeSet<NodeId>,
    least: usize,
) -> Verdict {
    let last = history.end() - 1;
    let Some(committed) = history.at(last).filter(|_| last >= before) else { return Ok(()) };
    let holds = |node: &&Node| {
        let there = node.disk.record(last) == Some(committed.record) && last < node.disk.lasting_end();
        there || node.disk.start() > last || emptied.contains(&node.id)
    };
    let copies = nodes.iter().filter(holds).count();
    require(copies >= least, "committed is on enough replicas", || {
        format!("{last} is committed with {copies} copies of {least}: {committed:?}")
    })
}
