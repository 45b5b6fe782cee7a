//! AddOffsetsToTxn.

use crate::definition::{Text, messages};

messages! {
    api AddOffsetsToTxn = 25, versions 0-4, flexible 3+, listeners broker;

    request AddOffsetsToTxnRequest {
        transactional_id: Text [0+],
        producer_id: i64 [0+],
        producer_epoch: i16 [0+],
        group_id: Text [0+],
    }

    response AddOffsetsToTxnResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
    }
}
