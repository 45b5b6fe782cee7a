//! What stands before a request and a response.

use bytes::Bytes;

use crate::api_key::ApiKey;
use crate::schema::Layout;
use crate::wire::{DecodeError, DecodeProblem, EncodeError, Field, Reader, TaggedFields, Text, Writer};

/// Which request, and whose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHeader {
    /// The API that is called.
    pub api_key: i16,
    /// The version of the request, and of its response.
    pub api_version: i16,
    /// Chosen by the client, repeated by the response.
    pub correlation_id: i32,
    /// What the client calls itself.
    pub client_id: Option<Text>,
    /// Tagged fields, in version 2.
    pub unknown_tagged_fields: TaggedFields,
}

/// Where the client id stands, lengths are never compact, in no version of the header.
const CLIENT_ID: Layout = Layout { version: 1, flexible: false, nullable: true };

impl RequestHeader {
    /// Reads the header in the version that its first four bytes ask for. An unknown API key is an error: what follows
    /// it cannot be known. An unknown version is not.
    pub fn decode(reader: &mut Reader) -> Result<RequestHeader, DecodeError> {
        let api_key = reader.i16()?;
        let key = ApiKey::from_code(api_key).ok_or_else(|| reader.error(DecodeProblem::UnknownApiKey(api_key)))?;
        let api_version = reader.i16()?;
        let correlation_id = reader.i32()?;
        let client_id = Option::<Text>::read(reader, CLIENT_ID).map_err(|error| error.within("client_id"))?;
        let flexible = request_header_version(key, api_version) == 2;
        let unknown_tagged_fields = if flexible { TaggedFields::read(reader)? } else { TaggedFields::default() };
        Ok(RequestHeader { api_key, api_version, correlation_id, client_id, unknown_tagged_fields })
    }

    /// Writes the header in the version that its API needs. The API key must be known.
    pub fn encode(&self, writer: &mut Writer) -> Result<(), EncodeError> {
        let key = ApiKey::from_code(self.api_key).expect("requests are built for a known API");
        writer.i16(self.api_key);
        writer.i16(self.api_version);
        writer.i32(self.correlation_id);
        self.client_id.write(writer, CLIENT_ID).map_err(|error| error.within("client_id"))?;
        encode_tagged_fields(&self.unknown_tagged_fields, request_header_version(key, self.api_version) == 2, writer)
    }
}

/// Which request a response answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseHeader {
    /// The number that the request had.
    pub correlation_id: i32,
    /// Tagged fields, in version 1.
    pub unknown_tagged_fields: TaggedFields,
}

impl ResponseHeader {
    /// Reads the header in `header_version`, 0 or 1.
    pub fn decode(reader: &mut Reader, header_version: i16) -> Result<ResponseHeader, DecodeError> {
        let correlation_id = reader.i32()?;
        let unknown_tagged_fields =
            if header_version >= 1 { TaggedFields::read(reader)? } else { TaggedFields::default() };
        Ok(ResponseHeader { correlation_id, unknown_tagged_fields })
    }

    /// Writes the header in `header_version`, 0 or 1.
    pub fn encode(&self, writer: &mut Writer, header_version: i16) -> Result<(), EncodeError> {
        writer.i32(self.correlation_id);
        encode_tagged_fields(&self.unknown_tagged_fields, header_version >= 1, writer)
    }
}

fn encode_tagged_fields(fields: &TaggedFields, flexible: bool, writer: &mut Writer) -> Result<(), EncodeError> {
    use crate::wire::{EncodeProblem, KnownTags};
    match flexible {
        true => KnownTags::default().finish(fields, writer),
        false if fields.is_empty() => Ok(()),
        false => Err(EncodeError::new(EncodeProblem::NoTaggedFields)),
    }
}

/// The header version of requests of `key` in `version`: 2 if that is flexible, else 1.
pub fn request_header_version(key: ApiKey, version: i16) -> i16 {
    if version >= key.definition().flexible_from { 2 } else { 1 }
}

/// The header version of responses of `key` in `version`: 1 if that is flexible, else 0. Always 0 for ApiVersions,
/// whose answer must be readable by a client that asked in a version the broker does not know (KIP-511).
pub fn response_header_version(key: ApiKey, version: i16) -> i16 {
    let flexible = key != ApiKey::ApiVersions && version >= key.definition().flexible_from;
    i16::from(flexible)
}

/// The API key and version in the first four bytes of a frame, before anything is known about them.
pub fn peek_key_and_version(frame: &Bytes) -> Option<(i16, i16)> {
    let start = frame.first_chunk::<4>()?;
    Some((i16::from_be_bytes([start[0], start[1]]), i16::from_be_bytes([start[2], start[3]])))
}
