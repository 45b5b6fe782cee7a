//! ListGroups.

use crate::definition::{Text, messages};

messages! {
    api ListGroups = 16, versions 0-5, flexible 3+, listeners broker;

    request ListGroupsRequest {
        states_filter: Vec<Text> [4+],
        types_filter: Vec<Text> [5+],
    }

    response ListGroupsResponse {
        throttle_time_ms: i32 [1+ ignorable],
        error_code: i16 [0+],
        groups: Vec<ListedGroup> [0+],
    }

    struct ListedGroup {
        group_id: Text [0+],
        protocol_type: Text [0+],
        group_state: Text [4+ ignorable],
        group_type: Text [5+ ignorable],
    }
}
