//! SaslAuthenticate.

use crate::definition::{Bytes, Text, messages};

messages! {
    api SaslAuthenticate = 36, versions 0-2, flexible 2+, listeners broker controller;

    request SaslAuthenticateRequest {
        auth_bytes: Bytes [0+],
    }

    response SaslAuthenticateResponse {
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+],
        auth_bytes: Bytes [0+],
        session_lifetime_ms: i64 [1+ ignorable],
    }
}
