//! The machine: which request goes where.

use crate::dice::Dice;
use crate::found::Founding;
use crate::records::Record;
use crate::replay;
use crate::settings::Settings;
use model::metadata_image::MetadataImage;
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
use std::convert::Infallible;

/// The cluster's metadata and the decisions about it.
#[derive(Debug)]
pub struct Controller {
    hard: MetadataImage,
    soft: Soft,
}

/// What the log does not hold.
#[derive(Debug)]
pub(crate) struct Soft {
    pub dice: Dice,
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
    },
    BrokerHeartbeat {
        request: BrokerHeartbeatRequest,
        /// All of its replicas that failed closed, at each heartbeat.
        unusable: Replicas,
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
        Controller { hard: image, soft: Soft { dice: Dice::new(seed) } }
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
    pub soft: &'a mut Soft,
    pub settings: &'a Settings,
    pub records: &'a mut Vec<Record>,
}

impl View<'_> {
    /// The offset of the entry that this decision writes: all its records share it.
    pub fn next_offset(&self) -> Offset {
        self.hard.end_offset()
    }
}

impl StateMachine for Controller {
    type Request = Request;
    type Reply = Reply;
    type Record = Record;
    type Effect = Infallible;
    type World = Settings;

    fn loaded(&mut self, _now: Now, _world: &Settings, _out: &mut Outbox<Self>) {}

    fn handle(&mut self, _now: Now, world: &Settings, ticket: Ticket, request: Request, out: &mut Outbox<Self>) {
        let (hard, soft, records) = (&self.hard, &mut self.soft, &mut out.records);
        let mut view = View { hard, soft, settings: world, records };
        let reply = match request {
            Request::Found(founding) => view.found(&founding),
            Request::RegisterBroker { request, .. } => Reply::RegisterBroker(view.register_broker(request)),
            Request::BrokerHeartbeat { request, .. } => Reply::BrokerHeartbeat(view.broker_heartbeat(&request)),
            Request::BrokerDied { .. }
            | Request::UnregisterBroker(_)
            | Request::AssignReplicasToDirs(_)
            | Request::AlterPartition(_)
            | Request::ElectLeaders(_)
            | Request::AlterPartitionReassignments(_)
            | Request::UpdateFeatures(_) => Reply::Rejected(ErrorCode::UnsupportedVersion),
            Request::AllocateProducerIds(request) => Reply::AllocateProducerIds(view.allocate_producer_ids(&request)),
            Request::CreateTopics(request) => Reply::CreateTopics(view.create_topics(&request)),
            Request::DeleteTopics(request) => Reply::DeleteTopics(view.delete_topics(&request)),
            Request::CreatePartitions(request) => Reply::CreatePartitions(view.create_partitions(&request)),
            Request::IncrementalAlterConfigs(request) => {
                Reply::IncrementalAlterConfigs(view.incremental_alter_configs(&request))
            }
            Request::AlterConfigs(request) => Reply::AlterConfigs(view.alter_configs(&request)),
        };
        out.reply(ticket, reply);
    }

    fn world_changed(&mut self, _now: Now, _world: &Settings, _out: &mut Outbox<Self>) {}

    fn expire(&mut self, _now: Now, _world: &Settings, _out: &mut Outbox<Self>) {}

    fn rejected(&mut self, ticket: Ticket, error: ErrorCode, out: &mut Outbox<Self>) {
        out.reply(ticket, Reply::Rejected(error));
    }

    fn replay(&mut self, at: Position, entry: Entry<'_, Record>) {
        match entry {
            Entry::Record(record) => replay::fold(&mut self.hard, at.offset, record),
            Entry::EndTransaction { .. } => {} // the metadata log has no transactions
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }
}
