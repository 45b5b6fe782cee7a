//! `StreamsGroupMetadata`.

use crate::definition::{Text, messages};

messages! {
    message StreamsGroupMetadataKey, versions 0, flexible none {
        group_id: Text [0-0],
    }

    message StreamsGroupMetadataValue, versions 0, flexible 0+ {
        epoch: i32 [0+],
        metadata_hash: i64 [0+],
        validated_topology_epoch: i32 [0+, tag 0, default -1],
        last_assignment_configs: Option<Vec<LastAssignmentConfig>> [0+, null 0+, tag 1, default None],
    }

    struct LastAssignmentConfig {
        key: Text [0+],
        value: Text [0+],
    }
}
