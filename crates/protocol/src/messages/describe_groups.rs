//! DescribeGroups.

use crate::definition::{Bytes, Text, messages};

messages! {
    api DescribeGroups = 15, versions 0-6, flexible 5+, listeners broker;

    request DescribeGroupsRequest {
        groups: Vec<Text> [0+],
        include_authorized_operations: bool [3+],
    }

    response DescribeGroupsResponse {
        throttle_time_ms: i32 [1+ ignorable],
        groups: Vec<DescribedGroup> [0+],
    }

    struct DescribedGroup {
        error_code: i16 [0+],
        error_message: Option<Text> [6+, null 6+, default None],
        group_id: Text [0+],
        group_state: Text [0+],
        protocol_type: Text [0+],
        protocol_data: Text [0+],
        members: Vec<DescribedGroupMember> [0+],
        authorized_operations: i32 [3+, default i32::MIN],
    }

    struct DescribedGroupMember {
        member_id: Text [0+],
        group_instance_id: Option<Text> [4+ ignorable, null 4+, default None],
        client_id: Text [0+],
        client_host: Text [0+],
        member_metadata: Bytes [0+],
        member_assignment: Bytes [0+],
    }
}
