//! `StreamsGroupTargetAssignmentMetadata`.

use crate::definition::{Text, messages};

messages! {
    message StreamsGroupTargetAssignmentMetadataKey, versions 0, flexible none {
        group_id: Text [0-0],
    }

    message StreamsGroupTargetAssignmentMetadataValue, versions 0, flexible 0+ {
        assignment_epoch: i32 [0+],
        assignment_timestamp: i64 [0+ ignorable, tag 0],
    }
}
