//! One file for each API. Here: which are served, and the way from a frame to its handler and back.

pub mod alter_configs;
pub mod alter_partition_reassignments;
pub mod api_versions;
pub mod consumer_group_describe;
pub mod consumer_group_heartbeat;
pub mod create_acls;
pub mod create_delegation_token;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_acls;
pub mod delete_groups;
pub mod delete_records;
pub mod delete_topics;
pub mod describe_acls;
pub mod describe_cluster;
pub mod describe_configs;
pub mod describe_delegation_token;
pub mod describe_groups;
pub mod describe_log_dirs;
pub mod describe_producers;
pub mod describe_topic_partitions;
pub mod elect_leaders;
pub mod expire_delegation_token;
pub mod fetch;
pub mod find_coordinator;
pub mod heartbeat;
pub mod incremental_alter_configs;
pub mod init_producer_id;
pub mod join_group;
pub mod leave_group;
pub mod list_config_resources;
pub mod list_groups;
pub mod list_offsets;
pub mod list_partition_reassignments;
pub mod metadata;
pub mod offset_commit;
pub mod offset_delete;
pub mod offset_fetch;
pub mod offset_for_leader_epoch;
pub mod produce;
pub mod renew_delegation_token;
pub mod sasl_authenticate;
pub mod sasl_handshake;
pub mod sync_group;
pub mod unregister_broker;
pub mod update_features;

use crate::broker::Broker;
use crate::metadata::OfQuorum;
use bytes::Bytes;
use coordinator::group::Client;
use protocol::header::RequestHeader;
use protocol::messages::add_raft_voter::AddRaftVoterRequest;
use protocol::messages::describe_quorum::DescribeQuorumRequest;
use protocol::messages::remove_raft_voter::RemoveRaftVoterRequest;
use protocol::wire::{Reader, Text};
use protocol::{ApiKey, Message, Request, frame};
use runtime::sync::Notify;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS: all that can be done to a group.
const ALL_GROUP_OPERATIONS: i32 = 0x0d48;

/// What a request's connection tells about it.
#[derive(Clone, Debug)]
pub struct Context {
    /// The listener's place in the broker's list.
    pub listener: usize,
    /// The client's address, for messages.
    pub peer: Arc<str>,
    /// Its host, as coordinators keep it.
    host: Text,
    /// The version of the request at hand.
    pub version: i16,
    /// The client's id of the request at hand.
    pub client_id: Option<Text>,
    /// Told when another request has come behind a fetch.
    pub next_request: Arc<Notify>,
    /// When a replica's last fetch on this connection was answered: the next one is sent after that. In nanoseconds after
    /// the broker's start; 0 for never.
    pub answered_fetch: Arc<AtomicU64>,
}

impl Context {
    /// The context of a connection before its first request.
    pub fn new(listener: usize, peer: String) -> Context {
        let host = peer.rsplit_once(':').map_or(&*peer, |(host, _)| host);
        let host = format!("/{host}").into();
        Context {
            listener,
            peer: peer.into(),
            host,
            version: 0,
            client_id: None,
            next_request: Arc::default(),
            answered_fetch: Arc::default(),
        }
    }
}

/// A request header that names an API and a version served here.
#[derive(Clone, Debug)]
pub struct Header {
    /// Which API.
    pub key: ApiKey,
    /// Its version.
    pub version: i16,
    /// Given back with the answer.
    pub correlation_id: i32,
    /// Who asks, if it says so.
    pub client_id: Option<Text>,
}

/// What the connection does about a request.
#[derive(Debug)]
pub enum Reply {
    /// Send this frame, part by part.
    Frame(Vec<Bytes>),
    /// Send nothing (acks=0).
    Nothing,
    /// Close the connection: it cannot be told otherwise.
    Close(String),
}

/// Whether version `version` of `key` is served. ApiVersions takes any version: it answers with what there is.
fn is_served(key: ApiKey, version: i16) -> bool {
    key == ApiKey::ApiVersions || api_versions::served(key).is_some_and(|versions| versions.contains(&version))
}

/// Takes the header off a frame.
///
/// # Errors
/// Why the connection must be closed: no API of that number and version is served here, or the header is malformed.
pub fn decode_header(frame: Bytes) -> Result<(Header, Reader), String> {
    let (code, version) = match frame.first_chunk::<4>() {
        Some([a, b, c, d]) => (i16::from_be_bytes([*a, *b]), i16::from_be_bytes([*c, *d])),
        None => return Err("a request of less than 4 bytes".to_owned()),
    };
    let Some(key) = ApiKey::from_code(code).filter(|key| is_served(*key, version)) else {
        return Err(format!("version {version} of API {code} is not served: ask ApiVersions what is"));
    };
    let mut reader = Reader::new(frame);
    let header = RequestHeader::decode(&mut reader).map_err(|e| format!("malformed request header: {e}"))?;
    let correlation_id = header.correlation_id;
    Ok((Header { key, version, correlation_id, client_id: header.client_id }, reader))
}

