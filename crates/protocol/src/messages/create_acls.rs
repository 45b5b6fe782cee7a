//! CreateAcls.

use crate::definition::{Text, messages};

messages! {
    api CreateAcls = 30, versions 1-3, flexible 2+, listeners broker controller;

    request CreateAclsRequest {
        creations: Vec<AclCreation> [0+],
    }

    struct AclCreation {
        resource_type: i8 [0+],
        resource_name: Text [0+],
        resource_pattern_type: i8 [1+, default 3],
        principal: Text [0+],
        host: Text [0+],
        operation: i8 [0+],
        permission_type: i8 [0+],
    }

    response CreateAclsResponse {
        throttle_time_ms: i32 [0+],
        results: Vec<AclCreationResult> [0+],
    }

    struct AclCreationResult {
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+],
    }
}
