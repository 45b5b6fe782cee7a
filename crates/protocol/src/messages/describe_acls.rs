//! DescribeAcls.

use crate::definition::{Text, messages};

messages! {
    api DescribeAcls = 29, versions 1-3, flexible 2+, listeners broker controller;

    request DescribeAclsRequest {
        resource_type_filter: i8 [0+],
        resource_name_filter: Option<Text> [0+, null 0+],
        pattern_type_filter: i8 [1+, default 3],
        principal_filter: Option<Text> [0+, null 0+],
        host_filter: Option<Text> [0+, null 0+],
        operation: i8 [0+],
        permission_type: i8 [0+],
    }

    response DescribeAclsResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+],
        resources: Vec<DescribeAclsResource> [0+],
    }

    struct DescribeAclsResource {
        resource_type: i8 [0+],
        resource_name: Text [0+],
        pattern_type: i8 [1+, default 3],
        acls: Vec<AclDescription> [0+],
    }

    struct AclDescription {
        principal: Text [0+],
        host: Text [0+],
        operation: i8 [0+],
        permission_type: i8 [0+],
    }
}
