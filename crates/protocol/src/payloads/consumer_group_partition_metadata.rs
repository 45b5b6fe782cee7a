//! `ConsumerGroupPartitionMetadata`.

use crate::definition::{Text, Uuid, messages};

messages! {
    message ConsumerGroupPartitionMetadataKey, versions 0, flexible none {
        group_id: Text [0-0],
    }

    message ConsumerGroupPartitionMetadataValue, versions 0, flexible 0+ {
        topics: Vec<TopicMetadata> [0+],
    }

    struct TopicMetadata {
        topic_id: Uuid [0+],
        topic_name: Text [0+],
        num_partitions: i32 [0+],
        partition_metadata: Vec<PartitionMetadata> [0+],
    }

    struct PartitionMetadata {
        partition: i32 [0+],
        racks: Vec<Text> [0+],
    }
}
