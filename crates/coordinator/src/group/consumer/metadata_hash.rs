//! One number for all that the metadata says of a group's topics, to see when it says something else.

use super::state::ConsumerGroup;
use model::map::Fnv;
use model::metadata_image::{MetadataImage, TopicImage};
use std::hash::Hasher;

/// The hash of the topics that a group subscribes to: their ids, how many partitions they have, and the racks of those.
/// Zero when none of them is there. It stands in the group's record, so it must stay as it is; of a record that a Kafka
/// wrote it differs, which costs that group one rebalance.
pub fn metadata_hash(group: &ConsumerGroup, image: &MetadataImage) -> i64 {
    let topics = group.subscribed_topics().into_iter().filter_map(|name| image.topic(name));
    let mut hasher = Fnv::default();
    let mut any = false;
    for topic in topics {
        any = true;
        hasher.write(&topic.id.0);
        hasher.write_u64(topic.partitions.len() as u64);
        for partition in 0..topic.partitions.len() {
            for rack in racks(topic, partition, image) {
                hasher.write(rack.as_bytes());
                hasher.write(&[0xff]);
            }
            hasher.write_u64(partition as u64);
        }
    }
    match hasher.finish() as i64 {
        _ if !any => 0,
        0 => 1,
        hash => hash,
    }
}

/// The racks that a partition has replicas in, in order, each once.
pub fn racks(topic: &TopicImage, partition: usize, image: &MetadataImage) -> Vec<std::sync::Arc<str>> {
    let brokers = topic.partitions[partition].replicas.iter().filter_map(|replica| image.broker(*replica));
    let mut racks: Vec<_> = brokers.filter_map(|broker| broker.rack.clone()).collect();
    racks.sort_unstable();
    racks.dedup();
    racks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::consumer::member::Profile;
    use model::Uuid;
    use model::metadata_image::PartitionImage;
    use std::sync::Arc;

    fn hash(partitions: usize) -> i64 {
        let mut image = MetadataImage::default();
        let partitions = (0..partitions).map(|_| Arc::new(PartitionImage::default())).collect();
        image.put_topic(TopicImage { name: "t".into(), id: Uuid([7; 16]), partitions, configs: Arc::default() });
        let mut group = ConsumerGroup::default();
        group.set_profile(&"m".into(), Profile { topics: Arc::new(["t".into(), "u".into()]), ..Profile::default() });
        metadata_hash(&group, &image)
    }

    #[test]
    fn the_hash_is_what_stands_in_records_already() {
        assert_eq!([hash(1), hash(3)], [8_710_699_103_806_935_088, -8_598_091_659_458_321_351]);
    }

    #[test]
    fn no_two_sizes_of_a_topic_are_taken_for_each_other() {
        let hashes: std::collections::BTreeSet<i64> = (0..1000).map(hash).collect();
        assert_eq!(hashes.len(), 1000);
        assert_eq!(metadata_hash(&ConsumerGroup::default(), &MetadataImage::default()), 0);
    }
}
