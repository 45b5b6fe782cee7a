//! Against the `kafka-protocol` crate, for every message and version that both know: what one writes the other reads,
//! field by field the same, and writes the same.

mod every_message;
mod samples;

#[path = "differential/batches.rs"]
mod batches;
#[path = "differential/debug_tree.rs"]
mod debug_tree;

use std::fmt::Debug;

use bytes::{Buf, Bytes, BytesMut};
use debug_tree::Tree;
use every_message::{Kind, Value, kinds};
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable, Message};
use model::Uuid;
use protocol::header::{RequestHeader, ResponseHeader, request_header_version, response_header_version};
use protocol::{ApiKey, Reader, Writer};
use samples::Dice;

/// Messages of each type in each version.
const SAMPLES: u64 = 16;

/// A type of message as the other crate has it.
struct Other {
    name: &'static str,
    versions: std::ops::RangeInclusive<i16>,
    /// Reads a message that is all of the bytes; what it prints and writes.
    recode: fn(Bytes, i16) -> Result<Seen, String>,
    /// Its default: what it prints and writes.
    initial: fn(i16) -> Result<Seen, String>,
}

struct Seen {
    printed: String,
    written: Bytes,
}

fn seen<M: Encodable + Debug>(message: &M, version: i16) -> Result<Seen, String> {
    let mut written = BytesMut::new();
    message.encode(&mut written, version).map_err(|error| format!("{error:#}: {message:?}"))?;
    Ok(Seen { printed: format!("{message:?}"), written: written.freeze() })
}

fn other<M: Message + Encodable + Decodable + Default + Debug>(name: &'static str) -> Other {
    Other {
        name,
        versions: M::VERSIONS.min..=M::VERSIONS.max,
        recode: |mut bytes, version| {
            let message = M::decode(&mut bytes, version).map_err(|error| format!("{error:#}"))?;
            assert!(!bytes.has_remaining(), "the other crate leaves bytes: {message:?}");
            seen(&message, version)
        },
        initial: |version| seen(&M::default(), version),
    }
}

/// Every message that both crates have, and both sides of it.
fn pairs() -> Vec<(Kind, Other)> {
    let mut kinds = kinds();
    let mut take = |name| kinds.swap_remove(kinds.iter().position(|kind| kind.name == name).expect("ours"));
    every_other().into_iter().map(|other| (take(other.name), other)).collect()
}

fn for_each_version(mut check: impl FnMut(&Kind, &Other, i16)) {
    for (kind, other) in pairs() {
        for version in kind.versions.clone().filter(|version| other.versions.contains(version)) {
            check(&kind, &other, version);
        }
    }
}

#[test]
fn no_message_and_no_version_of_the_other_crate_is_left_out() {
    let pairs = pairs();
    for key in theirs::ApiKey::iter() {
        let ours = ApiKey::from_code(key as i16).expect("an API key of both");
        for end in ["Request", "Response"] {
            let name = format!("{}{end}", ours.name());
            assert!(pairs.iter().any(|(kind, _)| kind.name == name), "{name} is not compared");
        }
    }
    for (kind, other) in pairs {
        assert_eq!(kind.versions.start(), other.versions.start(), "first version of {}", kind.name);
        assert!(kind.versions.end() >= other.versions.end(), "last version of {}", kind.name);
    }
}

#[test]
fn messages_mean_the_same_to_both() {
    for_each_version(|kind, other, version| {
        for seed in 0..SAMPLES {
            let mut bytes = samples::message(kind.table, kind.layout(version), &mut Dice::new(seed));
            if kind.table.fields[0].0.name == "version" {
                // The other crate takes this field for the version of the structs that come after it.
                bytes[..2].copy_from_slice(&version.to_be_bytes());
            }
            let bytes = Bytes::from(bytes);
            let ours = kind.decode_whole(&bytes, version).expect("a sample");
            let seen = (other.recode)(bytes.clone(), version);
            let seen = seen.unwrap_or_else(|error| panic!("{} v{version}: {error}: {ours:?}", kind.name));
            assert_eq!(seen.written, bytes, "{} v{version}: {ours:?} against {}", kind.name, seen.printed);
            compare(kind.name, &*ours, &seen.printed);
        }
    });
}

#[test]
fn defaults_are_the_same_in_both() {
    for_each_version(|kind, other, version| {
        let initial = (kind.initial)();
        let seen = (other.initial)(version).unwrap_or_else(|error| panic!("{} v{version}: {error}", kind.name));
        compare(kind.name, &*initial, &seen.printed);
        assert_eq!(initial.encode(version).as_ref(), Ok(&seen.written), "{} v{version}", kind.name);
        assert!(kind.decode_whole(&seen.written, version).expect("a default").equals(&*initial));
    });
}

