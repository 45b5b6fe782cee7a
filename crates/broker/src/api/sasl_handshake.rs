//! SaslHandshake: no listener asks who a client is, so there is nothing to agree on.

use model::ErrorCode;
use protocol::messages::sasl_handshake::{SaslHandshakeRequest, SaslHandshakeResponse};

/// Says so; the connection goes on.
pub fn handle(_: SaslHandshakeRequest) -> SaslHandshakeResponse {
    SaslHandshakeResponse { error_code: ErrorCode::IllegalSaslState.code(), ..Default::default() }
}
