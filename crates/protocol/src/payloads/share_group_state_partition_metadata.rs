//! `ShareGroupStatePartitionMetadata`.

use crate::definition::{Text, Uuid, messages};

messages! {
    message ShareGroupStatePartitionMetadataKey, versions 0, flexible none {
        group_id: Text [0-0],
    }

    message ShareGroupStatePartitionMetadataValue, versions 0, flexible 0+ {
        initializing_topics: Vec<TopicPartitionsInfo> [0+],
        initialized_topics: Vec<TopicPartitionsInfo> [0+],
        deleting_topics: Vec<TopicInfo> [0+],
    }

    struct TopicPartitionsInfo {
        topic_id: Uuid [0+],
        topic_name: Text [0+],
        partitions: Vec<i32> [0+],
    }

    struct TopicInfo {
        topic_id: Uuid [0+],
        topic_name: Text [0+],
    }
}