/// Checks that every field of theirs is in ours under the same name, with the same value.
fn compare(name: &str, ours: &dyn Value, theirs: &str) {
    let ours = format!("{ours:?}");
    let difference = difference(&Tree::parse(&ours), &Tree::parse(theirs));
    assert_eq!(difference, None, "{name} differs here: {ours} against {theirs}");
}

/// The path to a value that differs.
fn difference(ours: &Tree, theirs: &Tree) -> Option<String> {
    match (ours, theirs) {
        (Tree::Struct(ours), Tree::Struct(theirs)) => theirs.iter().find_map(|(name, their_value)| {
            // Words are parted in other places: type_ and _type, enable2_pc and enable_2_pc.
            let letters = |name: &str| name.replace('_', "");
            let path = match ours.iter().find(|(our_name, _)| letters(our_name) == letters(name)) {
                Some((_, our_value)) => difference(our_value, their_value)?,
                None => "missing".to_owned(),
            };
            Some(format!("{name}.{path}"))
        }),
        (Tree::List(ours), Tree::List(theirs)) if ours.len() == theirs.len() => {
            ours.iter().zip(theirs).find_map(|(ours, theirs)| difference(ours, theirs))
        }
        (Tree::Null, Tree::List(tagged_fields)) if tagged_fields.is_empty() => None,
        (Tree::Atom(ours), Tree::Atom(theirs)) if ours == theirs || Some(ours.clone()) == uuid(theirs) => None,
        (ours, theirs) if ours == theirs => None,
        (ours, theirs) => Some(format!("{ours:?} != {theirs:?}")),
    }
}

/// Our way of printing an id that is printed in groups of hexadecimal digits.
fn uuid(hyphenated: &str) -> Option<String> {
    let digits: String = hyphenated.split('-').collect();
    (digits.len() == 32).then_some(())?;
    Some(Uuid(u128::from_str_radix(&digits, 16).ok()?.to_be_bytes()).to_string())
}

#[test]
fn headers_mean_the_same_to_both() {
    for key in theirs::ApiKey::iter() {
        let ours = ApiKey::from_code(key as i16).expect("an API key of both");
        for version in ours.definition().versions.first..=ours.definition().versions.last {
            let header_version = request_header_version(ours, version);
            assert_eq!(header_version, key.request_header_version(version), "{key:?} v{version}");
            assert_eq!(
                response_header_version(ours, version),
                key.response_header_version(version),
                "{key:?} v{version}"
            );
            let header = theirs::RequestHeader::default()
                .with_request_api_key(key as i16)
                .with_request_api_version(version)
                .with_correlation_id(0x0102_0304)
                .with_client_id((version % 2 == 0).then(|| "näme".into()));
            let seen = seen(&header, header_version).expect("a header");
            let read = RequestHeader::decode(&mut Reader::new(seen.written.clone())).expect("a header");
            assert_eq!(read.client_id.as_deref(), header.client_id.as_deref());
            assert_eq!((read.api_version, read.correlation_id), (version, 0x0102_0304));
            let mut writer = Writer::new();
            read.encode(&mut writer).expect("what was read can be written");
            assert_eq!(writer.finish_contiguous(), seen.written);
        }
    }
    for version in [0, 1] {
        let seen = seen(&theirs::ResponseHeader::default().with_correlation_id(7), version).expect("a header");
        let read = ResponseHeader::decode(&mut Reader::new(seen.written), version).expect("a header");
        assert_eq!(read, ResponseHeader { correlation_id: 7, ..ResponseHeader::default() });
    }
}

macro_rules! others {
    ($($name:ident),* $(,)?) => { vec![$( other::<theirs::$name>(stringify!($name)) ),*] };
}

