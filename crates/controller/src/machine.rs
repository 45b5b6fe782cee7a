//! The machine: which request goes where.

use crate::features::ELIGIBLE_LEADER_REPLICAS;
use crate::found::Founding;
use crate::partition_draft::Draft;
use crate::records::Record;
use crate::register_broker::FoundReplicas;
use crate::replay;
use crate::replica_index::{PartitionKey, ReplicaIndex};
use crate::reported_replicas::ReportedReplicas;
use crate::sessions::Sessions;
use crate::settings::Settings;
use crate::topic_rules::TopicRules;
use model::dice::Dice;
use model::metadata_image::{BrokerImage, ConfigResource, Configs, MetadataImage};
use model::state_machine::{Entry, Instant, Now, Outbox, Position, StateMachine, Ticket};
use model::{ErrorCode, NodeId, Offset, PartitionId, Uuid};
use protocol::messages::allocate_producer_ids::{AllocateProducerIdsRequest, AllocateProducerIdsResponse};
use protocol::messages::alter_configs::{AlterConfigsRequest, AlterConfigsResponse};
use protocol::messages::alter_partition::{AlterPartitionRequest, AlterPartitionResponse};
use protocol::messages::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
};
use protocol::messages::assign_replicas_to_dirs::{AssignReplicasToDirsRequest, AssignReplicasToDirsResponse};
use protocol::messages::broker_heartbeat::{BrokerHeartbeatRequest, BrokerHeartbeatResponse};
use protocol::messages::broker_registration::{BrokerRegistrationRequest, BrokerRegistrationResponse};
use protocol::messages::create_partitions::{CreatePartitionsRequest, CreatePartitionsResponse};
use protocol::messages::create_topics::{CreateTopicsRequest, CreateTopicsResponse};
use protocol::messages::delete_topics::{DeleteTopicsRequest, DeleteTopicsResponse};
use protocol::messages::elect_leaders::{ElectLeadersRequest, ElectLeadersResponse};
use protocol::messages::incremental_alter_configs::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};
use protocol::messages::unregister_broker::{UnregisterBrokerRequest, UnregisterBrokerResponse};
use protocol::messages::update_features::{UpdateFeaturesRequest, UpdateFeaturesResponse};
use std::collections::BTreeMap;
use std::convert::Infallible;

/// The cluster's metadata and the decisions about it.
#[derive(Debug)]
pub struct Controller {
    hard: MetadataImage,
    index: ReplicaIndex,
    soft: Soft,
}

/// What the log does not hold.
#[derive(Debug)]
pub(crate) struct Soft {
    pub dice: Dice,
    pub sessions: Sessions,
    /// Replicas that failed closed.
    pub unusable: ReportedReplicas,
    /// Replicas without space.
    pub full: ReportedReplicas,
    /// When leadership returns to preferred replicas the next time.
    pub rebalance_at: Option<Instant>,
}

/// Replicas of one broker, by the ids of their topics.
pub type Replicas = Vec<(Uuid, PartitionId)>;

/// What the controller is asked. Kafka's messages, whoever sends them, with what Kafka's do not say.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // the messages are the documentation
pub enum Request {
    Found(Founding),
    RegisterBroker {
        request: BrokerRegistrationRequest,
        /// Its last life wrote everything to stable storage before it ended.
        stop_was_clean: bool,
        /// All of its replicas that failed closed. They may not lead.
        unusable: Replicas,
        /// Its replicas that an unclean stop may have robbed of what they acknowledged: their logs are not journaled.
        unsynced: Replicas,
    },
    BrokerHeartbeat {
        request: BrokerHeartbeatRequest,
        /// All of its replicas that failed closed, at each heartbeat.
        unusable: Replicas,
        /// All of its replicas whose disk has no space, at each heartbeat. Others should lead, where others can.
        full: Replicas,
    },
    /// A connect to its address was refused, or another life answered there: never a mere timeout.
    BrokerDied {
        id: NodeId,
        /// The life that ended; a later one is left alone.
        epoch: Offset,
    },
    UnregisterBroker(UnregisterBrokerRequest),
    AssignReplicasToDirs(AssignReplicasToDirsRequest),
    AlterPartition(AlterPartitionRequest),
    ElectLeaders(ElectLeadersRequest),
    AlterPartitionReassignments(AlterPartitionReassignmentsRequest),
    UpdateFeatures(UpdateFeaturesRequest),
    AllocateProducerIds(AllocateProducerIdsRequest),
    CreateTopics(CreateTopicsRequest),
    DeleteTopics(DeleteTopicsRequest),
    CreatePartitions(CreatePartitionsRequest),
    IncrementalAlterConfigs(IncrementalAlterConfigsRequest),
    AlterConfigs(AlterConfigsRequest),
}

