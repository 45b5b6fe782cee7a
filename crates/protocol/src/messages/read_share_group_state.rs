//! ReadShareGroupState.

use crate::definition::{Text, Uuid, messages};

messages! {
    api ReadShareGroupState = 84, versions 0, flexible 0+, listeners broker;

    request ReadShareGroupStateRequest {
        group_id: Text [0+],
        topics: Vec<ReadStateData> [0+],
    }

    struct ReadStateData {
        topic_id: Uuid [0+],
        partitions: Vec<PartitionData> [0+],
    }

    struct PartitionData {
        partition: i32 [0+],
        leader_epoch: i32 [0+],
    }

    response ReadShareGroupStateResponse {
        results: Vec<ReadStateResult> [0+],
    }

    struct ReadStateResult {
        topic_id: Uuid [0+],
        partitions: Vec<PartitionResult> [0+],
    }

    struct PartitionResult {
        partition: i32 [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+, default None],
        state_epoch: i32 [0+],
        start_offset: i64 [0+],
        state_batches: Vec<StateBatch> [0+],
    }

    struct StateBatch {
        first_offset: i64 [0+],
        last_offset: i64 [0+],
        delivery_state: i8 [0+],
        delivery_count: i16 [0+],
    }
}
