//! DeleteGroups.

use crate::definition::{Text, messages};

messages! {
    api DeleteGroups = 42, versions 0-2, flexible 2+, listeners broker;

    request DeleteGroupsRequest {
        groups_names: Vec<Text> [0+],
    }

    response DeleteGroupsResponse {
        throttle_time_ms: i32 [0+],
        results: Vec<DeletableGroupResult> [0+],
    }

    struct DeletableGroupResult {
        group_id: Text [0+],
        error_code: i16 [0+],
    }
}
