//! BrokerHeartbeat.

use crate::definition::{Uuid, messages};

messages! {
    api BrokerHeartbeat = 63, versions 0-2, flexible 0+, listeners controller;

    request BrokerHeartbeatRequest {
        broker_id: i32 [0+],
        broker_epoch: i64 [0+, default -1],
        current_metadata_offset: i64 [0+],
        want_fence: bool [0+],
        want_shut_down: bool [0+],
        offline_log_dirs: Vec<Uuid> [1+, tag 0],
        cordoned_log_dirs: Option<Vec<Uuid>> [2+, null 2+, tag 1, default None],
    }

    response BrokerHeartbeatResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
        is_caught_up: bool [0+],
        is_fenced: bool [0+, default true],
        should_shut_down: bool [0+],
    }
}
