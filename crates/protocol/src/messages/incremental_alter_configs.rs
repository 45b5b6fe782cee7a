//! IncrementalAlterConfigs.

use crate::definition::{Text, messages};

messages! {
    api IncrementalAlterConfigs = 44, versions 0-1, flexible 1+, listeners broker controller;

    request IncrementalAlterConfigsRequest {
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
        config_operation: i8 [0+],
        value: Option<Text> [0+, null 0+],
    }

    response IncrementalAlterConfigsResponse {
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
