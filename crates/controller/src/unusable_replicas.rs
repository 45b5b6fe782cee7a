//! Replicas that failed closed: their brokers found them corrupt and serve nothing from them. The list is soft state,
//! told anew with each heartbeat; that such a replica has no claim to lead is written down.

use crate::machine::View;
use crate::partition_draft::Loss;
use crate::replica_index::PartitionKey;
use model::{NodeId, mark};
use std::collections::BTreeSet;

impl crate::machine::Soft {
    /// Whether a broker said that it cannot use a replica.
    pub(crate) fn is_unusable(&self, broker: NodeId, partition: PartitionKey) -> bool {
        self.unusable.has(broker, partition)
    }
}

impl View<'_> {
    /// Takes a broker's word for which of its replicas it cannot use. They lose what claim they have; those that are
    /// usable again may lead again if nobody does and they are the last that did, and catch up if somebody does.
    pub(crate) fn hear_unusable(&mut self, broker: NodeId, unusable: &[PartitionKey]) {
        if unusable.is_empty() && self.soft.unusable.of(broker).is_none() {
            return;
        }
        let held = unusable.iter().copied().filter(|key| self.index.holds(broker, *key));
        let unusable: BTreeSet<PartitionKey> = held.collect();
        for key in &unusable {
            if self.partition(*key).is_some_and(|partition| {
                partition.isr.contains(&broker) || partition.eligible_leaders.contains(&broker)
            }) {
                mark!("an unusable replica loses its claim");
                self.draft(*key).lose(broker, Loss::Unusable);
            }
        }
        let before = self.soft.unusable.replace(broker, unusable.clone());
        for key in before.difference(&unusable) {
            if self.partition(*key).is_some_and(|partition| partition.leader.is_none()) {
                self.draft(*key);
            }
        }
    }
}
