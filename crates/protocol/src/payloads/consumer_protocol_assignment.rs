//! `ConsumerProtocolAssignment`.

use crate::definition::{Bytes, Text, messages};

messages! {
    message ConsumerProtocolAssignment, versions 0-3, flexible none {
        assigned_partitions: Vec<TopicPartition> [0+],
        user_data: Option<Bytes> [0+, null 0+, default None],
    }

    struct TopicPartition {
        topic: Text [0+],
        partitions: Vec<i32> [0+],
    }
}