/// What it answers.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // the messages are the documentation
pub enum Reply {
    /// The cluster is founded, now or before.
    Founded,
    RegisterBroker(BrokerRegistrationResponse),
    BrokerHeartbeat(BrokerHeartbeatResponse),
    /// It is fenced, now or before, or has a later life.
    BrokerDied,
    UnregisterBroker(UnregisterBrokerResponse),
    AssignReplicasToDirs(AssignReplicasToDirsResponse),
    AlterPartition(AlterPartitionResponse),
    ElectLeaders(ElectLeadersResponse),
    AlterPartitionReassignments(AlterPartitionReassignmentsResponse),
    UpdateFeatures(UpdateFeaturesResponse),
    AllocateProducerIds(AllocateProducerIdsResponse),
    /// Without the configs of the topics made, which whoever talks to the client adds.
    CreateTopics(CreateTopicsResponse),
    DeleteTopics(DeleteTopicsResponse),
    CreatePartitions(CreatePartitionsResponse),
    IncrementalAlterConfigs(IncrementalAlterConfigsResponse),
    AlterConfigs(AlterConfigsResponse),
    /// What was decided could not be appended; nothing happened.
    Rejected(ErrorCode),
}

impl Controller {
    /// A controller that knows nothing yet. `seed` is for ids and placement, so it must differ between starts.
    pub fn new(seed: [u64; 4]) -> Controller {
        Controller::from_image(MetadataImage::default(), seed)
    }

    /// A controller that knows what a snapshot says.
    pub fn from_image(image: MetadataImage, seed: [u64; 4]) -> Controller {
        let soft = Soft {
            dice: Dice::new(seed),
            sessions: Sessions::default(),
            unusable: ReportedReplicas::default(),
            full: ReportedReplicas::default(),
            rebalance_at: None,
        };
        Controller { index: ReplicaIndex::of(&image), hard: image, soft }
    }

    /// The log's entries before `offset` that were not replayed are none of ours: they change nothing.
    pub fn skip_to(&mut self, offset: Offset) {
        self.hard.set_end_offset(self.hard.end_offset().max(offset));
    }

    /// All that it learnt: its hard state.
    pub fn image(&self) -> &MetadataImage {
        &self.hard
    }
}

/// What a decision sees and may use. It has the hard state by shared reference: deciding does not write.
pub(crate) struct View<'a> {
    pub hard: &'a MetadataImage,
    pub index: &'a ReplicaIndex,
    pub soft: &'a mut Soft,
    pub settings: &'a Settings,
    pub now: Now,
    pub records: &'a mut Vec<Record>,
    /// What the records so far make of brokers; none for one that is unregistered.
    pub changed_brokers: BTreeMap<NodeId, Option<BrokerImage>>,
    /// What the records so far make of configs.
    pub changed_configs: BTreeMap<ConfigResource, Configs>,
    /// What is to change about partitions, once all that changes is known.
    pub drafts: BTreeMap<PartitionKey, Draft>,
    /// Whether replicas that leave an ISR below its minimum may lead (KIP-966).
    pub has_eligible_leaders: bool,
    /// The rules of the topic asked for last.
    pub rules: Option<(Uuid, TopicRules)>,
}

