//! CreatePartitions.

use crate::definition::{Text, messages};

messages! {
    api CreatePartitions = 37, versions 0-3, flexible 2+, listeners broker controller;

    request CreatePartitionsRequest {
        topics: Vec<CreatePartitionsTopic> [0+],
        timeout_ms: i32 [0+],
        validate_only: bool [0+],
    }

    struct CreatePartitionsTopic {
        name: Text [0+],
        count: i32 [0+],
        assignments: Option<Vec<CreatePartitionsAssignment>> [0+, null 0+],
    }

    struct CreatePartitionsAssignment {
        broker_ids: Vec<i32> [0+],
    }

    response CreatePartitionsResponse {
        throttle_time_ms: i32 [0+],
        results: Vec<CreatePartitionsTopicResult> [0+],
    }

    struct CreatePartitionsTopicResult {
        name: Text [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+, default None],
    }
}
