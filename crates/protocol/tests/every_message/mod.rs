//! Every message there is, as data: a test loops over [`kinds`] instead of naming types.

use std::any::Any;
use std::fmt::Debug;
use std::ops::RangeInclusive;

use bytes::Bytes;
use protocol::schema::{Layout, Struct, Type};
use protocol::{DecodeError, EncodeError, Message, Reader, Request, Writer};

/// One type of message.
#[allow(dead_code)] // not every test needs everything
pub struct Kind {
    pub name: &'static str,
    pub role: Role,
    pub versions: RangeInclusive<i16>,
    pub flexible_from: i16,
    pub table: &'static Struct,
    /// Reads one from the front of the reader.
    pub decode: fn(&mut Reader, i16) -> Read,
    /// Its default.
    pub initial: fn() -> Box<dyn Value>,
}

/// What comes of reading a message.
pub type Read = Result<Box<dyn Value>, DecodeError>;

/// Where messages of a type stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code)] // not every test needs everything
pub enum Role {
    /// Behind a request header with this API key.
    Request(i16),
    /// Behind a response header.
    Response(i16),
    /// Inside of a record or another message.
    Payload,
}

/// A message whose type is forgotten.
#[allow(dead_code)] // not every test compares
pub trait Value: Debug {
    /// Its bytes in a version.
    fn encode(&self, version: i16) -> Result<Bytes, EncodeError>;
    /// Whether it is of the same type and equal.
    fn equals(&self, other: &dyn Value) -> bool;
    /// Itself.
    fn as_any(&self) -> &dyn Any;
}

impl<M: Message> Value for M {
    fn encode(&self, version: i16) -> Result<Bytes, EncodeError> {
        let mut writer = Writer::new();
        Message::encode(self, &mut writer, version)?;
        Ok(writer.finish_contiguous())
    }

