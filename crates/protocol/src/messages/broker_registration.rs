//! BrokerRegistration.

use crate::definition::{Text, Uuid, messages};

messages! {
    api BrokerRegistration = 62, versions 0-4, flexible 0+, listeners controller;

    request BrokerRegistrationRequest {
        broker_id: i32 [0+],
        cluster_id: Text [0+],
        incarnation_id: Uuid [0+],
        listeners: Vec<Listener> [0+],
        features: Vec<Feature> [0+],
        rack: Option<Text> [0+, null 0+],
        is_migrating_zk_broker: bool [1+],
        log_dirs: Vec<Uuid> [2+ ignorable],
        previous_broker_epoch: i64 [3+ ignorable, default -1],
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

    response BrokerRegistrationResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
        broker_epoch: i64 [0+, default -1],
    }
}
