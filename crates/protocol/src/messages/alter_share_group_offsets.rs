//! AlterShareGroupOffsets.

use crate::definition::{Text, Uuid, messages};

messages! {
    api AlterShareGroupOffsets = 91, versions 0, flexible 0+, listeners broker;

    request AlterShareGroupOffsetsRequest {
        group_id: Text [0+],
        topics: Vec<AlterShareGroupOffsetsRequestTopic> [0+],
    }

    struct AlterShareGroupOffsetsRequestTopic {
        topic_name: Text [0+],
        partitions: Vec<AlterShareGroupOffsetsRequestPartition> [0+],
    }

    struct AlterShareGroupOffsetsRequestPartition {
        partition_index: i32 [0+],
        start_offset: i64 [0+],
    }

    response AlterShareGroupOffsetsResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+, default None],
        responses: Vec<AlterShareGroupOffsetsResponseTopic> [0+],
    }

    struct AlterShareGroupOffsetsResponseTopic {
        topic_name: Text [0+],
        topic_id: Uuid [0+],
        partitions: Vec<AlterShareGroupOffsetsResponsePartition> [0+],
    }

    struct AlterShareGroupOffsetsResponsePartition {
        partition_index: i32 [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+, default None],
    }
}
