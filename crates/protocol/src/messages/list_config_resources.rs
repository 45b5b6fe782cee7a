//! ListConfigResources.

use crate::definition::{Text, messages};

messages! {
    api ListConfigResources = 74, versions 0-1, flexible 0+, listeners broker;

    request ListConfigResourcesRequest {
        resource_types: Vec<i8> [1+],
    }

    response ListConfigResourcesResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
        config_resources: Vec<ConfigResource> [0+],
    }

    struct ConfigResource {
        resource_name: Text [0+],
        resource_type: i8 [1+ ignorable, default 16],
    }
}
