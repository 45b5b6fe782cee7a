//! InitializeShareGroupState.

use crate::definition::{Text, Uuid, messages};

messages! {
    api InitializeShareGroupState = 83, versions 0, flexible 0+, listeners broker;

    request InitializeShareGroupStateRequest {
        group_id: Text [0+],
        topics: Vec<InitializeStateData> [0+],
    }

    struct InitializeStateData {
        topic_id: Uuid [0+],
        partitions: Vec<PartitionData> [0+],
    }

    struct PartitionData {
        partition: i32 [0+],
        state_epoch: i32 [0+],
        start_offset: i64 [0+],
    }

    response InitializeShareGroupStateResponse {
        results: Vec<InitializeStateResult> [0+],
    }

    struct InitializeStateResult {
        topic_id: Uuid [0+],
        partitions: Vec<PartitionResult> [0+],
    }

    struct PartitionResult {
        partition: i32 [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+, default None],
    }
}
