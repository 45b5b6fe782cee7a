//! What fake brokers know, and which of them does what.

use super::classic_group::ClassicGroup;
use super::consumer_group::ConsumerGroup;
use super::fetch::FakeSession;
use super::partition::Partition;
use super::serve::{Ask, Step, Then};
use model::{ErrorCode, Uuid};
use protocol::ApiKey;
use protocol::messages::api_versions::ApiVersion;
use protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, ConsumerGroupHeartbeatRequest, CreateTopicsRequest, FetchRequest,
    FindCoordinatorRequest, HeartbeatRequest, InitProducerIdRequest, InitProducerIdResponse, JoinGroupRequest,
    LeaveGroupRequest, ListOffsetsRequest, MetadataRequest, OffsetCommitRequest, OffsetFetchRequest, ProduceRequest,
    SyncGroupRequest,
};
use runtime::sync::Notify;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

type Scripted = Box<dyn FnOnce(&mut World, &Ask) -> Step + Send>;

/// Everything, for all brokers.
#[derive(Default)]
pub struct World {
    /// Address by number.
    pub brokers: BTreeMap<i32, String>,
    pub topics: BTreeMap<String, Topic>,
    /// The newest version served, where it is not Kafka's newest.
    pub newest: BTreeMap<ApiKey, i16>,
    /// Who serves administration, if not the first broker.
    pub controller: Option<i32>,
    /// Everything that was asked.
    pub seen: Vec<Ask>,
    /// How many connections were made.
    pub connections: usize,
    pub producer_ids_given: i64,
    pub sessions: BTreeMap<i32, FakeSession>,
    pub sessions_begun: i32,
    pub group: ClassicGroup,
    pub consumers: ConsumerGroup,
    /// Committed offsets with leader epoch and metadata.
    pub committed: BTreeMap<(String, i32), (i64, i32, String)>,
    /// Who coordinates, if not the first broker.
    pub coordinator: Option<i32>,
    pub(super) open: BTreeMap<usize, Open>,
    pub(super) scripts: BTreeMap<ApiKey, VecDeque<Scripted>>,
    topics_made: u8,
}

/// A topic.
pub struct Topic {
    pub id: Uuid,
    pub partitions: Vec<Partition>,
}

/// An open connection.
pub(super) struct Open {
    pub node: i32,
    pub cut: Arc<Notify>,
}

impl World {
    /// Makes a topic, with an id that no topic had before.
    pub fn add_topic(&mut self, name: &str, partitions: usize) {
        self.topics_made += 1;
        let partitions = (0..partitions).map(|_| Partition::led_by(1)).collect();
        self.topics.insert(name.to_owned(), Topic { id: Uuid([self.topics_made; 16]), partitions });
    }

    pub fn partition(&self, topic: &str, partition: usize) -> &Partition {
        &self.topics[topic].partitions[partition]
    }

    pub fn partition_mut(&mut self, topic: &str, partition: usize) -> &mut Partition {
        &mut self.topics.get_mut(topic).expect("the topic").partitions[partition]
    }

    /// Gives a topic so many partitions.
    pub fn grow(&mut self, name: &str, partitions: usize) {
        self.topics.get_mut(name).expect("the topic").partitions.resize_with(partitions, || Partition::led_by(1));
    }

    /// Whether nobody is connected.
    pub fn is_idle(&self) -> bool {
        self.open.is_empty()
    }

    /// Another broker leads every partition of a topic from now on.
    pub fn move_leaders(&mut self, topic: &str, to: i32) {
        for partition in &mut self.topics.get_mut(topic).expect("the topic").partitions {
            partition.leader = to;
            partition.leader_epoch += 1;
        }
    }

    /// Forgets what is scripted for an API.
    pub fn unscript(&mut self, key: ApiKey) {
        self.scripts.remove(&key);
    }

    /// The topic that a request names by name or by id.
    pub(super) fn name_of(&self, name: &str, id: Uuid) -> Option<String> {
        match name {
            "" => self.topics.iter().find(|(_, topic)| topic.id == id).map(|(name, _)| name.clone()),
            name => self.topics.contains_key(name).then(|| name.to_owned()),
        }
    }

