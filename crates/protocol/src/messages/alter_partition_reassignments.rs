//! AlterPartitionReassignments.

use crate::definition::{Text, messages};

messages! {
    api AlterPartitionReassignments = 45, versions 0-1, flexible 0+, listeners broker controller;

    request AlterPartitionReassignmentsRequest {
        timeout_ms: i32 [0+, default 60_000],
        allow_replication_factor_change: bool [1+, default true],
        topics: Vec<ReassignableTopic> [0+],
    }

    struct ReassignableTopic {
        name: Text [0+],
        partitions: Vec<ReassignablePartition> [0+],
    }

    struct ReassignablePartition {
        partition_index: i32 [0+],
        replicas: Option<Vec<i32>> [0+, null 0+, default None],
    }

    response AlterPartitionReassignmentsResponse {
        throttle_time_ms: i32 [0+],
        allow_replication_factor_change: bool [1+ ignorable, default true],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+],
        responses: Vec<ReassignableTopicResponse> [0+],
    }

    struct ReassignableTopicResponse {
        name: Text [0+],
        partitions: Vec<ReassignablePartitionResponse> [0+],
    }

    struct ReassignablePartitionResponse {
        partition_index: i32 [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+],
    }
}
