//! JoinGroup.

use crate::definition::{Bytes, Text, messages};

messages! {
    api JoinGroup = 11, versions 0-9, flexible 6+, listeners broker;

    request JoinGroupRequest {
        group_id: Text [0+],
        session_timeout_ms: i32 [0+],
        rebalance_timeout_ms: i32 [1+ ignorable, default -1],
        member_id: Text [0+],
        group_instance_id: Option<Text> [5+, null 5+, default None],
        protocol_type: Text [0+],
        protocols: Vec<JoinGroupRequestProtocol> [0+],
        reason: Option<Text> [8+ ignorable, null 8+, default None],
    }

    struct JoinGroupRequestProtocol {
        name: Text [0+],
        metadata: Bytes [0+],
    }

    response JoinGroupResponse {
        throttle_time_ms: i32 [2+ ignorable],
        error_code: i16 [0+],
        generation_id: i32 [0+, default -1],
        protocol_type: Option<Text> [7+ ignorable, null 7+, default None],
        protocol_name: Option<Text> [0+, null 7+],
        leader: Text [0+],
        skip_assignment: bool [9+],
        member_id: Text [0+],
        members: Vec<JoinGroupResponseMember> [0+],
    }

    struct JoinGroupResponseMember {
        member_id: Text [0+],
        group_instance_id: Option<Text> [5+ ignorable, null 5+, default None],
        metadata: Bytes [0+],
    }
}
