//! LeaveGroup.

use crate::definition::{Text, messages};

messages! {
    api LeaveGroup = 13, versions 0-5, flexible 4+, listeners broker;

    request LeaveGroupRequest {
        group_id: Text [0+],
        member_id: Text [0-2],
        members: Vec<MemberIdentity> [3+],
    }

    struct MemberIdentity {
        member_id: Text [3+],
        group_instance_id: Option<Text> [3+, null 3+, default None],
        reason: Option<Text> [5+ ignorable, null 5+, default None],
    }

    response LeaveGroupResponse {
        throttle_time_ms: i32 [1+ ignorable],
        error_code: i16 [0+],
        members: Vec<MemberResponse> [3+],
    }

    struct MemberResponse {
        member_id: Text [3+],
        group_instance_id: Option<Text> [3+, null 3+],
        error_code: i16 [3+],
    }
}