    pub(super) fn react(&mut self, ask: Ask) -> Step {
        self.seen.push(ask.clone());
        if let Some(scripted) = self.scripts.get_mut(&ask.key()).and_then(VecDeque::pop_front) {
            return scripted(self, &ask);
        }
        match ask.key() {
            ApiKey::ApiVersions => ask.step::<ApiVersionsRequest>(Then::Answer(self.api_versions())),
            ApiKey::Metadata => {
                let answer = self.metadata(&ask.request());
                ask.step::<MetadataRequest>(Then::Answer(answer))
            }
            ApiKey::Produce => {
                let request: ProduceRequest = ask.request();
                let answer = self.produce(ask.node, &request);
                ask.step::<ProduceRequest>(if request.acks == 0 { Then::Silence } else { Then::Answer(answer) })
            }
            ApiKey::Fetch => {
                let then = self.fetch(&ask, &ask.request());
                ask.step::<FetchRequest>(then)
            }
            ApiKey::ListOffsets => {
                let answer = self.list_offsets(ask.node, &ask.request());
                ask.step::<ListOffsetsRequest>(Then::Answer(answer))
            }
            ApiKey::InitProducerId => ask.step::<InitProducerIdRequest>(Then::Answer(self.give_producer_id())),
            ApiKey::CreateTopics => {
                let answer = self.create_topics(&ask.request());
                ask.step::<CreateTopicsRequest>(Then::Answer(answer))
            }
            ApiKey::FindCoordinator => {
                let answer = self.find_coordinator(&ask.request(), ask.version);
                ask.step::<FindCoordinatorRequest>(Then::Answer(answer))
            }
            ApiKey::JoinGroup => {
                let then = self.join_group(&ask, ask.request());
                ask.step::<JoinGroupRequest>(then)
            }
            ApiKey::SyncGroup => {
                let then = self.sync_group(&ask, ask.request());
                ask.step::<SyncGroupRequest>(then)
            }
            ApiKey::Heartbeat => {
                let answer = self.heartbeat(&ask, &ask.request());
                ask.step::<HeartbeatRequest>(Then::Answer(answer))
            }
            ApiKey::LeaveGroup => {
                let answer = self.leave_group(&ask, &ask.request());
                ask.step::<LeaveGroupRequest>(Then::Answer(answer))
            }
            ApiKey::ConsumerGroupHeartbeat => {
                let answer = self.consumer_heartbeat(&ask, &ask.request());
                ask.step::<ConsumerGroupHeartbeatRequest>(Then::Answer(answer))
            }
            ApiKey::OffsetCommit => {
                let answer = self.offset_commit(&ask, &ask.request());
                ask.step::<OffsetCommitRequest>(Then::Answer(answer))
            }
            ApiKey::OffsetFetch => {
                let answer = self.offset_fetch(&ask, &ask.request());
                ask.step::<OffsetFetchRequest>(Then::Answer(answer))
            }
            key => panic!("{key:?} came and no story scripts it"),
        }
    }

    pub fn api_versions(&self) -> ApiVersionsResponse {
        let range = |key: &ApiKey| ApiVersion {
            api_key: key.code(),
            min_version: *key.versions().start(),
            max_version: self.newest.get(key).copied().unwrap_or(*key.versions().end()),
            ..ApiVersion::default()
        };
        ApiVersionsResponse { api_keys: ApiKey::ALL.iter().map(range).collect(), ..ApiVersionsResponse::default() }
    }

    pub fn give_producer_id(&mut self) -> InitProducerIdResponse {
        self.producer_ids_given += 1;
        InitProducerIdResponse { producer_id: 1000 + self.producer_ids_given, ..Default::default() }
    }

    pub fn refuse_producer_id(error: ErrorCode) -> InitProducerIdResponse {
        InitProducerIdResponse { error_code: error.code(), ..Default::default() }
    }
}
