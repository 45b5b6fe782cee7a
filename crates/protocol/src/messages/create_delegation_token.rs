//! CreateDelegationToken.

use crate::definition::{Bytes, Text, messages};

messages! {
    api CreateDelegationToken = 38, versions 1-3, flexible 2+, listeners broker controller;

    request CreateDelegationTokenRequest {
        owner_principal_type: Option<Text> [3+, null 3+],
        owner_principal_name: Option<Text> [3+, null 3+],
        renewers: Vec<CreatableRenewers> [0+],
        max_lifetime_ms: i64 [0+],
    }

    struct CreatableRenewers {
        principal_type: Text [0+],
        principal_name: Text [0+],
    }

    response CreateDelegationTokenResponse {
        error_code: i16 [0+],
        principal_type: Text [0+],
        principal_name: Text [0+],
        token_requester_principal_type: Text [3+],
        token_requester_principal_name: Text [3+],
        issue_timestamp_ms: i64 [0+],
        expiry_timestamp_ms: i64 [0+],
        max_timestamp_ms: i64 [0+],
        token_id: Text [0+],
        hmac: Bytes [0+],
        throttle_time_ms: i32 [0+],
    }
}
