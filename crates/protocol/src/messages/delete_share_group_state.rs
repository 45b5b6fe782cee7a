//! DeleteShareGroupState.

use crate::definition::{Text, Uuid, messages};

messages! {
    api DeleteShareGroupState = 86, versions 0, flexible 0+, listeners broker;

    request DeleteShareGroupStateRequest {
        group_id: Text [0+],
        topics: Vec<DeleteStateData> [0+],
    }

    struct DeleteStateData {
        topic_id: Uuid [0+],
        partitions: Vec<PartitionData> [0+],
    }

    struct PartitionData {
        partition: i32 [0+],
    }

    response DeleteShareGroupStateResponse {
        results: Vec<DeleteStateResult> [0+],
    }

    struct DeleteStateResult {
        topic_id: Uuid [0+],
        partitions: Vec<PartitionResult> [0+],
    }

    struct PartitionResult {
        partition: i32 [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+, default None],
    }
}
