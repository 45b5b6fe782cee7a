//! Who leads when a broker goes or comes. A fenced broker is in no ISR but one that it is the last member of.

use crate::machine::View;
use crate::records::Record;
use crate::snapshot::partition_record;
use model::metadata_image::PartitionImage;
use model::{NodeId, PartitionId, Uuid};

impl View<'_> {
    /// Takes a broker that becomes fenced out of every ISR that has other members, and gives what it led to one of
    /// them. Where it is the last member nobody else may lead: there it stays the leader, or `resign`s.
    pub(crate) fn hand_over(&mut self, broker: NodeId, resign: bool) {
        for topic in self.hard.topics() {
            for (number, partition) in topic.numbered_partitions() {
                if let Some(after) = self.without(broker, partition, resign) {
                    self.push_partition(topic.id, number, &after);
                }
            }
        }
    }

    fn without(&self, broker: NodeId, partition: &PartitionImage, resign: bool) -> Option<PartitionImage> {
        let mut after = partition.clone();
        if !partition.isr.contains(&broker) {
            return None;
        }
        if partition.isr.len() > 1 {
            after.isr.retain(|member| *member != broker);
        }
        if partition.leader == Some(broker) {
            let heir =
                partition.replicas.iter().copied().find(|replica| {
                    *replica != broker && after.isr.contains(replica) && self.hard.is_unfenced(*replica)
                });
            after.leader = heir.or((!resign).then_some(broker));
            after.leader_epoch += 1;
        }
        (after.isr != partition.isr || after.leader != partition.leader).then(|| {
            after.partition_epoch += 1;
            after
        })
    }

    /// Makes a broker the leader of what has no leader and has it in sync.
    pub(crate) fn lead_what_has_no_leader(&mut self, broker: NodeId) {
        for topic in self.hard.topics() {
            for (number, partition) in topic.numbered_partitions() {
                if partition.leader.is_none() && partition.isr.contains(&broker) {
                    let led = PartitionImage {
                        leader: Some(broker),
                        leader_epoch: partition.leader_epoch + 1,
                        partition_epoch: partition.partition_epoch + 1,
                        ..PartitionImage::clone(partition)
                    };
                    self.push_partition(topic.id, number, &led);
                }
            }
        }
    }

    fn push_partition(&mut self, topic: Uuid, number: PartitionId, partition: &PartitionImage) {
        self.records.push(Record::Partition(partition_record(topic, number, partition)));
    }
}
