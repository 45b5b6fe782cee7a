//! `LegacyOffsetCommit`.

use crate::definition::{Text, messages};

messages! {
    message LegacyOffsetCommitKey, versions 0, flexible none {
        group: Text [0-0],
        topic: Text [0-0],
        partition: i32 [0-0],
    }

    message LegacyOffsetCommitValue, versions 0, flexible none {
        offset: i64 [0-0],
        metadata: Text [0-0],
        commit_timestamp: i64 [0-0],
    }
}
