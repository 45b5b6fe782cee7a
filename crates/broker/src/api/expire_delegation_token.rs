//! ExpireDelegationToken: there are no tokens that could be ended.

use model::ErrorCode;
use protocol::messages::expire_delegation_token::{ExpireDelegationTokenRequest, ExpireDelegationTokenResponse};

/// Refuses: no listener asks who a client is, so none may do this.
pub fn handle(_: ExpireDelegationTokenRequest) -> ExpireDelegationTokenResponse {
    ExpireDelegationTokenResponse {
        error_code: ErrorCode::DelegationTokenRequestNotAllowed.code(),
        expiry_timestamp_ms: -1,
        ..Default::default()
    }
}
