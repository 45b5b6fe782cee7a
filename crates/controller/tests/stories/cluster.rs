//! A controller with its log in memory.

use controller::frame::{self, Batch};
use controller::records::Record;
use controller::{Controller, Founding, Reply, Request, Settings, replay, snapshot};
use model::config::{Origin, ServerConfig};
use model::metadata_image::{MetadataImage, PartitionImage};
use model::state_machine::{Entry, Now, Outbox, Position, StateMachine, Ticket};
use model::{ErrorCode, NodeId, Offset, Uuid};
use protocol::Text;
use protocol::messages::broker_heartbeat::{BrokerHeartbeatRequest, BrokerHeartbeatResponse};
use protocol::messages::broker_registration::{BrokerRegistrationRequest, BrokerRegistrationResponse, Listener};
use protocol::messages::create_topics::{CreatableTopic, CreateTopicsRequest, CreateTopicsResponse};
use std::sync::Arc;

pub const CLUSTER: &str = "a-cluster-in-memory-00";

pub struct Cluster {
    machine: Controller,
    settings: Settings,
    log: Vec<Record>,
    tickets: u64,
    lives: u8,
}

impl Cluster {
    /// A cluster with these brokers, registered and unfenced.
    pub fn of(brokers: &[NodeId]) -> Cluster {
        Cluster::with_configs(brokers, &[])
    }

    /// The same, where the controller was given configs at start.
    pub fn with_configs(brokers: &[NodeId], configs: &[(&str, &str)]) -> Cluster {
        let mut cluster = Cluster::empty(configs);
        cluster.ask(Request::Found(Founding::new(CLUSTER)));
        for broker in brokers {
            cluster.start_broker(*broker);
        }
        cluster
    }

    /// A log without a record.
    pub fn empty(configs: &[(&str, &str)]) -> Cluster {
        let mut server = ServerConfig::new();
        for (name, value) in configs {
            server.add(name, value, Origin::CommandLine);
        }
        server.check().expect("right configs");
        let machine = Controller::new([1, 2, 3, 4]);
        Cluster { machine, settings: Settings { server }, log: Vec::new(), tickets: 0, lives: 0 }
    }

    pub fn image(&self) -> &MetadataImage {
        self.machine.image()
    }

    pub fn log(&self) -> &[Record] {
        &self.log
    }

    pub fn partition(&self, topic: &str, partition: i32) -> Arc<PartitionImage> {
        self.image().partition(topic, partition).expect("a known partition").clone()
    }

    /// Asks, appends what was decided, replays it and returns the reply.
    pub fn ask(&mut self, request: Request) -> Reply {
        let before = self.image().clone();
        let mut out = self.decide(request);
        assert_eq!(*self.image(), before, "deciding changes no hard state");
        self.append(std::mem::take(&mut out.records));
        let (ticket, reply) = out.replies.pop().expect("a reply");
        assert_eq!((ticket, out.replies.len()), (Ticket(self.tickets), 0), "each request has one reply");
        self.check_replay();
        reply
    }

    /// Asks, and finds that the log takes no more.
    pub fn ask_without_space(&mut self, request: Request) -> Reply {
        let before = self.image().clone();
        let out = self.decide(request);
        assert!(!out.records.is_empty(), "there was something to append");
        let mut out = Outbox::new();
        self.machine.rejected(Ticket(self.tickets), ErrorCode::KafkaStorageError, &mut out);
        assert_eq!(*self.image(), before);
        out.replies.pop().expect("a reply").1
    }

    fn decide(&mut self, request: Request) -> Outbox<Controller> {
        self.tickets += 1;
        let mut out = Outbox::new();
        self.machine.handle(Now::default(), &self.settings, Ticket(self.tickets), request, &mut out);
        out
    }

    /// Through the bytes of a frame, as on a disk.
    fn append(&mut self, records: Vec<Record>) {
        if records.is_empty() {
            return;
        }
        let batch = Batch { base_offset: self.log.len() as Offset, leader_epoch: 0, timestamp: 7, records };
        let bytes = frame::encode(&batch).expect("not too large");
        let (read, size) = frame::decode(&bytes).expect("a good frame");
        assert_eq!((&read, size), (&batch, bytes.len()));
        for record in read.records {
            replay_one(&mut self.machine, self.log.len() as Offset, &record);
            self.log.push(record);
        }
    }

