//! DescribeDelegationToken: there are no tokens.

use model::ErrorCode;
use protocol::messages::describe_delegation_token::{DescribeDelegationTokenRequest, DescribeDelegationTokenResponse};

/// Refuses: no listener asks who a client is, so none may see tokens.
pub fn handle(_: DescribeDelegationTokenRequest) -> DescribeDelegationTokenResponse {
    DescribeDelegationTokenResponse {
        error_code: ErrorCode::DelegationTokenRequestNotAllowed.code(),
        ..Default::default()
    }
}
