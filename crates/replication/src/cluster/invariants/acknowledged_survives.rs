//! What a producer with acks=all was told is there, where it was told.

use super::{History, Verdict, require};
use crate::cluster::controller::Image;
use crate::cluster::node::Node;

pub(super) fn check(history: &History, nodes: &[Node], image: &Image) -> Verdict {
    let Some(leader) = nodes.iter().find(|node| Some(node.id) == image.partition.leader) else { return Ok(()) };
    let kept = history.acknowledged.iter().filter(|waiting| waiting.offset >= leader.disk.start());
    for waiting in kept {
        let found = leader.disk.record(waiting.offset);
        require(found.is_some_and(|record| record.value == waiting.value), "acknowledged survives", || {
            format!("value {} was acknowledged at {}, where {found:?} is", waiting.value, waiting.offset)
        })?;
    }
    Ok(())
}