impl View<'_> {
    /// The offset of the entry that this decision writes: all its records share it.
    pub fn next_offset(&self) -> Offset {
        self.hard.end_offset()
    }

    fn reply(&mut self, request: Request) -> Reply {
        match request {
            Request::Found(founding) => self.found(&founding),
            Request::RegisterBroker { request, stop_was_clean, unusable, unsynced } => {
                let found = FoundReplicas { stop_was_clean, unusable, unsynced: unsynced.into_iter().collect() };
                Reply::RegisterBroker(self.register_broker(request, &found))
            }
            Request::BrokerHeartbeat { request, unusable, full } => {
                Reply::BrokerHeartbeat(self.broker_heartbeat(&request, &unusable, &full))
            }
            Request::BrokerDied { id, epoch } => self.broker_died(id, epoch),
            Request::UnregisterBroker(request) => Reply::UnregisterBroker(self.unregister_broker(&request)),
            Request::AssignReplicasToDirs(request) => {
                Reply::AssignReplicasToDirs(self.assign_replicas_to_dirs(&request))
            }
            Request::AlterPartition(request) => Reply::AlterPartition(self.alter_partition(&request)),
            Request::ElectLeaders(request) => Reply::ElectLeaders(self.elect_leaders(&request)),
            Request::AlterPartitionReassignments(request) => {
                Reply::AlterPartitionReassignments(self.alter_partition_reassignments(&request))
            }
            Request::UpdateFeatures(request) => Reply::UpdateFeatures(self.update_features(&request)),
            Request::AllocateProducerIds(request) => Reply::AllocateProducerIds(self.allocate_producer_ids(&request)),
            Request::CreateTopics(request) => Reply::CreateTopics(self.create_topics(&request)),
            Request::DeleteTopics(request) => Reply::DeleteTopics(self.delete_topics(&request)),
            Request::CreatePartitions(request) => Reply::CreatePartitions(self.create_partitions(&request)),
            Request::IncrementalAlterConfigs(request) => {
                Reply::IncrementalAlterConfigs(self.incremental_alter_configs(&request))
            }
            Request::AlterConfigs(request) => Reply::AlterConfigs(self.alter_configs(&request)),
        }
    }
}

impl Controller {
    /// Decides in a view of what is known, and writes down what was decided.
    fn decide<T>(
        &mut self,
        now: Now,
        settings: &Settings,
        out: &mut Outbox<Self>,
        decision: impl FnOnce(&mut View<'_>) -> T,
    ) -> T {
        let mut view = View {
            hard: &self.hard,
            index: &self.index,
            soft: &mut self.soft,
            settings,
            now,
            records: &mut out.records,
            changed_brokers: BTreeMap::new(),
            changed_configs: BTreeMap::new(),
            drafts: BTreeMap::new(),
            has_eligible_leaders: self.hard.feature(ELIGIBLE_LEADER_REPLICAS) > 0,
            rules: None,
        };
        let decided = decision(&mut view);
        view.write_drafts();
        decided
    }
}

impl StateMachine for Controller {
    type Request = Request;
    type Reply = Reply;
    type Record = Record;
    type Effect = Infallible;
    type World = Settings;

    fn loaded(&mut self, now: Now, world: &Settings, out: &mut Outbox<Self>) {
        self.decide(now, world, out, |view| view.start_sessions());
    }

    fn handle(&mut self, now: Now, world: &Settings, ticket: Ticket, request: Request, out: &mut Outbox<Self>) {
        let reply = self.decide(now, world, out, |view| view.reply(request));
        out.reply(ticket, reply);
    }

    fn world_changed(&mut self, _now: Now, _world: &Settings, _out: &mut Outbox<Self>) {}

    fn expire(&mut self, now: Now, world: &Settings, out: &mut Outbox<Self>) {
        self.decide(now, world, out, |view| {
            view.end_sessions();
            view.rebalance_leaders_when_due();
        });
    }

    fn rejected(&mut self, ticket: Ticket, error: ErrorCode, out: &mut Outbox<Self>) {
        out.reply(ticket, Reply::Rejected(error));
    }

    fn replay(&mut self, at: Position, entry: Entry<'_, Record>) {
        match entry {
            Entry::Record(record) => {
                self.index.follow(&self.hard, record);
                replay::fold(&mut self.hard, at.offset, record);
            }
            Entry::EndTransaction { .. } => {} // the metadata log has no transactions
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let sessions = self.soft.sessions.next_end(&self.hard);
        [sessions, self.soft.rebalance_at].into_iter().flatten().min()
    }
}
