//! DescribeConfigs.

use crate::definition::{Text, messages};

messages! {
    api DescribeConfigs = 32, versions 1-4, flexible 4+, listeners broker controller;

    request DescribeConfigsRequest {
        resources: Vec<DescribeConfigsResource> [0+],
        include_synonyms: bool [1+],
        include_documentation: bool [3+],
    }

    struct DescribeConfigsResource {
        resource_type: i8 [0+],
        resource_name: Text [0+],
        configuration_keys: Option<Vec<Text>> [0+, null 0+],
    }

    response DescribeConfigsResponse {
        throttle_time_ms: i32 [0+],
        results: Vec<DescribeConfigsResult> [0+],
    }

    struct DescribeConfigsResult {
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+],
        resource_type: i8 [0+],
        resource_name: Text [0+],
        configs: Vec<DescribeConfigsResourceResult> [0+],
    }

    struct DescribeConfigsResourceResult {
        name: Text [0+],
        value: Option<Text> [0+, null 0+],
        read_only: bool [0+],
        config_source: i8 [1+ ignorable, default -1],
        is_sensitive: bool [0+],
        synonyms: Vec<DescribeConfigsSynonym> [1+ ignorable],
        config_type: i8 [3+ ignorable],
        documentation: Option<Text> [3+ ignorable, null 0+],
    }

    struct DescribeConfigsSynonym {
        name: Text [1+],
        value: Option<Text> [1+, null 0+],
        source: i8 [1+],
    }
}
