//! What clients were told is deleted is deleted wherever the controller may find the next leader.

use super::{History, Verdict, require};
use crate::cluster::controller::Image;
use crate::cluster::node::Node;

pub(super) fn check(history: &History, nodes: &[Node], image: &Image) -> Verdict {
    let mut members = nodes.iter().filter(|node| image.partition.isr.contains(&node.id));
    members.try_for_each(|node| {
        require(node.disk.start() >= history.told_deleted_below, "deleted stays deleted", || {
            let (start, below) = (node.disk.start(), history.told_deleted_below);
            format!("{} is in the isr and starts at {start}, and all below {below} was deleted", node.id)
        })
    })
}
