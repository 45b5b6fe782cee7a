//! Which partitions a broker holds, so that its death costs as much as it holds and not as much as there is. It follows
//! from the image and is kept beside it.

use crate::records::{Partition, Record};
use model::metadata_image::MetadataImage;
use model::{NodeId, PartitionId, Uuid};
use std::collections::{BTreeMap, BTreeSet};

/// One partition, by the id of its topic.
pub(crate) type PartitionKey = (Uuid, PartitionId);

/// The partitions of each broker that is among their replicas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReplicaIndex {
    by_broker: BTreeMap<NodeId, BTreeSet<PartitionKey>>,
}

impl ReplicaIndex {
    /// What the image says.
    pub fn of(image: &MetadataImage) -> ReplicaIndex {
        let mut index = ReplicaIndex::default();
        for topic in image.topics() {
            for (number, partition) in topic.numbered_partitions() {
                index.add(&partition.replicas, (topic.id, number));
            }
        }
        index
    }

    /// The partitions that a broker holds, by topic.
    pub fn of_broker(&self, broker: NodeId) -> impl Iterator<Item = PartitionKey> + '_ {
        self.by_broker.get(&broker).into_iter().flatten().copied()
    }

    /// Whether a broker is among the replicas of a partition.
    pub fn holds(&self, broker: NodeId, partition: PartitionKey) -> bool {
        self.by_broker.get(&broker).is_some_and(|held| held.contains(&partition))
    }

    /// Follows a record that `image` is about to fold.
    pub fn follow(&mut self, image: &MetadataImage, record: &Record) {
        match record {
            Record::Partition(partition) => self.follow_partition(image, partition),
            Record::TopicDeleted { topic_id } => self.forget_topic(image, Uuid(*topic_id)),
            Record::TopicCreated { name, .. } => {
                if let Some(replaced) = image.topic(name) {
                    self.forget_topic(image, replaced.id);
                }
            }
            _ => {}
        }
    }

    fn follow_partition(&mut self, image: &MetadataImage, record: &Partition) {
        let id = Uuid(record.topic_id);
        let Some(topic) = image.topic_by_id(id) else { return };
        let key = (id, record.partition);
        match topic.partition(record.partition) {
            Some(known) if known.replicas == record.replicas => {}
            Some(known) => {
                self.remove(&known.replicas, key);
                self.add(&record.replicas, key);
            }
            None if usize::try_from(record.partition) == Ok(topic.partitions.len()) => self.add(&record.replicas, key),
            None => {} // the image takes no partition that leaves a gap
        }
    }

    fn forget_topic(&mut self, image: &MetadataImage, id: Uuid) {
        let Some(topic) = image.topic_by_id(id) else { return };
        for (number, partition) in topic.numbered_partitions() {
            self.remove(&partition.replicas, (id, number));
        }
    }

    fn add(&mut self, replicas: &[NodeId], key: PartitionKey) {
        for replica in replicas {
            self.by_broker.entry(*replica).or_default().insert(key);
        }
    }

    fn remove(&mut self, replicas: &[NodeId], key: PartitionKey) {
        for replica in replicas {
            if let Some(held) = self.by_broker.get_mut(replica) {
                held.remove(&key);
                if held.is_empty() {
                    self.by_broker.remove(replica);
                }
            }
        }
    }
}
