//! InitProducerId.

use crate::definition::{Text, messages};

messages! {
    api InitProducerId = 22, versions 0-6, flexible 2+, unstable 6, listeners broker;

    request InitProducerIdRequest {
        transactional_id: Option<Text> [0+, null 0+],
        transaction_timeout_ms: i32 [0+],
        producer_id: i64 [3+, default -1],
        producer_epoch: i16 [3+, default -1],
        enable2_pc: bool [6+],
        keep_prepared_txn: bool [6+],
    }

    response InitProducerIdResponse {
        throttle_time_ms: i32 [0+ ignorable],
        error_code: i16 [0+],
        producer_id: i64 [0+, default -1],
        producer_epoch: i16 [0+],
        ongoing_txn_producer_id: i64 [6+, default -1],
        ongoing_txn_producer_epoch: i16 [6+, default -1],
    }
}
