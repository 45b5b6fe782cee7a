//! DeleteAcls.

use crate::definition::{Text, messages};

messages! {
    api DeleteAcls = 31, versions 1-3, flexible 2+, listeners broker controller;

    request DeleteAclsRequest {
        filters: Vec<DeleteAclsFilter> [0+],
    }

    struct DeleteAclsFilter {
        resource_type_filter: i8 [0+],
        resource_name_filter: Option<Text> [0+, null 0+],
        pattern_type_filter: i8 [1+, default 3],
        principal_filter: Option<Text> [0+, null 0+],
        host_filter: Option<Text> [0+, null 0+],
        operation: i8 [0+],
        permission_type: i8 [0+],
    }

    response DeleteAclsResponse {
        throttle_time_ms: i32 [0+],
        filter_results: Vec<DeleteAclsFilterResult> [0+],
    }

    struct DeleteAclsFilterResult {
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+],
        matching_acls: Vec<DeleteAclsMatchingAcl> [0+],
    }

    struct DeleteAclsMatchingAcl {
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+],
        resource_type: i8 [0+],
        resource_name: Text [0+],
        pattern_type: i8 [1+, default 3],
        principal: Text [0+],
        host: Text [0+],
        operation: i8 [0+],
        permission_type: i8 [0+],
    }
}
