//! ListPartitionReassignments.

use crate::definition::{Text, messages};

messages! {
    api ListPartitionReassignments = 46, versions 0, flexible 0+, listeners broker controller;

    request ListPartitionReassignmentsRequest {
        timeout_ms: i32 [0+, default 60_000],
        topics: Option<Vec<ListPartitionReassignmentsTopics>> [0+, null 0+, default None],
    }

    struct ListPartitionReassignmentsTopics {
        name: Text [0+],
        partition_indexes: Vec<i32> [0+],
    }

    response ListPartitionReassignmentsResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+],
        topics: Vec<OngoingTopicReassignment> [0+],
    }

    struct OngoingTopicReassignment {
        name: Text [0+],
        partitions: Vec<OngoingPartitionReassignment> [0+],
    }

    struct OngoingPartitionReassignment {
        partition_index: i32 [0+],
        replicas: Vec<i32> [0+],
        adding_replicas: Vec<i32> [0+],
        removing_replicas: Vec<i32> [0+],
    }
}
