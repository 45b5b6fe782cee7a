//! Every member of the controller's ISR has everything that is committed, where a power failure leaves it.

use super::{History, Verdict, require};
use crate::cluster::controller::Image;
use crate::cluster::node::Node;

pub(super) fn check(history: &History, nodes: &[Node], image: &Image) -> Verdict {
    for node in nodes.iter().filter(|node| image.partition.isr.contains(&node.id)) {
        let disk = &node.disk;
        let from = disk.start().max(history.deleted_below);
        for offset in from..history.end() {
            let (own, committed) = (disk.record(offset), history.at(offset).map(|committed| committed.record));
            require(own == committed && offset < disk.lasting_end(), "isr has all committed", || {
                format!("{} is in the isr and has {own:?} at {offset} for {committed:?}", node.id)
            })?;
        }
    }
    Ok(())
}