#[rustfmt::skip] // a line each would be long
fn every_other() -> Vec<Other> {
    others![
        AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
        AddRaftVoterRequest, AddRaftVoterResponse, AllocateProducerIdsRequest, AllocateProducerIdsResponse,
        AlterClientQuotasRequest, AlterClientQuotasResponse, AlterConfigsRequest, AlterConfigsResponse,
        AlterPartitionRequest, AlterPartitionResponse, AlterPartitionReassignmentsRequest,
        AlterPartitionReassignmentsResponse, AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse,
        AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse, AlterUserScramCredentialsRequest,
        AlterUserScramCredentialsResponse, ApiVersionsRequest, ApiVersionsResponse, AssignReplicasToDirsRequest,
        AssignReplicasToDirsResponse, BeginQuorumEpochRequest, BeginQuorumEpochResponse, BrokerHeartbeatRequest,
        BrokerHeartbeatResponse, BrokerRegistrationRequest, BrokerRegistrationResponse, ConsumerGroupDescribeRequest,
        ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
        ControllerRegistrationRequest, ControllerRegistrationResponse, CreateAclsRequest, CreateAclsResponse,
        CreateDelegationTokenRequest, CreateDelegationTokenResponse, CreatePartitionsRequest,
        CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse, DeleteAclsRequest, DeleteAclsResponse,
        DeleteGroupsRequest, DeleteGroupsResponse, DeleteRecordsRequest, DeleteRecordsResponse,
        DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse, DeleteShareGroupStateRequest,
        DeleteShareGroupStateResponse, DeleteTopicsRequest, DeleteTopicsResponse, DescribeAclsRequest,
        DescribeAclsResponse, DescribeClientQuotasRequest, DescribeClientQuotasResponse, DescribeClusterRequest,
        DescribeClusterResponse, DescribeConfigsRequest, DescribeConfigsResponse, DescribeDelegationTokenRequest,
        DescribeDelegationTokenResponse, DescribeGroupsRequest, DescribeGroupsResponse, DescribeLogDirsRequest,
        DescribeLogDirsResponse, DescribeProducersRequest, DescribeProducersResponse, DescribeQuorumRequest,
        DescribeQuorumResponse, DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse,
        DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, DescribeTransactionsRequest,
        DescribeTransactionsResponse, DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse,
        ElectLeadersRequest, ElectLeadersResponse, EndQuorumEpochRequest, EndQuorumEpochResponse, EndTxnRequest,
        EndTxnResponse, EnvelopeRequest, EnvelopeResponse, ExpireDelegationTokenRequest,
        ExpireDelegationTokenResponse, FetchRequest, FetchResponse, FetchSnapshotRequest, FetchSnapshotResponse,
        FindCoordinatorRequest, FindCoordinatorResponse, GetTelemetrySubscriptionsRequest,
        GetTelemetrySubscriptionsResponse, HeartbeatRequest, HeartbeatResponse, IncrementalAlterConfigsRequest,
        IncrementalAlterConfigsResponse, InitProducerIdRequest, InitProducerIdResponse,
        InitializeShareGroupStateRequest, InitializeShareGroupStateResponse, JoinGroupRequest, JoinGroupResponse,
        LeaveGroupRequest, LeaveGroupResponse, ListConfigResourcesRequest, ListConfigResourcesResponse,
        ListGroupsRequest, ListGroupsResponse, ListOffsetsRequest, ListOffsetsResponse,
        ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, ListTransactionsRequest,
        ListTransactionsResponse, MetadataRequest, MetadataResponse, OffsetCommitRequest, OffsetCommitResponse,
        OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchRequest, OffsetFetchResponse,
        OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, ProduceRequest, ProduceResponse,
        PushTelemetryRequest, PushTelemetryResponse, ReadShareGroupStateRequest, ReadShareGroupStateResponse,
        ReadShareGroupStateSummaryRequest, ReadShareGroupStateSummaryResponse, RemoveRaftVoterRequest,
        RemoveRaftVoterResponse, RenewDelegationTokenRequest, RenewDelegationTokenResponse, SaslAuthenticateRequest,
        SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse, ShareAcknowledgeRequest,
        ShareAcknowledgeResponse, ShareFetchRequest, ShareFetchResponse, ShareGroupDescribeRequest,
        ShareGroupDescribeResponse, ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse, SyncGroupRequest,
        SyncGroupResponse, TxnOffsetCommitRequest, TxnOffsetCommitResponse, UnregisterBrokerRequest,
        UnregisterBrokerResponse, UpdateFeaturesRequest, UpdateFeaturesResponse, UpdateRaftVoterRequest,
        UpdateRaftVoterResponse, VoteRequest, VoteResponse, WriteShareGroupStateRequest,
        WriteShareGroupStateResponse, WriteTxnMarkersRequest, WriteTxnMarkersResponse, ConsumerProtocolAssignment,
        ConsumerProtocolSubscription, DefaultPrincipalData, EndTxnMarker, KRaftVersionRecord, LeaderChangeMessage,
        SnapshotFooterRecord, SnapshotHeaderRecord, VotersRecord,
    ]
}
