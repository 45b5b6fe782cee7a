//! `GroupMetadata`.

use crate::definition::{Bytes, Text, messages};

messages! {
    message GroupMetadataKey, versions 0, flexible none {
        group: Text [0-0],
    }

    message GroupMetadataValue, versions 0-4, flexible 4+ {
        protocol_type: Text [0+],
        generation: i32 [0+],
        protocol: Option<Text> [0+, null 0+],
        leader: Option<Text> [0+, null 0+],
        current_state_timestamp: i64 [2+ ignorable, default -1],
        members: Vec<MemberMetadata> [0+],
    }

    struct MemberMetadata {
        member_id: Text [0+],
        group_instance_id: Option<Text> [3+ ignorable, null 3+, default None],
        client_id: Text [0+],
        client_host: Text [0+],
        rebalance_timeout: i32 [1+ ignorable, default -1],
        session_timeout: i32 [0+],
        subscription: Bytes [0+],
        assignment: Bytes [0+],
    }
}
