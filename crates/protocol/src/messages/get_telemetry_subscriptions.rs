//! GetTelemetrySubscriptions.

use crate::definition::{Text, Uuid, messages};

messages! {
    api GetTelemetrySubscriptions = 71, versions 0, flexible 0+, listeners broker;

    request GetTelemetrySubscriptionsRequest {
        client_instance_id: Uuid [0+],
    }

    response GetTelemetrySubscriptionsResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
        client_instance_id: Uuid [0+],
        subscription_id: i32 [0+],
        accepted_compression_types: Vec<i8> [0+],
        push_interval_ms: i32 [0+],
        telemetry_max_bytes: i32 [0+],
        delta_temporality: bool [0+],
        requested_metrics: Vec<Text> [0+],
    }
}
