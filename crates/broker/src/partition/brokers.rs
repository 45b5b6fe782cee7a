//! The brokers that may be in sync, by the newest metadata that a partition has heard of.

use model::metadata_image::MetadataImage;
use model::{NodeId, Offset, mark, planted};
use std::collections::BTreeMap;

/// See the module. All partitions are told at once of brokers that changed; what changes of one partition waits its turn,
/// and comes with the brokers of then.
#[derive(Debug, Default)]
pub(super) struct Brokers {
    up_to: Offset,
    may_be_in_sync: BTreeMap<NodeId, Offset>,
}

impl Brokers {
    /// Takes the brokers from `cluster`, unless newer ones are known.
    pub fn learn(&mut self, cluster: &MetadataImage) {
        if cluster.end_offset() < self.up_to {
            mark!("news of a partition come behind those of brokers");
            if !planted!("late news bring back the brokers of then") {
                return;
            }
        }
        self.up_to = cluster.end_offset();
        let may = cluster.brokers().filter(|broker| !broker.fenced && !broker.in_controlled_shutdown);
        self.may_be_in_sync = may.map(|broker| (broker.id, broker.epoch)).collect();
    }

    /// The broker epoch of each that may be in sync (KIP-841).
    pub fn epoch_of(&self, id: NodeId) -> Option<Offset> {
        self.may_be_in_sync.get(&id).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Uuid;
    use model::metadata_image::BrokerImage;

    fn image(end_offset: Offset, fenced: bool) -> MetadataImage {
        let mut image = MetadataImage::default();
        image.put_broker(BrokerImage {
            id: 5,
            epoch: 138,
            incarnation: Uuid::ZERO,
            endpoints: Vec::new(),
            rack: None,
            directories: Vec::new(),
            fenced,
            in_controlled_shutdown: false,
        });
        image.set_end_offset(end_offset);
        image
    }

    /// A partition that was busy heard of its replica's fencing after all had been told that it was over. Its leader took
    /// the replica for fenced from then on, and never asked for it to be in sync again.
    #[test]
    fn a_broker_that_is_let_in_stays_so_whatever_comes_late() {
        let mut brokers = Brokers::default();
        brokers.learn(&image(140, true));
        assert_eq!(brokers.epoch_of(5), None);
        brokers.learn(&image(142, false));
        brokers.learn(&image(141, true));
        assert_eq!(brokers.epoch_of(5), Some(138));
        brokers.learn(&image(143, true));
        assert_eq!(brokers.epoch_of(5), None);
    }
}
