//! DescribeDelegationToken.

use crate::definition::{Bytes, Text, messages};

messages! {
    api DescribeDelegationToken = 41, versions 1-3, flexible 2+, listeners broker controller;

    request DescribeDelegationTokenRequest {
        owners: Option<Vec<DescribeDelegationTokenOwner>> [0+, null 0+],
    }

    struct DescribeDelegationTokenOwner {
        principal_type: Text [0+],
        principal_name: Text [0+],
    }

    response DescribeDelegationTokenResponse {
        error_code: i16 [0+],
        tokens: Vec<DescribedDelegationToken> [0+],
        throttle_time_ms: i32 [0+],
    }

    struct DescribedDelegationToken {
        principal_type: Text [0+],
        principal_name: Text [0+],
        token_requester_principal_type: Text [3+],
        token_requester_principal_name: Text [3+],
        issue_timestamp: i64 [0+],
        expiry_timestamp: i64 [0+],
        max_timestamp: i64 [0+],
        token_id: Text [0+],
        hmac: Bytes [0+],
        renewers: Vec<DescribedDelegationTokenRenewer> [0+],
    }

    struct DescribedDelegationTokenRenewer {
        principal_type: Text [0+],
        principal_name: Text [0+],
    }
}
