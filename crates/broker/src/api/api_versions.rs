//! ApiVersions (KIP-35, KIP-511, KIP-584): which APIs are served here, at which versions.

use super::{Header, Reply, encode};
use crate::broker::Broker;
use model::ErrorCode;
use protocol::messages::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use protocol::wire::Reader;
use protocol::{ApiKey, Message};
use std::ops::RangeInclusive;

/// The APIs that work. Nothing else is advertised.
const SERVED: &[ApiKey] = &[
    ApiKey::Produce,
    ApiKey::Fetch,
    ApiKey::ListOffsets,
    ApiKey::Metadata,
    ApiKey::OffsetCommit,
    ApiKey::OffsetFetch,
    ApiKey::FindCoordinator,
    ApiKey::JoinGroup,
    ApiKey::Heartbeat,
    ApiKey::LeaveGroup,
    ApiKey::SyncGroup,
    ApiKey::DescribeGroups,
    ApiKey::ListGroups,
    ApiKey::SaslHandshake,
    ApiKey::ApiVersions,
    ApiKey::CreateTopics,
    ApiKey::DeleteTopics,
    ApiKey::DeleteRecords,
    ApiKey::InitProducerId,
    ApiKey::OffsetForLeaderEpoch,
    ApiKey::DescribeAcls,
    ApiKey::CreateAcls,
    ApiKey::DeleteAcls,
    ApiKey::DescribeConfigs,
    ApiKey::AlterConfigs,
    ApiKey::DescribeLogDirs,
    ApiKey::SaslAuthenticate,
    ApiKey::CreatePartitions,
    ApiKey::CreateDelegationToken,
    ApiKey::RenewDelegationToken,
    ApiKey::ExpireDelegationToken,
    ApiKey::DescribeDelegationToken,
    ApiKey::DeleteGroups,
    ApiKey::ElectLeaders,
    ApiKey::IncrementalAlterConfigs,
    ApiKey::AlterPartitionReassignments,
    ApiKey::ListPartitionReassignments,
    ApiKey::DescribeQuorum,
    ApiKey::UpdateFeatures,
    ApiKey::OffsetDelete,
    ApiKey::DescribeCluster,
    ApiKey::DescribeProducers,
    ApiKey::UnregisterBroker,
    ApiKey::ListConfigResources,
    ApiKey::ConsumerGroupHeartbeat,
    ApiKey::ConsumerGroupDescribe,
    ApiKey::DescribeTopicPartitions,
    ApiKey::AddRaftVoter,
    ApiKey::RemoveRaftVoter,
];

/// The versions of `key` that are advertised; `None` when it is not served.
pub fn served(key: ApiKey) -> Option<RangeInclusive<i16>> {
    if !SERVED.contains(&key) {
        return None;
    }
    let stable = key.versions();
    // Old librdkafka does not produce to a broker that does not list version 0, though it never uses it.
    Some(if key == ApiKey::Produce { 0..=*stable.end() } else { stable })
}

/// Answers; an unsupported version is answered in version 0 with what is supported, so that the client can ask again.
pub fn answer(broker: &Broker, mut header: Header, mut body: Reader) -> Reply {
    if !ApiVersionsRequest::VERSIONS.contains(&header.version) {
        header.version = 0;
        let only = ApiVersion { api_key: ApiKey::ApiVersions.code(), max_version: 4, ..Default::default() };
        return encode(&header, &failure(ErrorCode::UnsupportedVersion, vec![only]));
    }
    match ApiVersionsRequest::decode(&mut body, header.version) {
        Ok(request) if header.version >= 3 && !names_its_software(&request) => {
            encode(&header, &failure(ErrorCode::InvalidRequest, vec![]))
        }
        Ok(_) => encode(&header, &success(broker)),
        Err(error) => Reply::Close(format!("malformed ApiVersions request: {error}")),
    }
}

fn success(broker: &Broker) -> ApiVersionsResponse {
    let api_keys = SERVED
        .iter()
        .filter_map(|key| served(*key).map(|versions| (key, versions)))
        .map(|(key, versions)| ApiVersion {
            api_key: key.code(),
            min_version: *versions.start(),
            max_version: *versions.end(),
            ..Default::default()
        })
        .collect();
    let mut response = ApiVersionsResponse { api_keys, ..Default::default() };
    crate::features::describe(broker, &mut response);
    response
}

fn failure(error: ErrorCode, api_keys: Vec<ApiVersion>) -> ApiVersionsResponse {
    ApiVersionsResponse { error_code: error.code(), api_keys, ..Default::default() }
}

/// KIP-511: letters, digits, dots and dashes, with no dash or dot at the ends.
fn names_its_software(request: &ApiVersionsRequest) -> bool {
    [&request.client_software_name, &request.client_software_version].iter().all(|name| is_software_name(name))
}

fn is_software_name(name: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    let at_an_end = |c: char| c.is_ascii_alphanumeric();
    name.chars().all(inside) && name.starts_with(at_an_end) && name.ends_with(at_an_end)
}
