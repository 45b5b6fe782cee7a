//! `OffsetCommit`.

use crate::definition::{Text, Uuid, messages};

messages! {
    message OffsetCommitKey, versions 0, flexible none {
        group: Text [0-0],
        topic: Text [0-0],
        partition: i32 [0-0],
    }

    message OffsetCommitValue, versions 0-4, flexible 4+ {
        offset: i64 [0+],
        leader_epoch: i32 [3+ ignorable, default -1],
        metadata: Text [0+],
        commit_timestamp: i64 [0+],
        expire_timestamp: i64 [1-1 ignorable, default -1],
        topic_id: Uuid [4+ ignorable, tag 0],
    }
}
