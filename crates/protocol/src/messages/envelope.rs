//! Envelope.

use crate::definition::{Bytes, messages};

messages! {
    api Envelope = 58, versions 0, flexible 0+, listeners controller;

    request EnvelopeRequest {
        request_data: Bytes [0+],
        request_principal: Option<Bytes> [0+, null 0+],
        client_host_address: Bytes [0+],
    }

    response EnvelopeResponse {
        response_data: Option<Bytes> [0+, null 0+, default None],
        error_code: i16 [0+],
    }
}
