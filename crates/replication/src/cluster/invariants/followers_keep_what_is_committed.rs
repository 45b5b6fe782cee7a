//! Without unclean elections no follower is ever to cut what it holds for committed.

use super::{Verdict, require};
use crate::cluster::node::Node;

pub(super) fn check(node: &Node) -> Verdict {
    require(!node.cut_committed, "followers keep what is committed", || {
        format!("node {} is to cut below its high watermark {}: {:?}", node.id, node.high_watermark, node.role)
    })
}
