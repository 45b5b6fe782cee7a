//! Replicas whose disk has no space. They have all that they had, so they keep their claims, but can take nothing more:
//! those with space go before them, in the ISR and as leaders. Where nobody has space, whoever leads leads on: reads go
//! on, and appends are refused until there is space again.

use crate::machine::{Soft, View};
use crate::replica_index::PartitionKey;
use model::{NodeId, mark};
use std::collections::BTreeSet;

impl Soft {
    /// Whether a broker said that it has no space for a replica.
    pub(crate) fn is_full(&self, broker: NodeId, partition: PartitionKey) -> bool {
        self.full.has(broker, partition)
    }
}

impl View<'_> {
    /// Takes a broker's word for which of its replicas have no space. Those that are in sync are settled at each word, so
    /// that an entry that was refused is made up for.
    pub(crate) fn hear_full(&mut self, broker: NodeId, full: &[PartitionKey]) {
        if full.is_empty() && self.soft.full.of(broker).is_none() {
            return;
        }
        let held = full.iter().copied().filter(|key| self.index.holds(broker, *key));
        let full: BTreeSet<PartitionKey> = held.collect();
        let before = self.soft.full.replace(broker, full.clone());
        for key in before.union(&full) {
            if self.partition(*key).is_some_and(|partition| partition.isr.contains(&broker)) {
                mark!("a replica in sync has no space, or has it again");
                self.draft(*key);
            }
        }
    }
}
