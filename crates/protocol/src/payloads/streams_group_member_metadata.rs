//! `StreamsGroupMemberMetadata`.

use crate::definition::{Text, messages};

messages! {
    message StreamsGroupMemberMetadataKey, versions 0, flexible none {
        group_id: Text [0-0],
        member_id: Text [0-0],
    }

    message StreamsGroupMemberMetadataValue, versions 0, flexible 0+ {
        instance_id: Option<Text> [0+, null 0+],
        rack_id: Option<Text> [0+, null 0+],
        client_id: Text [0+],
        client_host: Text [0+],
        rebalance_timeout_ms: i32 [0+, default -1],
        topology_epoch: i32 [0+],
        process_id: Text [0+],
        user_endpoint: Option<Endpoint> [0+, null 0+, default None],
        client_tags: Vec<KeyValue> [0+],
    }

    struct Endpoint {
        host: Text [0+],
        port: u16 [0+],
    }

    struct KeyValue {
        key: Text [0+],
        value: Text [0+],
    }
}
