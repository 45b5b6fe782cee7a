//! EndTxn.

use crate::definition::{Text, messages};

messages! {
    api EndTxn = 26, versions 0-5, flexible 3+, listeners broker;

    request EndTxnRequest {
        transactional_id: Text [0+],
        producer_id: i64 [0+],
        producer_epoch: i16 [0+],
        committed: bool [0+],
    }

    response EndTxnResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
        producer_id: i64 [5+ ignorable, default -1],
        producer_epoch: i16 [5+ ignorable, default -1],
    }
}
