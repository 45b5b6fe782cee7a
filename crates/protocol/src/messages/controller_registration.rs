//! ControllerRegistration.

use crate::definition::{Text, Uuid, messages};

messages! {
    api ControllerRegistration = 70, versions 0, flexible 0+, listeners controller;

    request ControllerRegistrationRequest {
        controller_id: i32 [0+],
        incarnation_id: Uuid [0+],
        zk_migration_ready: bool [0+],
        listeners: Vec<Listener> [0+],
        features: Vec<Feature> [0+],
    }

    struct Listener {
        name: Text [0+],
        host: Text [0+],
        port: u16 [0+],
        security_protocol: i16 [0+],
    }

    struct Feature {
        name: Text [0+],
        min_supported_version: i16 [0+],
        max_supported_version: i16 [0+],
    }

    response ControllerRegistrationResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+],
    }
}
