//! `ConsumerGroupMetadata`.

use crate::definition::{Text, messages};

messages! {
    message ConsumerGroupMetadataKey, versions 0, flexible none {
        group_id: Text [0-0],
    }

    message ConsumerGroupMetadataValue, versions 0, flexible 0+ {
        epoch: i32 [0+],
        metadata_hash: i64 [0+, tag 0],
    }
}
