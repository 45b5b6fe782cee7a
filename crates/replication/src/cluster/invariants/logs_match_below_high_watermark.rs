//! Below what a node holds for committed its log is what was committed.

use super::{History, Verdict, require};
use crate::cluster::node::Node;
use model::Offset;

pub(super) fn check(history: &History, node: &Node, from: Offset) -> Verdict {
    for offset in node.disk.start().max(from)..node.high_watermark {
        let (own, committed) = (node.disk.record(offset), history.at(offset).map(|committed| committed.record));
        require(own == committed && own.is_some(), "logs match below the high watermark", || {
            format!("node {} has {own:?} at {offset}, committed is {committed:?}", node.id)
        })?;
    }
    Ok(())
}
