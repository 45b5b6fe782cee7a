//! Whole frames: length, header, body.

use bytes::Bytes;

use crate::api_key::ApiKey;
use crate::header::{RequestHeader, ResponseHeader, response_header_version};
use crate::message::{Message, Request};
use crate::wire::{DecodeError, EncodeError, EncodeProblem, Reader, Writer};

/// Enough for most frames but for what is spliced in: growing step by step costs as much as the rest of a small one.
const ROOM: usize = 192;

/// A request with its header and the 4-byte length before it, ready to be sent segment by segment.
pub fn encode_request<R: Request>(
    correlation_id: i32,
    client_id: Option<&str>,
    request: &R,
    version: i16,
) -> Result<Vec<Bytes>, EncodeError> {
    let header = RequestHeader {
        api_key: R::KEY.code(),
        api_version: version,
        correlation_id,
        client_id: client_id.map(Into::into),
        ..RequestHeader::default()
    };
    let mut writer = Writer::with_room(ROOM);
    writer.i32(0);
    header.encode(&mut writer)?;
    request.encode(&mut writer, version)?;
    finish(writer)
}

/// A response of `key` with its header and the 4-byte length before it. `version` is that of the request; for an
/// ApiVersions request of an unknown version it is 0.
pub fn encode_response<M: Message>(
    correlation_id: i32,
    key: ApiKey,
    version: i16,
    response: &M,
) -> Result<Vec<Bytes>, EncodeError> {
    let header = ResponseHeader { correlation_id, ..ResponseHeader::default() };
    let mut writer = Writer::with_room(ROOM);
    writer.i32(0);
    header.encode(&mut writer, response_header_version(key, version))?;
    response.encode(&mut writer, version)?;
    finish(writer)
}

/// The correlation id and body of a response to a request `R` of `version`. The frame comes without its length.
pub fn decode_response<R: Request>(frame: Bytes, version: i16) -> Result<(i32, R::Response), DecodeError> {
    let mut reader = Reader::new(frame);
    let header = ResponseHeader::decode(&mut reader, response_header_version(R::KEY, version))?;
    let response = R::Response::decode(&mut reader, version)?;
    Ok((header.correlation_id, response))
}

fn finish(mut writer: Writer) -> Result<Vec<Bytes>, EncodeError> {
    let length = writer.len() - 4;
    let prefix = i32::try_from(length).map_err(|_| EncodeError::new(EncodeProblem::TooLong(length)))?;
    writer.overwrite_i32(0, prefix);
    Ok(writer.finish())
}
