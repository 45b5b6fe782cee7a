//! `ShareGroupTargetAssignmentMetadata`.

use crate::definition::{Text, messages};

messages! {
    message ShareGroupTargetAssignmentMetadataKey, versions 0, flexible none {
        group_id: Text [0-0],
    }

    message ShareGroupTargetAssignmentMetadataValue, versions 0, flexible 0+ {
        assignment_epoch: i32 [0+],
        assignment_timestamp: i64 [0+ ignorable, tag 0],
    }
}
