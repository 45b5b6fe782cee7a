//! OffsetCommit.

use crate::definition::{Text, Uuid, messages};

messages! {
    api OffsetCommit = 8, versions 2-10, flexible 8+, listeners broker;

    request OffsetCommitRequest {
        group_id: Text [0+],
        generation_id_or_member_epoch: i32 [1+ ignorable, default -1],
        member_id: Text [1+ ignorable],
        group_instance_id: Option<Text> [7+, null 7+, default None],
        retention_time_ms: i64 [2-4 ignorable, default -1],
        topics: Vec<OffsetCommitRequestTopic> [0+],
    }

    struct OffsetCommitRequestTopic {
        name: Text [0-9 ignorable],
        topic_id: Uuid [10+ ignorable],
        partitions: Vec<OffsetCommitRequestPartition> [0+],
    }

    struct OffsetCommitRequestPartition {
        partition_index: i32 [0+],
        committed_offset: i64 [0+],
        committed_leader_epoch: i32 [6+ ignorable, default -1],
        committed_metadata: Option<Text> [0+, null 0+],
    }

    response OffsetCommitResponse {
        throttle_time_ms: i32 [3+ ignorable],
        topics: Vec<OffsetCommitResponseTopic> [0+],
    }

    struct OffsetCommitResponseTopic {
        name: Text [0-9 ignorable],
        topic_id: Uuid [10+ ignorable],
        partitions: Vec<OffsetCommitResponsePartition> [0+],
    }

    struct OffsetCommitResponsePartition {
        partition_index: i32 [0+],
        error_code: i16 [0+],
    }
}
