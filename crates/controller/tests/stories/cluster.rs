//! A controller with its log in memory.

use controller::frame::{self, Batch};
use controller::records::Record;
use controller::{Controller, Founding, Replicas, Reply, Request, Settings, replay, snapshot};
use model::config::{Origin, ServerConfig};
use model::metadata_image::{MetadataImage, PartitionImage};
use model::state_machine::{Entry, Instant, Now, Outbox, Position, StateMachine, Ticket};
use model::{ErrorCode, NodeId, Offset, Uuid};
use protocol::Text;
use protocol::messages::alter_partition::{
    AlterPartitionRequest, AlterPartitionResponse, BrokerState, PartitionData, TopicData,
};
use protocol::messages::broker_heartbeat::{BrokerHeartbeatRequest, BrokerHeartbeatResponse};
use protocol::messages::broker_registration::{BrokerRegistrationRequest, BrokerRegistrationResponse, Listener};
use protocol::messages::create_topics::{CreatableTopic, CreateTopicsRequest, CreateTopicsResponse};
use std::sync::Arc;
use std::time::Duration;

pub const CLUSTER: &str = "a-cluster-in-memory-00";

pub struct Cluster {
    machine: Controller,
    follower: Controller,
    settings: Settings,
    log: Vec<(Offset, Record)>,
    end_offset: Offset,
    tickets: u64,
    lives: u32,
    now: Now,
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
        let mut cluster = Cluster {
            machine: Controller::new([1, 2, 3, 4]),
            follower: Controller::new([9; 4]),
            settings: Settings { server },
            log: Vec::new(),
            end_offset: 0,
            tickets: 0,
            lives: 0,
            now: Now::default(),
        };
        cluster.load();
        cluster
    }

    pub fn image(&self) -> &MetadataImage {
        self.machine.image()
    }

    /// Every record with the offset of its entry.
    pub fn log(&self) -> &[(Offset, Record)] {
        &self.log
    }

    /// Another node becomes the controller: it knows the log and nothing else.
    pub fn fail_over(&mut self) {
        self.machine = Controller::from_image(self.image().clone(), [self.tickets, 5, 6, 7]);
        self.load();
    }

    fn load(&mut self) {
        let mut out = Outbox::new();
        self.machine.loaded(self.now, &self.settings, &mut out);
        self.append(out.records);
    }

    /// Lets time pass, and the machine do what it wants to do by then.
    pub fn pass(&mut self, time: Duration) {
        let until = self.after(time);
        while self.pass_to_next_deadline(until) {}
    }

    /// This long from now.
    pub fn after(&self, time: Duration) -> Instant {
        self.now.monotonic + time
    }

    /// Lets time pass until the machine has done something, at most until then. False when nothing was left to do.
    pub fn pass_to_next_deadline(&mut self, until: Instant) -> bool {
        let deadline = self.machine.next_deadline().filter(|deadline| *deadline <= until);
        self.now.monotonic = self.now.monotonic.max(deadline.unwrap_or(until));
        if deadline.is_some() {
            self.expire();
        }
        deadline.is_some()
    }

    /// Lets time pass while the controller sleeps, which then finds that it is late.
    pub fn sleep(&mut self, time: Duration) {
        self.now.monotonic = self.now.monotonic + time;
        self.expire();
    }

    fn expire(&mut self) {
        let mut out = Outbox::new();
        self.machine.expire(self.now, &self.settings, &mut out);
        self.append(out.records);
        self.check_replay();
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
        self.machine.handle(self.now, &self.settings, Ticket(self.tickets), request, &mut out);
        out
    }

    /// Through the bytes of a frame, as on a disk.
    fn append(&mut self, records: Vec<Record>) {
        if records.is_empty() {
            return;
        }
        let offset = self.end_offset;
        let batch = Batch { base_offset: offset, leader_epoch: 0, timestamp: 7, records };
        let bytes = frame::encode(&batch).expect("not too large");
        let (read, size) = frame::decode(&bytes).expect("a good frame");
        assert_eq!((&read, size), (&batch, bytes.len()));
        for record in read.records {
            replay_one(&mut self.machine, offset, &record);
            replay_one(&mut self.follower, offset, &record);
            self.log.push((offset, record));
        }
        self.end_offset = offset + 1;
    }

    /// A machine that only reads the log is equal at every step, and now and then one that reads all of it anew.
    fn check_replay(&mut self) {
        assert_eq!(self.follower.image(), self.machine.image(), "replaying the log gives equal hard state");
        if self.log.len() > 500 && !self.tickets.is_multiple_of(100) {
            return;
        }
        let mut fresh = Controller::new([9; 4]);
        for (offset, record) in &self.log {
            replay_one(&mut fresh, *offset, record);
        }
        assert_eq!(fresh.image(), self.image(), "so does replaying it from the start");
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

    /// A new life registers, when it is known that the life before has ended.
    pub fn register(&mut self, id: NodeId) -> BrokerRegistrationResponse {
        self.kill(id);
        let request = self.next_life(id);
        self.ask_registration(request)
    }

    /// What the next life of a broker says of itself.
    pub fn next_life(&mut self, id: NodeId) -> BrokerRegistrationRequest {
        self.lives += 1;
        registration(id, self.lives)
    }

    /// There is evidence that a broker has ended.
    pub fn kill(&mut self, id: NodeId) {
        if let Some(epoch) = self.image().broker(id).map(|broker| broker.epoch) {
            assert_eq!(self.ask(Request::BrokerDied { id, epoch }), Reply::BrokerDied);
        }
    }

    /// The epoch of a broker's present life.
    pub fn epoch(&self, id: NodeId) -> Offset {
        self.image().broker(id).expect("registered").epoch
    }

    pub fn ask_registration(&mut self, request: BrokerRegistrationRequest) -> BrokerRegistrationResponse {
        self.register_after(request, true, vec![])
    }

    /// A registration that tells how the life before ended, and of replicas that failed closed.
    pub fn register_after(
        &mut self,
        request: BrokerRegistrationRequest,
        stop_was_clean: bool,
        unusable: Replicas,
    ) -> BrokerRegistrationResponse {
        match self.ask(Request::RegisterBroker { request, stop_was_clean, unusable, unsynced: vec![] }) {
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

    /// A heartbeat of a broker that wants to stop.
    pub fn ask_to_stop(&mut self, broker_id: NodeId) -> BrokerHeartbeatResponse {
        let (broker_epoch, current_metadata_offset) = (self.epoch(broker_id), self.end_offset);
        let want_shut_down = true;
        self.beat(BrokerHeartbeatRequest {
            broker_id,
            broker_epoch,
            current_metadata_offset,
            want_shut_down,
            ..Default::default()
        })
    }

    /// A heartbeat of a broker that has folded all there is.
    pub fn beat_of(&mut self, id: NodeId) -> BrokerHeartbeatResponse {
        self.heartbeat(id, self.epoch(id), self.end_offset)
    }

    pub fn beat(&mut self, request: BrokerHeartbeatRequest) -> BrokerHeartbeatResponse {
        self.beat_with(request, vec![])
    }

    /// A heartbeat that tells of replicas that failed closed.
    pub fn beat_with(&mut self, request: BrokerHeartbeatRequest, unusable: Replicas) -> BrokerHeartbeatResponse {
        self.beat_telling(request, unusable, vec![])
    }

    /// A heartbeat that tells of replicas that failed closed, and of those without space.
    pub fn beat_telling(
        &mut self,
        request: BrokerHeartbeatRequest,
        unusable: Replicas,
        full: Replicas,
    ) -> BrokerHeartbeatResponse {
        match self.ask(Request::BrokerHeartbeat { request, unusable, full }) {
            Reply::BrokerHeartbeat(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    /// The leader of a partition asks for an ISR, with the epochs that its members have now.
    pub fn try_alter_isr(&mut self, topic: &str, number: i32, isr: &[NodeId]) -> ErrorCode {
        let partition = self.partition(topic, number);
        let leader = partition.leader.expect("a leader");
        let request = self.isr_change(topic, number, isr);
        let answer = self.alter_partition(leader, request);
        error(answer.topics[0].partitions[0].error_code)
    }

    /// The same, where nothing speaks against it.
    pub fn alter_isr(&mut self, topic: &str, number: i32, isr: &[NodeId]) {
        assert_eq!(self.try_alter_isr(topic, number, isr), ErrorCode::None);
    }

    /// The same for partition 0 of another topic.
    pub fn alter_isr_of(&mut self, topic_id: Uuid, topic: &str, isr: &[NodeId]) -> ErrorCode {
        let leader = self.partition(topic, 0).leader.expect("a leader");
        let partitions = vec![self.isr_change(topic, 0, isr)];
        let topics = vec![TopicData { topic_id, partitions, ..Default::default() }];
        let broker_epoch = self.epoch(leader);
        let request = AlterPartitionRequest { broker_id: leader, broker_epoch, topics, ..Default::default() };
        match self.ask(Request::AlterPartition(request)) {
            Reply::AlterPartition(answer) => error(answer.topics[0].partitions[0].error_code),
            other => panic!("{other:?}"),
        }
    }

    /// What a leader that knows everything would ask for.
    pub fn isr_change(&self, topic: &str, number: i32, isr: &[NodeId]) -> PartitionData {
        let partition = self.partition(topic, number);
        let state = |id: &NodeId| BrokerState {
            broker_id: *id,
            broker_epoch: self.image().broker(*id).map_or(-1, |broker| broker.epoch),
            ..Default::default()
        };
        PartitionData {
            partition_index: number,
            leader_epoch: partition.leader_epoch,
            partition_epoch: partition.partition_epoch,
            new_isr_with_epochs: isr.iter().map(state).collect(),
            ..Default::default()
        }
    }

    /// Asks for an ISR of a partition of the topic `t`.
    pub fn alter_partition(&mut self, leader: NodeId, wanted: PartitionData) -> AlterPartitionResponse {
        let topic_id = self.image().topic("t").map_or(Uuid::ZERO, |topic| topic.id);
        let topics = vec![TopicData { topic_id, partitions: vec![wanted], ..Default::default() }];
        let broker_epoch = self.epoch(leader);
        let request = AlterPartitionRequest { broker_id: leader, broker_epoch, topics, ..Default::default() };
        match self.ask(Request::AlterPartition(request)) {
            Reply::AlterPartition(answer) => answer,
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
pub fn registration(id: NodeId, life: u32) -> BrokerRegistrationRequest {
    BrokerRegistrationRequest {
        broker_id: id,
        cluster_id: CLUSTER.into(),
        incarnation_id: Uuid(u128::from(life).to_be_bytes()),
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