/// Answers any request but Produce, which is accepted first and answered later.
pub async fn handle(broker: &Arc<Broker>, context: &mut Context, header: Header, body: Reader) -> Reply {
    context.version = header.version;
    context.client_id.clone_from(&header.client_id);
    let context = &*context;
    match header.key {
        ApiKey::ApiVersions => api_versions::answer(broker, header, body),
        ApiKey::Fetch => boxed(header, body, async |r| fetch::handle(broker, context, r).await).await,
        ApiKey::InitProducerId => boxed(header, body, async |r| init_producer_id::handle(broker, r).await).await,
        ApiKey::ListOffsets => boxed(header, body, async |r| list_offsets::handle(broker, context, r).await).await,
        ApiKey::OffsetForLeaderEpoch => boxed(header, body, async |r| offset_for_leader_epoch::handle(broker, r)).await,
        key if is_of_groups(key) => handle_groups(broker, context, key, header, body).await,
        key if is_of_security(key) => handle_security(key, header, body).await,
        key => handle_admin(broker, context, key, header, body).await,
    }
}

fn is_of_groups(key: ApiKey) -> bool {
    use ApiKey::*;
    let member = matches!(key, JoinGroup | SyncGroup | Heartbeat | LeaveGroup | ConsumerGroupHeartbeat);
    let offsets = matches!(key, OffsetCommit | OffsetFetch | OffsetDelete);
    let admin = matches!(key, FindCoordinator | ListGroups | DescribeGroups | DeleteGroups | ConsumerGroupDescribe);
    member || offsets || admin
}

async fn handle_groups(broker: &Arc<Broker>, context: &Context, key: ApiKey, header: Header, body: Reader) -> Reply {
    match key {
        ApiKey::OffsetCommit => boxed(header, body, async |r| offset_commit::handle(broker, context, r).await).await,
        ApiKey::OffsetFetch => boxed(header, body, async |r| offset_fetch::handle(broker, context, r).await).await,
        ApiKey::OffsetDelete => boxed(header, body, async |r| offset_delete::handle(broker, r).await).await,
        ApiKey::JoinGroup => boxed(header, body, async |r| join_group::handle(broker, context, r).await).await,
        ApiKey::SyncGroup => boxed(header, body, async |r| sync_group::handle(broker, context, r).await).await,
        ApiKey::Heartbeat => boxed(header, body, async |r| heartbeat::handle(broker, context, r).await).await,
        ApiKey::LeaveGroup => boxed(header, body, async |r| leave_group::handle(broker, context, r).await).await,
        ApiKey::ConsumerGroupHeartbeat => {
            boxed(header, body, async |r| consumer_group_heartbeat::handle(broker, context, r).await).await
        }
        ApiKey::ConsumerGroupDescribe => {
            boxed(header, body, async |r| consumer_group_describe::handle(broker, r).await).await
        }
        ApiKey::DescribeGroups => {
            boxed(header, body, async |r| describe_groups::handle(broker, context, r).await).await
        }
        ApiKey::DeleteGroups => boxed(header, body, async |r| delete_groups::handle(broker, r).await).await,
        ApiKey::ListGroups => boxed(header, body, async |r| list_groups::handle(broker, r).await).await,
        ApiKey::FindCoordinator => {
            boxed(header, body, async |r| find_coordinator::handle(broker, context, r).await).await
        }
        key => Reply::Close(format!("{} is not served", key.name())),
    }
}

fn is_of_security(key: ApiKey) -> bool {
    use ApiKey::*;
    let acls = matches!(key, DescribeAcls | CreateAcls | DeleteAcls);
    let tokens =
        matches!(key, CreateDelegationToken | RenewDelegationToken | ExpireDelegationToken | DescribeDelegationToken);
    acls || tokens || matches!(key, SaslHandshake | SaslAuthenticate)
}

/// There is no security yet. Kafka without any answers these too, and tools tell what they are told.
async fn handle_security(key: ApiKey, header: Header, body: Reader) -> Reply {
    match key {
        ApiKey::SaslHandshake => boxed(header, body, async |r| sasl_handshake::handle(r)).await,
        ApiKey::SaslAuthenticate => boxed(header, body, async |r| sasl_authenticate::handle(r)).await,
        ApiKey::DescribeAcls => boxed(header, body, async |r| describe_acls::handle(r)).await,
        ApiKey::CreateAcls => boxed(header, body, async |r| create_acls::handle(r)).await,
        ApiKey::DeleteAcls => boxed(header, body, async |r| delete_acls::handle(r)).await,
        ApiKey::CreateDelegationToken => boxed(header, body, async |r| create_delegation_token::handle(r)).await,
        ApiKey::RenewDelegationToken => boxed(header, body, async |r| renew_delegation_token::handle(r)).await,
        ApiKey::ExpireDelegationToken => boxed(header, body, async |r| expire_delegation_token::handle(r)).await,
        ApiKey::DescribeDelegationToken => boxed(header, body, async |r| describe_delegation_token::handle(r)).await,
        key => Reply::Close(format!("{} is not served", key.name())),
    }
}

