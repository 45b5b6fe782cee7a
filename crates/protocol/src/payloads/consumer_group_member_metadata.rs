//! `ConsumerGroupMemberMetadata`.

use crate::definition::{Bytes, Text, messages};

messages! {
    message ConsumerGroupMemberMetadataKey, versions 0, flexible none {
        group_id: Text [0-0],
        member_id: Text [0-0],
    }

    message ConsumerGroupMemberMetadataValue, versions 0, flexible 0+ {
        instance_id: Option<Text> [0+, null 0+],
        rack_id: Option<Text> [0+, null 0+],
        client_id: Text [0+],
        client_host: Text [0+],
        subscribed_topic_names: Vec<Text> [0+],
        subscribed_topic_regex: Option<Text> [0+, null 0+],
        rebalance_timeout_ms: i32 [0+, default -1],
        server_assignor: Option<Text> [0+, null 0+],
        classic_member_metadata: Option<ClassicMemberMetadata> [0+, null 0+, tag 0, default None],
    }

    struct ClassicMemberMetadata {
        session_timeout_ms: i32 [0+],
        supported_protocols: Vec<ClassicProtocol> [0+],
    }

    struct ClassicProtocol {
        name: Text [0+],
        metadata: Bytes [0+],
    }
}
