//! A coordinator with its log in memory.

use bytes::Bytes;
use coordinator::group::{Client, Failure, GroupCoordinator, Record, Reply, Request, Settings, World, decode, encode};
use model::config::{Layers, Origin, ServerConfig};
use model::metadata_image::{BrokerImage, ConfigResource, Configs, MetadataImage, PartitionImage, TopicImage};
use model::state_machine::{Entry, Instant, Now, Outbox, Position, StateMachine, Ticket};
use model::{ErrorCode, NodeId, Offset, Uuid};
use protocol::Text;
use protocol::messages::consumer_group_describe::{Assignment as Described, DescribedGroup};
use protocol::messages::consumer_group_heartbeat::{
    Assignment, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The group of the stories.
pub const GROUP: &str = "g";

/// One record of the log, as it stands there.
type Logged = (Offset, Bytes, Option<Bytes>);

pub struct Coordinator {
    machine: GroupCoordinator,
    pub world: World,
    log: Vec<Logged>,
    end_offset: Offset,
    tickets: u64,
    lives: u64,
    pub now: Now,
    /// Answers that nobody has looked at yet.
    answered: BTreeMap<Ticket, (Instant, Reply)>,
    /// How requests that wait would be answered with an error.
    waiting: BTreeMap<Ticket, Failure>,
    /// The log takes nothing.
    pub refuses: bool,
    /// Compare with fresh machines after every request. Costs time.
    pub checks: bool,
    /// The most records that it was given at once.
    pub largest_batch: usize,
}

impl Coordinator {
    /// A coordinator that assigns at once.
    pub fn new() -> Coordinator {
        Coordinator::with_configs(&[("group.consumer.assignment.interval.ms", "0")])
    }

    pub fn with_configs(configs: &[(&str, &str)]) -> Coordinator {
        let mut server = ServerConfig::new();
        for (name, value) in configs {
            server.add(name, value, Origin::CommandLine);
        }
        server.check().expect("right configs");
        let nothing = Configs::new();
        let settings = Settings::of(&Layers { server: &server, dynamic_broker: &nothing, dynamic_default: &nothing });
        let mut coordinator = Coordinator {
            machine: GroupCoordinator::new([1, 2, 3, 4]),
            world: World { image: MetadataImage::default(), settings },
            log: Vec::new(),
            end_offset: 0,
            tickets: 0,
            lives: 0,
            now: Now { monotonic: Instant::default(), wall: 1_700_000_000_000 },
            answered: BTreeMap::new(),
            waiting: BTreeMap::new(),
            refuses: false,
            checks: true,
            largest_batch: 0,
        };
        coordinator.load();
        coordinator
    }

    /// One with topics already there.
    pub fn with_topics(topics: &[(&str, usize)]) -> Coordinator {
        let mut coordinator = Coordinator::new();
        for (name, partitions) in topics {
            coordinator.create_topic(name, *partitions);
        }
        coordinator
    }

    /// Another node becomes the coordinator: it knows the log and nothing else.
    pub fn fail_over(&mut self) {
        self.machine = GroupCoordinator::new([5, self.lives, 6, 7]);
        self.lives += 1;
        for (ticket, failure) in std::mem::take(&mut self.waiting) {
            self.answered.insert(ticket, (self.now.monotonic, failure.reply(ErrorCode::CoordinatorNotAvailable)));
        }
        replay(&mut self.machine, &self.log);
        self.load();
    }

    fn load(&mut self) {
        let mut out = Outbox::new();
        self.machine.loaded(self.now, &self.world, &mut out);
        self.take(None, out);
    }

    /// The log keeps the last record of each key.
    pub fn compact(&mut self) {
        self.log = compacted(&self.log);
    }

    pub fn log_length(&self) -> usize {
        self.log.len()
    }

    /// The answer to a request that is answered at once.
    pub fn ask(&mut self, request: Request) -> Reply {
        let ticket = self.send(request);
        self.answer(ticket).expect("an answer for this ticket").1
    }

    /// Sends a request that may have to wait.
    pub fn send(&mut self, request: Request) -> Ticket {
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        self.waiting.insert(ticket, request.failure());
        let mut out = Outbox::new();
        self.machine.handle(self.now, &self.world, ticket, request, &mut out);
        self.take(Some(ticket), out);
        self.advance(Duration::ZERO);
        ticket
    }

    /// The answer to it and when it was given, if there is one by now.
    pub fn answer(&mut self, ticket: Ticket) -> Option<(Instant, Reply)> {
        self.answered.remove(&ticket)
    }

    fn take(&mut self, ticket: Option<Ticket>, mut out: Outbox<GroupCoordinator>) {
        self.largest_batch = self.largest_batch.max(out.records.len());
        if self.refuses && !out.records.is_empty() {
            let void = std::mem::take(&mut out).replies;
            let error = ErrorCode::CoordinatorNotAvailable;
            if let Some(ticket) = ticket {
                self.machine.rejected(ticket, error, &mut out);
            }
            for (other, _) in void.into_iter().filter(|(other, _)| Some(*other) != ticket) {
                let failure = self.waiting.get(&other).expect("it waits").clone();
                out.reply(other, failure.reply(error));
            }
        }
        for record in &out.records {
            let (key, value) = encode(record);
            let read = decode(&key, value.as_ref()).expect("what is written can be read").expect("a known type");
            assert_eq!(read, *record);
            let logged = (self.end_offset, key, value);
            replay_one(&mut self.machine, &logged);
            self.log.push(logged);
            self.end_offset += 1;
        }
        if self.checks {
            self.check();
        }
        for (ticket, reply) in out.replies {
            assert!(self.waiting.remove(&ticket).is_some(), "each request is answered once");
            self.answered.insert(ticket, (self.now.monotonic, reply));
        }
    }

    /// The log gives the state that the machine has, whole and compacted.
    pub fn check(&self) {
        assert!(self.agrees_with_its_log(), "the log gives another state");
    }

    pub fn agrees_with_its_log(&self) -> bool {
        [&self.log, &compacted(&self.log)].into_iter().all(|log| {
            let mut fresh = GroupCoordinator::new([0; 4]);
            replay(&mut fresh, log);
            fresh.has_the_state_of(&self.machine)
        })
    }

    /// Time passes, with all that falls due.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now.monotonic + by;
        let mut calls = 0;
        while let Some(due) = self.machine.next_deadline().filter(|due| *due <= end) {
            self.set_time(due.max(self.now.monotonic));
            let mut out = Outbox::new();
            self.machine.expire(self.now, &self.world, &mut out);
            self.take(None, out);
            calls += 1;
            assert!(calls < 100_000, "it is called again and again");
        }
        self.set_time(end);
    }

    fn set_time(&mut self, to: Instant) {
        let passed = to.saturating_since(self.now.monotonic);
        self.now.wall += i64::try_from(passed.as_millis()).expect("a short time");
        self.now.monotonic = to;
    }

    fn tell(&mut self) {
        self.world.image.set_end_offset(self.world.image.end_offset() + 1);
        let mut out = Outbox::new();
        self.machine.world_changed(self.now, &self.world, &mut out);
        self.take(None, out);
    }

    pub fn create_topic(&mut self, name: &str, partitions: usize) -> Uuid {
        let number = self.world.image.end_offset() as u64 + 1;
        let id = Uuid::from_random_bits(number, number);
        self.put_topic(name, id, partitions);
        id
    }

    fn put_topic(&mut self, name: &str, id: Uuid, partitions: usize) {
        let partition = |number: usize| {
            let replica = number as NodeId % 3;
            Arc::new(PartitionImage { replicas: vec![replica], isr: vec![replica], ..Default::default() })
        };
        let partitions = (0..partitions).map(partition).collect();
        self.world.image.put_topic(TopicImage { name: name.into(), id, partitions, configs: Arc::default() });
        self.tell();
    }

    pub fn grow_topic(&mut self, name: &str, partitions: usize) {
        self.put_topic(name, self.id(name), partitions);
    }

    pub fn delete_topic(&mut self, name: &str) {
        self.world.image.remove_topic(self.id(name));
        self.tell();
    }

    pub fn put_broker(&mut self, id: NodeId, rack: &str) {
        self.world.image.put_broker(BrokerImage {
            id,
            epoch: 0,
            incarnation: Uuid::ZERO,
            endpoints: Vec::new(),
            rack: Some(rack.into()),
            directories: Vec::new(),
            fenced: false,
            in_controlled_shutdown: false,
        });
        self.tell();
    }

    pub fn set_group_config(&mut self, name: &str, value: &str) {
        self.world.image.set_config(&ConfigResource::Group(GROUP.into()), name, Some(value));
        self.tell();
    }

    pub fn id(&self, topic: &str) -> Uuid {
        self.world.image.topic(topic).expect("a topic").id
    }

    pub fn beat_version(
        &mut self,
        request: ConsumerGroupHeartbeatRequest,
        version: i16,
    ) -> ConsumerGroupHeartbeatResponse {
        let client = Client { id: "client".into(), host: "/10.0.0.1".into() };
        match self.ask(Request::ConsumerGroupHeartbeat { request, version, client }) {
            Reply::ConsumerGroupHeartbeat(response) => response,
            other => panic!("not what was asked: {other:?}"),
        }
    }

    pub fn beat(&mut self, request: ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatResponse {
        self.beat_version(request, 1)
    }

    /// A heartbeat that works.
    pub fn good(&mut self, request: ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatResponse {
        let response = self.beat(request);
        assert_eq!(response.error_code, 0, "{response:?}");
        response
    }

    /// A heartbeat that fails with this error, and otherwise says nothing.
    pub fn bad(&mut self, request: ConsumerGroupHeartbeatRequest, error: ErrorCode) {
        let response = self.beat(request);
        assert_eq!(ErrorCode::from_wire(response.error_code), error, "{response:?}");
        assert!(response.error_message.is_some_and(|message| !message.is_empty()));
        assert_eq!((response.member_id, response.member_epoch, response.heartbeat_interval_ms), (None, 0, 0));
        assert_eq!(response.assignment, None);
    }

    /// A member joins and takes what it is given: its epoch.
    pub fn join(&mut self, member: &str, topics: &[&str]) -> i32 {
        self.good(joining(member, topics)).member_epoch
    }

    pub fn describe(&mut self) -> DescribedGroup {
        match self.ask(Request::ConsumerGroupDescribe { groups: vec![GROUP.into()] }) {
            Reply::ConsumerGroupDescribe(mut groups) => groups.remove(0),
            other => panic!("not what was asked: {other:?}"),
        }
    }

    pub fn describe_as_classic(&mut self) -> protocol::messages::describe_groups::DescribedGroup {
        match self.ask(Request::DescribeGroups { groups: vec![GROUP.into()], version: 6 }) {
            Reply::DescribeGroups(mut groups) => groups.remove(0),
            other => panic!("not what was asked: {other:?}"),
        }
    }

    /// State, group epoch and assignment epoch.
    pub fn epochs(&mut self) -> (String, i32, i32) {
        let group = self.describe();
        (group.group_state.to_string(), group.group_epoch, group.assignment_epoch)
    }

    /// Of one member: its epoch, what it has and what it is to have, as `topic-partition`.
    pub fn member(&mut self, member: &str) -> (i32, Vec<String>, Vec<String>) {
        let group = self.describe();
        let found = group.members.iter().find(|other| *other.member_id == *member).expect("a member");
        (found.member_epoch, names(&found.assignment), names(&found.target_assignment))
    }

    /// What a heartbeat's answer assigns, as `topic-partition`.
    pub fn names(&self, assignment: &Option<Assignment>) -> Option<Vec<String>> {
        let topic = |topic: &TopicPartitions| {
            let name = self.world.image.topic_by_id(topic.topic_id).expect("a topic").name.clone();
            topic.partitions.iter().map(move |partition| format!("{name}-{partition}")).collect::<Vec<_>>()
        };
        assignment.as_ref().map(|assignment| {
            let mut names: Vec<String> = assignment.topic_partitions.iter().flat_map(topic).collect();
            names.sort();
            names
        })
    }

    /// A heartbeat in this epoch, of a member that owns these partitions of one topic.
    pub fn owning(&self, member: &str, epoch: i32, topic: &str, partitions: &[i32]) -> ConsumerGroupHeartbeatRequest {
        let owned = TopicPartitions { topic_id: self.id(topic), partitions: partitions.to_vec(), ..Default::default() };
        let owned = if partitions.is_empty() { Vec::new() } else { vec![owned] };
        ConsumerGroupHeartbeatRequest { topic_partitions: Some(owned), ..idle(member, epoch) }
    }
}

fn names(assignment: &Described) -> Vec<String> {
    let topics = assignment.topic_partitions.iter();
    let mut names: Vec<String> = topics
        .flat_map(|topic| topic.partitions.iter().map(|p| format!("{}-{p}", topic.topic_name.as_str())))
        .collect();
    names.sort();
    names
}

/// A heartbeat that says nothing new.
pub fn idle(member: &str, epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: GROUP.into(),
        member_id: member.into(),
        member_epoch: epoch,
        ..Default::default()
    }
}

/// The first heartbeat of a member.
pub fn joining(member: &str, topics: &[&str]) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        rebalance_timeout_ms: 60_000,
        subscribed_topic_names: Some(topics.iter().map(|topic| Text::from(*topic)).collect()),
        topic_partitions: Some(Vec::new()),
        ..idle(member, 0)
    }
}

/// The first heartbeat of a member that subscribes by pattern.
pub fn joining_by_pattern(member: &str, pattern: &str) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        subscribed_topic_names: None,
        subscribed_topic_regex: Some(pattern.into()),
        ..joining(member, &[])
    }
}

fn replay(machine: &mut GroupCoordinator, log: &[Logged]) {
    log.iter().for_each(|logged| replay_one(machine, logged));
}

fn replay_one(machine: &mut GroupCoordinator, (offset, key, value): &Logged) {
    let record: Record = decode(key, value.as_ref()).expect("a good record").expect("a known type");
    let at = Position { offset: *offset, timestamp: 0, producer: None };
    machine.replay(at, Entry::Record(&record));
}

/// The last record of each key, where it stood.
fn compacted(log: &[Logged]) -> Vec<Logged> {
    let last: BTreeMap<&Bytes, Offset> = log.iter().map(|(offset, key, _)| (key, *offset)).collect();
    log.iter().filter(|(offset, key, _)| last[key] == *offset).cloned().collect()
}