    fn check_replay(&self) {
        let mut fresh = Controller::new([9; 4]);
        for (offset, record) in (0..).zip(&self.log) {
            replay_one(&mut fresh, offset, record);
        }
        assert_eq!(fresh.image(), self.image(), "replaying the log gives equal hard state");
        let mut restored = MetadataImage::default();
        for record in snapshot::records_of(self.image()) {
            replay::fold(&mut restored, 0, &record);
        }
        restored.set_end_offset(self.image().end_offset());
        assert_eq!(&restored, self.image(), "so does a snapshot");
    }

    /// A new life of a broker: registered and, as soon as it has folded that, unfenced.
    pub fn start_broker(&mut self, id: NodeId) -> Offset {
        let epoch = self.register(id).broker_epoch;
        let answer = self.heartbeat(id, epoch, epoch);
        assert!(!answer.is_fenced && answer.is_caught_up);
        epoch
    }

    pub fn register(&mut self, id: NodeId) -> BrokerRegistrationResponse {
        self.lives += 1;
        let request = registration(id, self.lives);
        self.ask_registration(request)
    }

    pub fn ask_registration(&mut self, request: BrokerRegistrationRequest) -> BrokerRegistrationResponse {
        match self.ask(Request::RegisterBroker { request, stop_was_clean: true, unusable: vec![] }) {
            Reply::RegisterBroker(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    pub fn heartbeat(&mut self, broker_id: NodeId, broker_epoch: Offset, seen: Offset) -> BrokerHeartbeatResponse {
        let current_metadata_offset = seen;
        self.beat(BrokerHeartbeatRequest { broker_id, broker_epoch, current_metadata_offset, ..Default::default() })
    }

    pub fn fence(&mut self, broker_id: NodeId, broker_epoch: Offset) -> BrokerHeartbeatResponse {
        let current_metadata_offset = self.image().end_offset();
        let want_fence = true;
        self.beat(BrokerHeartbeatRequest {
            broker_id,
            broker_epoch,
            current_metadata_offset,
            want_fence,
            ..Default::default()
        })
    }

    fn beat(&mut self, request: BrokerHeartbeatRequest) -> BrokerHeartbeatResponse {
        match self.ask(Request::BrokerHeartbeat { request, unusable: vec![] }) {
            Reply::BrokerHeartbeat(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    pub fn create_topics(&mut self, request: CreateTopicsRequest) -> CreateTopicsResponse {
        match self.ask(Request::CreateTopics(request)) {
            Reply::CreateTopics(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    /// Makes one topic that can be made; returns its id.
    pub fn create_topic(&mut self, name: &str, partitions: i32, factor: i16) -> Uuid {
        let request = CreateTopicsRequest { topics: vec![topic(name, partitions, factor)], ..Default::default() };
        let answer = self.create_topics(request);
        assert_eq!(error(answer.topics[0].error_code), ErrorCode::None, "{:?}", answer.topics[0].error_message);
        answer.topics[0].topic_id
    }
}

fn replay_one(machine: &mut Controller, offset: Offset, record: &Record) {
    let at = Position { offset, timestamp: 7, producer: None };
    machine.replay(at, Entry::Record(record));
}

/// What a broker says of itself; `life` makes its incarnation.
pub fn registration(id: NodeId, life: u8) -> BrokerRegistrationRequest {
    BrokerRegistrationRequest {
        broker_id: id,
        cluster_id: CLUSTER.into(),
        incarnation_id: Uuid([life; 16]),
        listeners: vec![Listener {
            name: "PLAINTEXT".into(),
            host: "localhost".into(),
            port: 9092,
            security_protocol: 0,
            ..Default::default()
        }],
        rack: None,
        log_dirs: vec![directory(id)],
        ..Default::default()
    }
}

/// The only log directory of a broker.
pub fn directory(broker: NodeId) -> Uuid {
    Uuid([0x40 + broker as u8; 16])
}

pub fn topic(name: &str, partitions: i32, factor: i16) -> CreatableTopic {
    CreatableTopic { name: name.into(), num_partitions: partitions, replication_factor: factor, ..Default::default() }
}

pub fn error(code: i16) -> ErrorCode {
    ErrorCode::from_wire(code)
}

/// A message that says something.
pub fn is_text(message: &Option<Text>) -> bool {
    message.as_ref().is_some_and(|message| !message.is_empty())
}
