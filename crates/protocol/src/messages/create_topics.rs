//! CreateTopics.

use crate::definition::{Text, Uuid, messages};

messages! {
    api CreateTopics = 19, versions 2-7, flexible 5+, listeners broker controller;

    request CreateTopicsRequest {
        topics: Vec<CreatableTopic> [0+],
        timeout_ms: i32 [0+, default 60_000],
        validate_only: bool [1+],
    }

    struct CreatableTopic {
        name: Text [0+],
        num_partitions: i32 [0+],
        replication_factor: i16 [0+],
        assignments: Vec<CreatableReplicaAssignment> [0+],
        configs: Vec<CreatableTopicConfig> [0+],
    }

    struct CreatableReplicaAssignment {
        partition_index: i32 [0+],
        broker_ids: Vec<i32> [0+],
    }

    struct CreatableTopicConfig {
        name: Text [0+],
        value: Option<Text> [0+, null 0+],
    }

    response CreateTopicsResponse {
        throttle_time_ms: i32 [2+ ignorable],
        topics: Vec<CreatableTopicResult> [0+],
    }

    struct CreatableTopicResult {
        name: Text [0+],
        topic_id: Uuid [7+ ignorable],
        error_code: i16 [0+],
        error_message: Option<Text> [1+ ignorable, null 0+],
        topic_config_error_code: i16 [5+ ignorable, tag 0],
        num_partitions: i32 [5+ ignorable, default -1],
        replication_factor: i16 [5+ ignorable, default -1],
        configs: Option<Vec<CreatableTopicConfigs>> [5+ ignorable, null 5+],
    }

    struct CreatableTopicConfigs {
        name: Text [5+],
        value: Option<Text> [5+, null 5+],
        read_only: bool [5+],
        config_source: i8 [5+ ignorable, default -1],
        is_sensitive: bool [5+],
    }
}
