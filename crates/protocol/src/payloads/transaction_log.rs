//! `TransactionLog`.

use crate::definition::{Text, messages};

messages! {
    message TransactionLogKey, versions 0, flexible none {
        transactional_id: Text [0-0],
    }

    message TransactionLogValue, versions 0-1, flexible 1+ {
        producer_id: i64 [0+],
        previous_producer_id: i64 [1+, tag 0, default -1],
        next_producer_id: i64 [1+, tag 1, default -1],
        producer_epoch: i16 [0+],
        next_producer_epoch: i16 [1+, tag 3, default -1],
        transaction_timeout_ms: i32 [0+],
        transaction_status: i8 [0+],
        transaction_partitions: Option<Vec<PartitionsSchema>> [0+, null 0+],
        transaction_last_update_timestamp_ms: i64 [0+],
        transaction_start_timestamp_ms: i64 [0+],
        client_transaction_version: i16 [1+, tag 2],
    }

    struct PartitionsSchema {
        topic: Text [0+],
        partition_ids: Vec<i32> [0+],
    }
}
