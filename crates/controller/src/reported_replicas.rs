//! What brokers say of their replicas, told anew with each heartbeat: soft state, that a later word takes the place of.

use crate::replica_index::PartitionKey;
use model::NodeId;
use std::collections::{BTreeMap, BTreeSet};

/// The replicas that something was said of, by broker.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReportedReplicas {
    by_broker: BTreeMap<NodeId, BTreeSet<PartitionKey>>,
}

impl ReportedReplicas {
    /// Those of a broker; none where it named none.
    pub fn of(&self, broker: NodeId) -> Option<&BTreeSet<PartitionKey>> {
        self.by_broker.get(&broker)
    }

    /// Whether a broker named this replica.
    pub fn has(&self, broker: NodeId, partition: PartitionKey) -> bool {
        self.of(broker).is_some_and(|named| named.contains(&partition))
    }

    /// Takes a broker's newer word, and gives the one before.
    pub fn replace(&mut self, broker: NodeId, named: BTreeSet<PartitionKey>) -> BTreeSet<PartitionKey> {
        let before = self.by_broker.remove(&broker).unwrap_or_default();
        if !named.is_empty() {
            self.by_broker.insert(broker, named);
        }
        before
    }
}
