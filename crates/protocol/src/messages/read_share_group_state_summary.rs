//! ReadShareGroupStateSummary.

use crate::definition::{Text, Uuid, messages};

messages! {
    api ReadShareGroupStateSummary = 87, versions 0-1, flexible 0+, listeners broker;

    request ReadShareGroupStateSummaryRequest {
        group_id: Text [0+],
        topics: Vec<ReadStateSummaryData> [0+],
    }

    struct ReadStateSummaryData {
        topic_id: Uuid [0+],
        partitions: Vec<PartitionData> [0+],
    }

    struct PartitionData {
        partition: i32 [0+],
        leader_epoch: i32 [0+],
    }

    response ReadShareGroupStateSummaryResponse {
        results: Vec<ReadStateSummaryResult> [0+],
    }

    struct ReadStateSummaryResult {
        topic_id: Uuid [0+],
        partitions: Vec<PartitionResult> [0+],
    }

    struct PartitionResult {
        partition: i32 [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+, default None],
        state_epoch: i32 [0+],
        leader_epoch: i32 [0+],
        start_offset: i64 [0+],
        delivery_complete_count: i32 [1+ ignorable, default -1],
    }
}
