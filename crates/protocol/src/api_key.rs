//! The APIs by number.

use std::ops::RangeInclusive;

use crate::message::Request;
use crate::messages;
use crate::schema::Versions;

/// The head of an API's table.
#[derive(Clone, Copy, Debug)]
pub struct ApiDefinition {
    /// Its name, without "Request".
    pub name: &'static str,
    /// The versions that can be read and written, an unstable one included.
    pub versions: Versions,
    /// The first version with compact lengths and tagged fields; `i16::MAX` for none.
    pub flexible_from: i16,
    /// A last version that Kafka does not hold final yet.
    pub latest_unstable: Option<i16>,
    /// Where Kafka serves it.
    pub listeners: Listeners,
}

/// The kinds of listener that serve an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listeners {
    /// Brokers' listeners.
    pub broker: bool,
    /// Controllers' listeners.
    pub controller: bool,
}

impl Listeners {
    /// No listener.
    pub const NONE: Listeners = Listeners { broker: false, controller: false };
}

macro_rules! apis {
    ($($key:ident $request:ident = $code:literal,)*) => {
        /// An API of Kafka 4.3.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        #[allow(missing_docs)] // the names are the documentation
        pub enum ApiKey { $($key = $code,)* }

        impl ApiKey {
            /// Every API, by number.
            pub const ALL: &[ApiKey] = &[$(ApiKey::$key),*];

            /// The API of a number from the wire.
            pub const fn from_code(code: i16) -> Option<ApiKey> {
                match code {
                    $($code => Some(ApiKey::$key),)*
                    _ => None,
                }
            }

            /// The head of its table.
            pub const fn definition(self) -> &'static ApiDefinition {
                match self {
                    $(ApiKey::$key => &<messages::$request as Request>::DEFINITION,)*
                }
            }
        }
    };
}

