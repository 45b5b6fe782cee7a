//! OffsetForLeaderEpoch.

use crate::definition::{Text, messages};

messages! {
    api OffsetForLeaderEpoch = 23, versions 2-4, flexible 4+, listeners broker;

    request OffsetForLeaderEpochRequest {
        replica_id: i32 [3+ ignorable, default -2],
        topics: Vec<OffsetForLeaderTopic> [0+],
    }

    struct OffsetForLeaderTopic {
        topic: Text [0+],
        partitions: Vec<OffsetForLeaderPartition> [0+],
    }

    struct OffsetForLeaderPartition {
        partition: i32 [0+],
        current_leader_epoch: i32 [2+ ignorable, default -1],
        leader_epoch: i32 [0+],
    }

    response OffsetForLeaderEpochResponse {
        throttle_time_ms: i32 [2+ ignorable],
        topics: Vec<OffsetForLeaderTopicResult> [0+],
    }

    struct OffsetForLeaderTopicResult {
        topic: Text [0+],
        partitions: Vec<EpochEndOffset> [0+],
    }

    struct EpochEndOffset {
        error_code: i16 [0+],
        partition: i32 [0+],
        leader_epoch: i32 [1+ ignorable, default -1],
        end_offset: i64 [0+, default -1],
    }
}