/// Who asks, as a coordinator keeps it.
fn client(context: &Context) -> Client {
    Client { id: context.client_id.clone().unwrap_or_default(), host: context.host.clone() }
}

async fn handle_admin(broker: &Arc<Broker>, context: &Context, key: ApiKey, header: Header, body: Reader) -> Reply {
    match key {
        ApiKey::Metadata => boxed(header, body, async |r| metadata::handle(broker, context, r).await).await,
        ApiKey::CreateTopics => boxed(header, body, async |r| create_topics::handle(broker, r).await).await,
        ApiKey::DeleteTopics => boxed(header, body, async |r| delete_topics::handle(broker, r).await).await,
        ApiKey::CreatePartitions => boxed(header, body, async |r| create_partitions::handle(broker, r).await).await,
        ApiKey::DeleteRecords => boxed(header, body, async |r| delete_records::handle(broker, r).await).await,
        ApiKey::DescribeConfigs => boxed(header, body, async |r| describe_configs::handle(broker, r)).await,
        ApiKey::AlterConfigs => boxed(header, body, async |r| alter_configs::handle(broker, r).await).await,
        ApiKey::IncrementalAlterConfigs => {
            boxed(header, body, async |r| incremental_alter_configs::handle(broker, r).await).await
        }
        ApiKey::DescribeCluster => boxed(header, body, async |r| describe_cluster::handle(broker, context, r)).await,
        ApiKey::DescribeTopicPartitions => {
            boxed(header, body, async |r| describe_topic_partitions::handle(broker, r)).await
        }
        ApiKey::DescribeLogDirs => boxed(header, body, async |r| describe_log_dirs::handle(broker, r).await).await,
        ApiKey::DescribeProducers => boxed(header, body, async |r| describe_producers::handle(broker, r).await).await,
        ApiKey::ElectLeaders => boxed(header, body, async |r| elect_leaders::handle(broker, r).await).await,
        ApiKey::AlterPartitionReassignments => {
            boxed(header, body, async |r| alter_partition_reassignments::handle(broker, r).await).await
        }
        ApiKey::ListPartitionReassignments => {
            boxed(header, body, async |r| list_partition_reassignments::handle(broker, r)).await
        }
        ApiKey::UnregisterBroker => boxed(header, body, async |r| unregister_broker::handle(broker, r).await).await,
        ApiKey::UpdateFeatures => boxed(header, body, async |r| update_features::handle(broker, r).await).await,
        ApiKey::DescribeQuorum => {
            boxed(header, body, async |r| ask_quorum::<DescribeQuorumRequest>(broker, r).await).await
        }
        ApiKey::AddRaftVoter => boxed(header, body, async |r| ask_quorum::<AddRaftVoterRequest>(broker, r).await).await,
        ApiKey::RemoveRaftVoter => {
            boxed(header, body, async |r| ask_quorum::<RemoveRaftVoterRequest>(broker, r).await).await
        }
        ApiKey::ListConfigResources => {
            boxed(header, body, async |r| list_config_resources::handle(broker, context, r)).await
        }
        key => Reply::Close(format!("{} is not served", key.name())),
    }
}

/// What the quorum's leader answers itself.
async fn ask_quorum<R: OfQuorum>(broker: &Broker, request: R) -> R::Response {
    broker.metadata.ask_quorum(request).await
}

/// Decodes a request, lets `handler` answer it, and encodes the answer. Boxed, so that a connection's task is no
/// larger than the handler it runs.
async fn boxed<R: Request>(header: Header, mut body: Reader, handler: impl AsyncFnOnce(R) -> R::Response) -> Reply {
    let request = match R::decode(&mut body, header.version) {
        Ok(request) => request,
        Err(error) => return Reply::Close(format!("malformed {} version {}: {error}", R::NAME, header.version)),
    };
    drop(body);
    let response = Box::pin(handler(request)).await;
    encode(&header, &response)
}

/// The frame that carries `response`.
pub(crate) fn encode(header: &Header, response: &impl Message) -> Reply {
    match frame::encode_response(header.correlation_id, header.key, header.version, response) {
        Ok(parts) => Reply::Frame(parts),
        // A value that this version cannot carry is a mistake of ours; the client must not wait for ever.
        Err(error) => {
            tracing::error!("cannot encode {} version {}: {error}", header.key.name(), header.version);
            Reply::Close(format!("the answer cannot be encoded: {error}"))
        }
    }
}