apis! {
    Produce ProduceRequest = 0,
    Fetch FetchRequest = 1,
    ListOffsets ListOffsetsRequest = 2,
    Metadata MetadataRequest = 3,
    OffsetCommit OffsetCommitRequest = 8,
    OffsetFetch OffsetFetchRequest = 9,
    FindCoordinator FindCoordinatorRequest = 10,
    JoinGroup JoinGroupRequest = 11,
    Heartbeat HeartbeatRequest = 12,
    LeaveGroup LeaveGroupRequest = 13,
    SyncGroup SyncGroupRequest = 14,
    DescribeGroups DescribeGroupsRequest = 15,
    ListGroups ListGroupsRequest = 16,
    SaslHandshake SaslHandshakeRequest = 17,
    ApiVersions ApiVersionsRequest = 18,
    CreateTopics CreateTopicsRequest = 19,
    DeleteTopics DeleteTopicsRequest = 20,
    DeleteRecords DeleteRecordsRequest = 21,
    InitProducerId InitProducerIdRequest = 22,
    OffsetForLeaderEpoch OffsetForLeaderEpochRequest = 23,
    AddPartitionsToTxn AddPartitionsToTxnRequest = 24,
    AddOffsetsToTxn AddOffsetsToTxnRequest = 25,
    EndTxn EndTxnRequest = 26,
    WriteTxnMarkers WriteTxnMarkersRequest = 27,
    TxnOffsetCommit TxnOffsetCommitRequest = 28,
    DescribeAcls DescribeAclsRequest = 29,
    CreateAcls CreateAclsRequest = 30,
    DeleteAcls DeleteAclsRequest = 31,
    DescribeConfigs DescribeConfigsRequest = 32,
    AlterConfigs AlterConfigsRequest = 33,
    AlterReplicaLogDirs AlterReplicaLogDirsRequest = 34,
    DescribeLogDirs DescribeLogDirsRequest = 35,
    SaslAuthenticate SaslAuthenticateRequest = 36,
    CreatePartitions CreatePartitionsRequest = 37,
    CreateDelegationToken CreateDelegationTokenRequest = 38,
    RenewDelegationToken RenewDelegationTokenRequest = 39,
    ExpireDelegationToken ExpireDelegationTokenRequest = 40,
    DescribeDelegationToken DescribeDelegationTokenRequest = 41,
    DeleteGroups DeleteGroupsRequest = 42,
    ElectLeaders ElectLeadersRequest = 43,
    IncrementalAlterConfigs IncrementalAlterConfigsRequest = 44,
    AlterPartitionReassignments AlterPartitionReassignmentsRequest = 45,
    ListPartitionReassignments ListPartitionReassignmentsRequest = 46,
    OffsetDelete OffsetDeleteRequest = 47,
    DescribeClientQuotas DescribeClientQuotasRequest = 48,
    AlterClientQuotas AlterClientQuotasRequest = 49,
    DescribeUserScramCredentials DescribeUserScramCredentialsRequest = 50,
    AlterUserScramCredentials AlterUserScramCredentialsRequest = 51,
    Vote VoteRequest = 52,
    BeginQuorumEpoch BeginQuorumEpochRequest = 53,
    EndQuorumEpoch EndQuorumEpochRequest = 54,
    DescribeQuorum DescribeQuorumRequest = 55,
    AlterPartition AlterPartitionRequest = 56,
    UpdateFeatures UpdateFeaturesRequest = 57,
    Envelope EnvelopeRequest = 58,
    FetchSnapshot FetchSnapshotRequest = 59,
    DescribeCluster DescribeClusterRequest = 60,
    DescribeProducers DescribeProducersRequest = 61,
    BrokerRegistration BrokerRegistrationRequest = 62,
    BrokerHeartbeat BrokerHeartbeatRequest = 63,
    UnregisterBroker UnregisterBrokerRequest = 64,
    DescribeTransactions DescribeTransactionsRequest = 65,
    ListTransactions ListTransactionsRequest = 66,
    AllocateProducerIds AllocateProducerIdsRequest = 67,
    ConsumerGroupHeartbeat ConsumerGroupHeartbeatRequest = 68,
    ConsumerGroupDescribe ConsumerGroupDescribeRequest = 69,
    ControllerRegistration ControllerRegistrationRequest = 70,
    GetTelemetrySubscriptions GetTelemetrySubscriptionsRequest = 71,
    PushTelemetry PushTelemetryRequest = 72,
    AssignReplicasToDirs AssignReplicasToDirsRequest = 73,
    ListConfigResources ListConfigResourcesRequest = 74,
    DescribeTopicPartitions DescribeTopicPartitionsRequest = 75,
    ShareGroupHeartbeat ShareGroupHeartbeatRequest = 76,
    ShareGroupDescribe ShareGroupDescribeRequest = 77,
    ShareFetch ShareFetchRequest = 78,
    ShareAcknowledge ShareAcknowledgeRequest = 79,
    AddRaftVoter AddRaftVoterRequest = 80,
    RemoveRaftVoter RemoveRaftVoterRequest = 81,
    UpdateRaftVoter UpdateRaftVoterRequest = 82,
    InitializeShareGroupState InitializeShareGroupStateRequest = 83,
    ReadShareGroupState ReadShareGroupStateRequest = 84,
    WriteShareGroupState WriteShareGroupStateRequest = 85,
    DeleteShareGroupState DeleteShareGroupStateRequest = 86,
    ReadShareGroupStateSummary ReadShareGroupStateSummaryRequest = 87,
    StreamsGroupHeartbeat StreamsGroupHeartbeatRequest = 88,
    StreamsGroupDescribe StreamsGroupDescribeRequest = 89,
    DescribeShareGroupOffsets DescribeShareGroupOffsetsRequest = 90,
    AlterShareGroupOffsets AlterShareGroupOffsetsRequest = 91,
    DeleteShareGroupOffsets DeleteShareGroupOffsetsRequest = 92,
}

impl ApiKey {
    /// Its number on the wire.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// Its name, without "Request".
    pub const fn name(self) -> &'static str {
        self.definition().name
    }

    /// Its final versions, without one that is latest unstable.
    pub const fn versions(self) -> RangeInclusive<i16> {
        let Versions { first, last } = self.definition().versions;
        match self.definition().latest_unstable {
            Some(unstable) => first..=unstable - 1,
            None => first..=last,
        }
    }

    /// A last version that Kafka does not hold final yet: served only under `unstable.api.versions.enable`.
    pub const fn latest_unstable(self) -> Option<i16> {
        self.definition().latest_unstable
    }

    /// Where Kafka serves it.
    pub const fn listeners(self) -> Listeners {
        self.definition().listeners
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_api_reads_back_from_its_number() {
        for key in ApiKey::ALL {
            assert_eq!(ApiKey::from_code(key.code()), Some(*key));
        }
        assert_eq!(ApiKey::from_code(4), None);
        assert_eq!(ApiKey::from_code(-1), None);
    }

    #[test]
    fn an_unstable_version_is_not_among_the_final_ones() {
        assert_eq!(ApiKey::InitProducerId.versions(), 0..=5);
        assert_eq!(ApiKey::InitProducerId.latest_unstable(), Some(6));
        assert_eq!(ApiKey::Fetch.versions(), 4..=18);
    }
}
