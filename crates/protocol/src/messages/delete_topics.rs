//! DeleteTopics.

use crate::definition::{Text, Uuid, messages};

messages! {
    api DeleteTopics = 20, versions 1-6, flexible 4+, listeners broker controller;

    request DeleteTopicsRequest {
        topics: Vec<DeleteTopicState> [6+],
        topic_names: Vec<Text> [0-5 ignorable],
        timeout_ms: i32 [0+],
    }

    struct DeleteTopicState {
        name: Option<Text> [6+, null 6+, default None],
        topic_id: Uuid [6+],
    }

    response DeleteTopicsResponse {
        throttle_time_ms: i32 [1+ ignorable],
        responses: Vec<DeletableTopicResult> [0+],
    }

    struct DeletableTopicResult {
        name: Option<Text> [0+, null 6+],
        topic_id: Uuid [6+ ignorable],
        error_code: i16 [0+],
        error_message: Option<Text> [5+ ignorable, null 5+, default None],
    }
}