    fn equals(&self, other: &dyn Value) -> bool {
        other.as_any().downcast_ref::<M>() == Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[allow(dead_code)] // not every test needs everything
impl Kind {
    /// How its messages are written in `version`.
    pub fn layout(&self, version: i16) -> Layout {
        Layout::new(version, self.flexible_from)
    }

    /// Reads a message that is all of `bytes`.
    pub fn decode_whole(&self, bytes: &Bytes, version: i16) -> Read {
        let mut reader = Reader::new(bytes.clone());
        let value = (self.decode)(&mut reader, version)?;
        assert_eq!(reader.remaining(), 0, "{} v{version} leaves bytes: {value:?}", self.name);
        Ok(value)
    }
}

fn kind<M: Message>(role: Role) -> Kind {
    let Type::Struct(table) = M::TYPE else { panic!("a message is a struct") };
    Kind {
        name: M::NAME,
        role,
        versions: M::VERSIONS,
        flexible_from: M::FLEXIBLE_FROM,
        table,
        decode: |reader, version| Ok(Box::new(<M as Message>::decode(reader, version)?)),
        initial: || Box::new(M::default()),
    }
}

macro_rules! every_kind {
    (requests { $($request:ident),* $(,)? } payloads { $($payload:ident),* $(,)? }) => {
        /// Every request, every response, every payload.
        pub fn kinds() -> Vec<Kind> {
            use protocol::messages::*;
            use protocol::payloads::*;
            vec![
                $( kind::<$request>(Role::Request($request::KEY.code())), )*
                $( kind::<<$request as Request>::Response>(Role::Response($request::KEY.code())), )*
                $( kind::<$payload>(Role::Payload), )*
            ]
        }
    };
}

every_kind! {
    requests {
        AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, AddRaftVoterRequest, AllocateProducerIdsRequest,
        AlterClientQuotasRequest, AlterConfigsRequest, AlterPartitionRequest, AlterPartitionReassignmentsRequest,
        AlterReplicaLogDirsRequest, AlterShareGroupOffsetsRequest, AlterUserScramCredentialsRequest,
        ApiVersionsRequest, AssignReplicasToDirsRequest, BeginQuorumEpochRequest, BrokerHeartbeatRequest,
        BrokerRegistrationRequest, ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest,
        ControllerRegistrationRequest, CreateAclsRequest, CreateDelegationTokenRequest, CreatePartitionsRequest,
        CreateTopicsRequest, DeleteAclsRequest, DeleteGroupsRequest, DeleteRecordsRequest,
        DeleteShareGroupOffsetsRequest, DeleteShareGroupStateRequest, DeleteTopicsRequest, DescribeAclsRequest,
        DescribeClientQuotasRequest, DescribeClusterRequest, DescribeConfigsRequest, DescribeDelegationTokenRequest,
        DescribeGroupsRequest, DescribeLogDirsRequest, DescribeProducersRequest, DescribeQuorumRequest,
        DescribeShareGroupOffsetsRequest, DescribeTopicPartitionsRequest, DescribeTransactionsRequest,
        DescribeUserScramCredentialsRequest, ElectLeadersRequest, EndQuorumEpochRequest, EndTxnRequest,
        EnvelopeRequest, ExpireDelegationTokenRequest, FetchRequest, FetchSnapshotRequest, FindCoordinatorRequest,
        GetTelemetrySubscriptionsRequest, HeartbeatRequest, IncrementalAlterConfigsRequest, InitProducerIdRequest,
        InitializeShareGroupStateRequest, JoinGroupRequest, LeaveGroupRequest, ListConfigResourcesRequest,
        ListGroupsRequest, ListOffsetsRequest, ListPartitionReassignmentsRequest, ListTransactionsRequest,
        MetadataRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest, OffsetForLeaderEpochRequest,
        ProduceRequest, PushTelemetryRequest, ReadShareGroupStateRequest, ReadShareGroupStateSummaryRequest,
        RemoveRaftVoterRequest, RenewDelegationTokenRequest, SaslAuthenticateRequest, SaslHandshakeRequest,
        ShareAcknowledgeRequest, ShareFetchRequest, ShareGroupDescribeRequest, ShareGroupHeartbeatRequest,
        StreamsGroupDescribeRequest, StreamsGroupHeartbeatRequest, SyncGroupRequest, TxnOffsetCommitRequest,
        UnregisterBrokerRequest, UpdateFeaturesRequest, UpdateRaftVoterRequest, VoteRequest,
        WriteShareGroupStateRequest, WriteTxnMarkersRequest,
    }
    payloads {
        ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue,
        ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue, ConsumerGroupMetadataKey,
        ConsumerGroupMetadataValue, ConsumerGroupPartitionMetadataKey, ConsumerGroupPartitionMetadataValue,
        ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue,
        ConsumerGroupTargetAssignmentMemberKey, ConsumerGroupTargetAssignmentMemberValue,
        ConsumerGroupTargetAssignmentMetadataKey, ConsumerGroupTargetAssignmentMetadataValue,
        ConsumerProtocolAssignment, ConsumerProtocolSubscription, ControlRecordTypeSchema, DefaultPrincipalData,
        EndTxnMarker, GroupMetadataKey, GroupMetadataValue, KRaftVersionRecord, LeaderChangeMessage,
        LegacyOffsetCommitKey, LegacyOffsetCommitValue, OffsetCommitKey, OffsetCommitValue,
        ShareGroupCurrentMemberAssignmentKey, ShareGroupCurrentMemberAssignmentValue, ShareGroupMemberMetadataKey,
        ShareGroupMemberMetadataValue, ShareGroupMetadataKey, ShareGroupMetadataValue,
        ShareGroupStatePartitionMetadataKey, ShareGroupStatePartitionMetadataValue,
        ShareGroupTargetAssignmentMemberKey, ShareGroupTargetAssignmentMemberValue,
        ShareGroupTargetAssignmentMetadataKey, ShareGroupTargetAssignmentMetadataValue, ShareSnapshotKey,
        ShareSnapshotValue, ShareUpdateKey, ShareUpdateValue, SnapshotFooterRecord, SnapshotHeaderRecord,
        StreamsGroupCurrentMemberAssignmentKey, StreamsGroupCurrentMemberAssignmentValue,
        StreamsGroupMemberMetadataKey, StreamsGroupMemberMetadataValue, StreamsGroupMetadataKey,
        StreamsGroupMetadataValue, StreamsGroupTargetAssignmentMemberKey, StreamsGroupTargetAssignmentMemberValue,
        StreamsGroupTargetAssignmentMetadataKey, StreamsGroupTargetAssignmentMetadataValue, StreamsGroupTopologyKey,
        StreamsGroupTopologyValue, TransactionLogKey, TransactionLogValue, VotersRecord,
    }
}
