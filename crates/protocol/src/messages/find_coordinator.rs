//! FindCoordinator.

use crate::definition::{Text, messages};

messages! {
    api FindCoordinator = 10, versions 0-6, flexible 3+, listeners broker;

    request FindCoordinatorRequest {
        key: Text [0-3],
        key_type: i8 [1+],
        coordinator_keys: Vec<Text> [4+],
    }

    response FindCoordinatorResponse {
        throttle_time_ms: i32 [1+ ignorable],
        error_code: i16 [0-3],
        error_message: Option<Text> [1-3 ignorable, null 1-3],
        node_id: i32 [0-3],
        host: Text [0-3],
        port: i32 [0-3],
        coordinators: Vec<Coordinator> [4+],
    }

    struct Coordinator {
        key: Text [4+],
        node_id: i32 [4+],
        host: Text [4+],
        port: i32 [4+],
        error_code: i16 [4+],
        error_message: Option<Text> [4+ ignorable, null 4+],
    }
}
