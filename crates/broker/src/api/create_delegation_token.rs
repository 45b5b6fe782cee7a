//! CreateDelegationToken: a token says who its holder is, and no listener asks that.

use model::ErrorCode;
use protocol::messages::create_delegation_token::{CreateDelegationTokenRequest, CreateDelegationTokenResponse};
use protocol::wire::Text;

/// Who every client is to a listener that does not ask.
const USER: Text = Text::from_static("User");
const ANONYMOUS: Text = Text::from_static("ANONYMOUS");

/// Refuses, and names who would have owned the token: who was named as its owner, or who asks.
pub fn handle(request: CreateDelegationTokenRequest) -> CreateDelegationTokenResponse {
    let named = request.owner_principal_name.filter(|name| !name.is_empty());
    let (principal_type, principal_name) = match named {
        Some(name) => (request.owner_principal_type.unwrap_or_default(), name),
        None => (USER, ANONYMOUS),
    };
    CreateDelegationTokenResponse {
        error_code: ErrorCode::DelegationTokenRequestNotAllowed.code(),
        principal_type,
        principal_name,
        token_requester_principal_type: USER,
        token_requester_principal_name: ANONYMOUS,
        issue_timestamp_ms: -1,
        expiry_timestamp_ms: -1,
        max_timestamp_ms: -1,
        ..Default::default()
    }
}
