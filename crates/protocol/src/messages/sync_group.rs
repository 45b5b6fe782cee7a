//! SyncGroup.

use crate::definition::{Bytes, Text, messages};

messages! {
    api SyncGroup = 14, versions 0-5, flexible 4+, listeners broker;

    request SyncGroupRequest {
        group_id: Text [0+],
        generation_id: i32 [0+],
        member_id: Text [0+],
        group_instance_id: Option<Text> [3+, null 3+, default None],
        protocol_type: Option<Text> [5+ ignorable, null 5+, default None],
        protocol_name: Option<Text> [5+ ignorable, null 5+, default None],
        assignments: Vec<SyncGroupRequestAssignment> [0+],
    }

    struct SyncGroupRequestAssignment {
        member_id: Text [0+],
        assignment: Bytes [0+],
    }

    response SyncGroupResponse {
        throttle_time_ms: i32 [1+ ignorable],
        error_code: i16 [0+],
        protocol_type: Option<Text> [5+ ignorable, null 5+, default None],
        protocol_name: Option<Text> [5+ ignorable, null 5+, default None],
        assignment: Bytes [0+],
    }
}
