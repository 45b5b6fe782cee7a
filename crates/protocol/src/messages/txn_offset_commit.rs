//! TxnOffsetCommit.

use crate::definition::{Text, messages};

messages! {
    api TxnOffsetCommit = 28, versions 0-5, flexible 3+, listeners broker;

    request TxnOffsetCommitRequest {
        transactional_id: Text [0+],
        group_id: Text [0+],
        producer_id: i64 [0+],
        producer_epoch: i16 [0+],
        generation_id: i32 [3+, default -1],
        member_id: Text [3+],
        group_instance_id: Option<Text> [3+, null 3+, default None],
        topics: Vec<TxnOffsetCommitRequestTopic> [0+],
    }

    struct TxnOffsetCommitRequestTopic {
        name: Text [0+],
        partitions: Vec<TxnOffsetCommitRequestPartition> [0+],
    }

    struct TxnOffsetCommitRequestPartition {
        partition_index: i32 [0+],
        committed_offset: i64 [0+],
        committed_leader_epoch: i32 [2+ ignorable, default -1],
        committed_metadata: Option<Text> [0+, null 0+],
    }

    response TxnOffsetCommitResponse {
        throttle_time_ms: i32 [0+],
        topics: Vec<TxnOffsetCommitResponseTopic> [0+],
    }

    struct TxnOffsetCommitResponseTopic {
        name: Text [0+],
        partitions: Vec<TxnOffsetCommitResponsePartition> [0+],
    }

    struct TxnOffsetCommitResponsePartition {
        partition_index: i32 [0+],
        error_code: i16 [0+],
    }
}
