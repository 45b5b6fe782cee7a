//! `ShareGroupMemberMetadata`.

use crate::definition::{Text, messages};

messages! {
    message ShareGroupMemberMetadataKey, versions 0, flexible none {
        group_id: Text [0-0],
        member_id: Text [0-0],
    }

    message ShareGroupMemberMetadataValue, versions 0, flexible 0+ {
        rack_id: Option<Text> [0+, null 0+],
        client_id: Text [0+],
        client_host: Text [0+],
        subscribed_topic_names: Vec<Text> [0+],
    }
}
