//! UnregisterBroker.

use crate::definition::{Text, messages};

messages! {
    api UnregisterBroker = 64, versions 0, flexible 0+, listeners broker controller;

    request UnregisterBrokerRequest {
        broker_id: i32 [0+],
    }

    response UnregisterBrokerResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+],
    }
}
