//! SaslAuthenticate: no listener asks who a client is, so nobody has to prove it.

use model::ErrorCode;
use protocol::messages::sasl_authenticate::{SaslAuthenticateRequest, SaslAuthenticateResponse};

/// Says so; the connection goes on.
pub fn handle(_: SaslAuthenticateRequest) -> SaslAuthenticateResponse {
    SaslAuthenticateResponse {
        error_code: ErrorCode::IllegalSaslState.code(),
        error_message: Some("this listener does not ask who its clients are".into()),
        ..Default::default()
    }
}
