//! PushTelemetry.

use crate::definition::{Bytes, Uuid, messages};

messages! {
    api PushTelemetry = 72, versions 0, flexible 0+, listeners broker;

    request PushTelemetryRequest {
        client_instance_id: Uuid [0+],
        subscription_id: i32 [0+],
        terminating: bool [0+],
        compression_type: i8 [0+],
        metrics: Bytes [0+],
    }

    response PushTelemetryResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
    }
}
