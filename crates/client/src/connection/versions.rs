//! Which versions of which APIs a broker serves (KIP-35, KIP-511).

use super::Connection;
use crate::error::{ClientError, Result, check};
use bytes::Bytes;
use model::ErrorCode;
use protocol::frame::decode_response;
use protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use protocol::{ApiKey, DecodeError};
use std::collections::BTreeMap;

/// The API versions of one broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    ranges: BTreeMap<i16, (i16, i16)>,
}

impl Versions {
    fn of(response: &ApiVersionsResponse) -> Versions {
        Versions { ranges: response.api_keys.iter().map(|k| (k.api_key, (k.min_version, k.max_version))).collect() }
    }

    /// The newest final version of `key` that the broker serves and that is known here, `highest` at most.
    pub fn common(&self, key: ApiKey, highest: i16) -> Option<i16> {
        let (lowest_there, highest_there) = *self.ranges.get(&key.code())?;
        let ours = key.versions();
        let version = highest_there.min(*ours.end()).min(highest);
        (version >= lowest_there && version >= *ours.start()).then_some(version)
    }
}

/// Asks in the newest version first. A broker that does not know it says so in version 0, with what it does know.
pub(super) async fn negotiate(connection: &Connection) -> Result<Versions> {
    let mut version = *ApiKey::ApiVersions.versions().end();
    loop {
        let request = ApiVersionsRequest {
            client_software_name: "thalweg".into(),
            client_software_version: env!("CARGO_PKG_VERSION").into(),
            ..ApiVersionsRequest::default()
        };
        let frame = connection.received(connection.submit(&request, version, true)?.await)?;
        let refused = version > 0 && error_code(&frame) == Some(ErrorCode::UnsupportedVersion.code());
        let response = decode(frame, if refused { 0 } else { version }).map_err(|error| ClientError::Malformed {
            address: connection.address().to_owned(),
            api: ApiKey::ApiVersions.name(),
            why: error.to_string(),
        })?;
        let versions = Versions::of(&response);
        if !refused {
            check(|| "asking for API versions".to_owned(), response.error_code, None)?;
            return Ok(versions);
        }
        version = versions.common(ApiKey::ApiVersions, version - 1).unwrap_or(0);
    }
}

fn decode(frame: Bytes, version: i16) -> std::result::Result<ApiVersionsResponse, DecodeError> {
    decode_response::<ApiVersionsRequest>(frame, version).map(|(_, response)| response)
}

/// What stands behind the correlation id in an answer of any version.
fn error_code(frame: &Bytes) -> Option<i16> {
    frame.get(4..6).map(|code| i16::from_be_bytes([code[0], code[1]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_common_version_is_taken() {
        let versions = Versions { ranges: BTreeMap::from([(0, (0, 99)), (1, (4, 11)), (3, (90, 99))]) };
        assert_eq!(versions.common(ApiKey::Produce, i16::MAX), Some(13));
        assert_eq!(versions.common(ApiKey::Produce, 12), Some(12));
        assert_eq!(versions.common(ApiKey::Fetch, i16::MAX), Some(11));
        assert_eq!(versions.common(ApiKey::Fetch, 3), None);
        assert_eq!(versions.common(ApiKey::Metadata, i16::MAX), None, "newer than all we know");
        assert_eq!(versions.common(ApiKey::ListOffsets, i16::MAX), None, "not served");
    }
}
