//! RenewDelegationToken: there are no tokens that could be renewed.

use model::ErrorCode;
use protocol::messages::renew_delegation_token::{RenewDelegationTokenRequest, RenewDelegationTokenResponse};

/// Refuses: no listener asks who a client is, so none may do this.
pub fn handle(_: RenewDelegationTokenRequest) -> RenewDelegationTokenResponse {
    RenewDelegationTokenResponse {
        error_code: ErrorCode::DelegationTokenRequestNotAllowed.code(),
        expiry_timestamp_ms: -1,
        ..Default::default()
    }
}
