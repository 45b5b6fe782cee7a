//! Heartbeat.

use crate::definition::{Text, messages};

messages! {
    api Heartbeat = 12, versions 0-4, flexible 4+, listeners broker;

    request HeartbeatRequest {
        group_id: Text [0+],
        generation_id: i32 [0+],
        member_id: Text [0+],
        group_instance_id: Option<Text> [3+, null 3+, default None],
    }

    response HeartbeatResponse {
        throttle_time_ms: i32 [1+ ignorable],
        error_code: i16 [0+],
    }
}
