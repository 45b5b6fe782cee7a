//! AllocateProducerIds.

use crate::definition::messages;

messages! {
    api AllocateProducerIds = 67, versions 0, flexible 0+, listeners controller;

    request AllocateProducerIdsRequest {
        broker_id: i32 [0+],
        broker_epoch: i64 [0+, default -1],
    }

    response AllocateProducerIdsResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
        producer_id_start: i64 [0+],
        producer_id_len: i32 [0+],
    }
}
