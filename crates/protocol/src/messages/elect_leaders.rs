//! ElectLeaders.

use crate::definition::{Text, messages};

messages! {
    api ElectLeaders = 43, versions 0-2, flexible 2+, listeners broker controller;

    request ElectLeadersRequest {
        election_type: i8 [1+],
        topic_partitions: Option<Vec<TopicPartitions>> [0+, null 0+],
        timeout_ms: i32 [0+, default 60_000],
    }

    struct TopicPartitions {
        topic: Text [0+],
        partitions: Vec<i32> [0+],
    }

    response ElectLeadersResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [1+],
        replica_election_results: Vec<ReplicaElectionResult> [0+],
    }

    struct ReplicaElectionResult {
        topic: Text [0+],
        partition_result: Vec<PartitionResult> [0+],
    }

    struct PartitionResult {
        partition_id: i32 [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+],
    }
}
