//! OffsetDelete.

use crate::definition::{Text, messages};

messages! {
    api OffsetDelete = 47, versions 0, flexible none, listeners broker;

    request OffsetDeleteRequest {
        group_id: Text [0+],
        topics: Vec<OffsetDeleteRequestTopic> [0+],
    }

    struct OffsetDeleteRequestTopic {
        name: Text [0+],
        partitions: Vec<OffsetDeleteRequestPartition> [0+],
    }

    struct OffsetDeleteRequestPartition {
        partition_index: i32 [0+],
    }

    response OffsetDeleteResponse {
        error_code: i16 [0+],
        throttle_time_ms: i32 [0+ ignorable],
        topics: Vec<OffsetDeleteResponseTopic> [0+],
    }

    struct OffsetDeleteResponseTopic {
        name: Text [0+],
        partitions: Vec<OffsetDeleteResponsePartition> [0+],
    }

    struct OffsetDeleteResponsePartition {
        partition_index: i32 [0+],
        error_code: i16 [0+],
    }
}
