//! SaslHandshake.

use crate::definition::{Text, messages};

messages! {
    api SaslHandshake = 17, versions 0-1, flexible none, listeners broker controller;

    request SaslHandshakeRequest {
        mechanism: Text [0+],
    }

    response SaslHandshakeResponse {
        error_code: i16 [0+],
        mechanisms: Vec<Text> [0+],
    }
}
