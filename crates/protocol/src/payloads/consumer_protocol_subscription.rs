//! `ConsumerProtocolSubscription`.

use crate::definition::{Bytes, Text, messages};

messages! {
    message ConsumerProtocolSubscription, versions 0-3, flexible none {
        topics: Vec<Text> [0+],
        user_data: Option<Bytes> [0+, null 0+, default None],
        owned_partitions: Vec<TopicPartition> [1+ ignorable],
        generation_id: i32 [2+ ignorable, default -1],
        rack_id: Option<Text> [3+ ignorable, null 3+, default None],
    }

    struct TopicPartition {
        topic: Text [1+],
        partitions: Vec<i32> [1+],
    }
}
