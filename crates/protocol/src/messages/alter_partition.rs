//! AlterPartition.

use crate::definition::{Uuid, messages};

messages! {
    api AlterPartition = 56, versions 2-3, flexible 0+, listeners controller;

    request AlterPartitionRequest {
        broker_id: i32 [0+],
        broker_epoch: i64 [0+, default -1],
        topics: Vec<TopicData> [0+],
    }

    struct TopicData {
        topic_id: Uuid [2+ ignorable],
        partitions: Vec<PartitionData> [0+],
    }

    struct PartitionData {
        partition_index: i32 [0+],
        leader_epoch: i32 [0+],
        new_isr: Vec<i32> [0-2],
        new_isr_with_epochs: Vec<BrokerState> [3+],
        leader_recovery_state: i8 [1+],
        partition_epoch: i32 [0+],
    }

    struct BrokerState {
        broker_id: i32 [3+],
        broker_epoch: i64 [3+, default -1],
    }

    response AlterPartitionResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
        topics: Vec<AlterPartitionResponseTopicData> [0+],
    }

    struct AlterPartitionResponseTopicData {
        topic_id: Uuid [2+ ignorable],
        partitions: Vec<AlterPartitionResponsePartitionData> [0+],
    }

    struct AlterPartitionResponsePartitionData {
        partition_index: i32 [0+],
        error_code: i16 [0+],
        leader_id: i32 [0+],
        leader_epoch: i32 [0+],
        isr: Vec<i32> [0+],
        leader_recovery_state: i8 [1+ ignorable],
        partition_epoch: i32 [0+],
    }
}
