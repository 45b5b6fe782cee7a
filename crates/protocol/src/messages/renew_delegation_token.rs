//! RenewDelegationToken.

use crate::definition::{Bytes, messages};

messages! {
    api RenewDelegationToken = 39, versions 1-2, flexible 2+, listeners broker controller;

    request RenewDelegationTokenRequest {
        hmac: Bytes [0+],
        renew_period_ms: i64 [0+],
    }

    response RenewDelegationTokenResponse {
        error_code: i16 [0+],
        expiry_timestamp_ms: i64 [0+],
        throttle_time_ms: i32 [0+],
    }
}
