//! AlterConfigs.

use crate::definition::{Text, messages};

messages! {
    api AlterConfigs = 33, versions 0-2, flexible 2+, listeners broker controller;

    request AlterConfigsRequest {
        resources: Vec<AlterConfigsResource> [0+],
        validate_only: bool [0+],
    }

    struct AlterConfigsResource {
        resource_type: i8 [0+],
        resource_name: Text [0+],
        configs: Vec<AlterableConfig> [0+],
    }

    struct AlterableConfig {
        name: Text [0+],
        value: Option<Text> [0+, null 0+],
    }

    response AlterConfigsResponse {
        throttle_time_ms: i32 [0+],
        responses: Vec<AlterConfigsResourceResponse> [0+],
    }

    struct AlterConfigsResourceResponse {
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+],
        resource_type: i8 [0+],
        resource_name: Text [0+],
    }
}
