//! `ShareSnapshot`.

use crate::definition::{Text, Uuid, messages};

messages! {
    message ShareSnapshotKey, versions 0, flexible none {
        group_id: Text [0-0],
        topic_id: Uuid [0-0],
        partition: i32 [0-0],
    }

    message ShareSnapshotValue, versions 0, flexible 0+ {
        snapshot_epoch: i32 [0+],
        state_epoch: i32 [0+],
        leader_epoch: i32 [0+],
        start_offset: i64 [0+],
        delivery_complete_count: i32 [0+, tag 0, default -1],
        create_timestamp: i64 [0+],
        write_timestamp: i64 [0+],
        state_batches: Vec<StateBatch> [0+],
    }

    struct StateBatch {
        first_offset: i64 [0+],
        last_offset: i64 [0+],
        delivery_state: i8 [0+],
        delivery_count: i16 [0+],
    }
}
