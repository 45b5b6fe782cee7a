//! DeleteShareGroupOffsets.

use crate::definition::{Text, Uuid, messages};

messages! {
    api DeleteShareGroupOffsets = 92, versions 0, flexible 0+, listeners broker;

    request DeleteShareGroupOffsetsRequest {
        group_id: Text [0+],
        topics: Vec<DeleteShareGroupOffsetsRequestTopic> [0+],
    }

    struct DeleteShareGroupOffsetsRequestTopic {
        topic_name: Text [0+],
    }

    response DeleteShareGroupOffsetsResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+, default None],
        responses: Vec<DeleteShareGroupOffsetsResponseTopic> [0+],
    }

    struct DeleteShareGroupOffsetsResponseTopic {
        topic_name: Text [0+],
        topic_id: Uuid [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+, default None],
    }
}
