//! Fencing: a broker may not lead, and is in no ISR that has another member. And its end.

use crate::machine::{Reply, View};
use crate::records::Record;
use crate::replica_index::PartitionKey;
use model::metadata_image::{BrokerImage, PartitionImage};
use model::{NodeId, Offset, mark};

impl View<'_> {
    /// A broker is known to have ended in the life of this epoch. Its partitions need not wait for its session.
    pub(crate) fn broker_died(&mut self, id: NodeId, epoch: Offset) -> Reply {
        let Some(broker) = self.hard.broker(id).filter(|broker| broker.epoch == epoch) else {
            return Reply::BrokerDied;
        };
        self.soft.sessions.is_over(broker);
        // Where nobody could take over, the registration of its next life is all that must be written.
        if !broker.fenced && !self.is_alone(id) {
            mark!("a broker is fenced on evidence");
            self.fence(id);
        }
        Reply::BrokerDied
    }

    /// Whether no other broker is registered.
    pub(crate) fn is_alone(&self, id: NodeId) -> bool {
        self.hard.brokers().all(|broker| broker.id == id)
    }

    /// Fences a broker, and settles all that it is in sync with or leads.
    pub(crate) fn fence(&mut self, id: NodeId) {
        let Some(broker) = self.broker(id).filter(|broker| !broker.fenced).cloned() else { return };
        self.write_broker(BrokerImage { fenced: true, ..broker });
        self.settle_all_with(id);
    }

    /// Unfences a broker, and lets it lead what has no leader.
    pub(crate) fn unfence(&mut self, id: NodeId) {
        let Some(broker) = self.broker(id).filter(|broker| broker.fenced).cloned() else { return };
        self.write_broker(BrokerImage { fenced: false, ..broker });
        self.draft_those_of(id, |partition| partition.leader.is_none());
    }

    /// A broker asked for its leadership to be moved before it stops.
    pub(crate) fn begin_controlled_shutdown(&mut self, id: NodeId) {
        let Some(broker) = self.broker(id).cloned() else { return };
        self.write_broker(BrokerImage { in_controlled_shutdown: true, ..broker });
        self.settle_all_with(id);
    }

    /// Settles every partition that a broker leads or is in sync with.
    pub(crate) fn settle_all_with(&mut self, id: NodeId) {
        self.draft_those_of(id, |partition| partition.leader == Some(id) || partition.isr.contains(&id));
    }

    /// How many partitions a broker leads.
    pub(crate) fn leads(&self, id: NodeId) -> usize {
        let led = |key: &PartitionKey| self.partition(*key).is_some_and(|partition| partition.leader == Some(id));
        self.index.of_broker(id).filter(led).count()
    }

    fn draft_those_of(&mut self, id: NodeId, wanted: impl Fn(&PartitionImage) -> bool) {
        let index = self.index;
        for key in index.of_broker(id) {
            if self.partition(key).is_some_and(|partition| wanted(partition)) {
                self.draft(key);
            }
        }
    }

    fn write_broker(&mut self, broker: BrokerImage) {
        self.records.push(Record::BrokerFenced {
            id: broker.id,
            epoch: broker.epoch,
            fenced: broker.fenced,
            in_controlled_shutdown: broker.in_controlled_shutdown,
        });
        self.changed_brokers.insert(broker.id, Some(broker));
    }
}
