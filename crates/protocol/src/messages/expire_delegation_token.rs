//! ExpireDelegationToken.

use crate::definition::{Bytes, messages};

messages! {
    api ExpireDelegationToken = 40, versions 1-2, flexible 2+, listeners broker controller;

    request ExpireDelegationTokenRequest {
        hmac: Bytes [0+],
        expiry_time_period_ms: i64 [0+],
    }

    response ExpireDelegationTokenResponse {
        error_code: i16 [0+],
        expiry_timestamp_ms: i64 [0+],
        throttle_time_ms: i32 [0+],
    }
}
