//! A coordinator with its log in memory. After every append fresh machines read the log, whole and compacted, and must
//! know the same.

use bytes::Bytes;
use coordinator::group::{Client, Failure, GroupCoordinator, Record, Reply, Request, Settings, World, decode, encode};
use model::config::{Layers, Origin, ServerConfig};
use model::metadata_image::{Configs, MetadataImage, PartitionImage, TopicImage};
use model::state_machine::{Entry, Instant, Now, Outbox, Position, StateMachine, Ticket};
use model::{ErrorCode, Offset, Uuid};
use protocol::Text;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// One record of the log, as it stands there.
type Logged = (Offset, Bytes, Option<Bytes>);

/// What the log does with records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    Takes,
    /// Nothing is written.
    Refuses(ErrorCode),
    /// It is written, and committed too late for whoever asked.
    IsLate,
    /// The node is deposed in the middle; the records are there or not.
    Ends {
        kept: bool,
    },
}

pub struct Coordinator {
    pub machine: GroupCoordinator,
    pub world: World,
    pub now: Now,
    pub takes: Log,
    /// Compare with fresh machines after every append. Costs time.
    pub checks: bool,
    /// The most records that it was given at once.
    pub largest_batch: usize,
    /// More bytes than this the log refuses at once.
    most_bytes: usize,
    /// How often the machine was woken.
    pub wakes: usize,
    log: Vec<Logged>,
    end_offset: Offset,
    tickets: u64,
    lives: u64,
    waiting: BTreeMap<Ticket, Failure>,
    answers: BTreeMap<Ticket, Reply>,
}

impl Coordinator {
    /// A coordinator whose groups do not wait for more members.
    pub fn new() -> Coordinator {
        Coordinator::with(&[("group.initial.rebalance.delay.ms", "0")])
    }

    pub fn with(configs: &[(&str, &str)]) -> Coordinator {
        let mut coordinator = Coordinator {
            machine: GroupCoordinator::new([1, 2, 3, 4]),
            world: World { image: MetadataImage::default(), settings: settings(configs) },
            now: Now { monotonic: Instant::default(), wall: 1_700_000_000_000 },
            takes: Log::Takes,
            checks: true,
            largest_batch: 0,
            most_bytes: usize::MAX,
            wakes: 0,
            log: Vec::new(),
            end_offset: 0,
            tickets: 0,
            lives: 0,
            waiting: BTreeMap::new(),
            answers: BTreeMap::new(),
        };
        for (name, partitions) in [("t", 4), ("u", 4)] {
            coordinator.world.image.put_topic(topic(name, partitions, 0));
        }
        coordinator.load();
        coordinator
    }

    /// Other settings from now on.
    pub fn set(&mut self, configs: &[(&str, &str)]) {
        self.world.settings = settings(configs);
        self.tell();
    }

    /// The log takes so many bytes at once, from now on.
    pub fn limit_batches(&mut self, bytes: usize) {
        self.most_bytes = bytes;
        self.machine.set_max_batch_bytes(bytes);
    }

    /// Sends a request; its answer may come later.
    pub fn send(&mut self, request: Request) -> Ticket {
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        self.waiting.insert(ticket, request.failure());
        let mut out = Outbox::new();
        self.machine.handle(self.now, &self.world, ticket, request, &mut out);
        self.take(Some(ticket), out);
        self.run_due();
        ticket
    }

    /// The answer to a request that has come.
    pub fn answer(&mut self, ticket: Ticket) -> Reply {
        self.answers.remove(&ticket).unwrap_or_else(|| panic!("no answer to {ticket:?} yet"))
    }

    /// The answer to a request, if it has come.
    pub fn try_answer(&mut self, ticket: Ticket) -> Option<Reply> {
        self.answers.remove(&ticket)
    }

    pub fn has_answer(&self, ticket: Ticket) -> bool {
        self.answers.contains_key(&ticket)
    }

    pub fn ask(&mut self, request: Request) -> Reply {
        let ticket = self.send(request);
        self.answer(ticket)
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Another node becomes the coordinator: it knows the log and nothing else. Who waits is told to look for it.
    pub fn fail_over(&mut self) {
        self.lives += 1;
        self.machine = GroupCoordinator::new([self.lives, 5, 6, 7]);
        self.machine.set_max_batch_bytes(self.most_bytes);
        for (ticket, failure) in std::mem::take(&mut self.waiting) {
            self.answers.insert(ticket, failure.reply(ErrorCode::NotCoordinator));
        }
        replay(&mut self.machine, &self.log);
        self.load();
    }

    fn load(&mut self) {
        let mut out = Outbox::new();
        self.machine.loaded(self.now, &self.world, &mut out);
        self.take(None, out);
        self.run_due();
    }

    /// The log keeps the last record of each key.
    pub fn compact(&mut self) {
        self.log = compacted(&self.log);
    }

    /// The log keeps the last record of each key, and of deleted ones nothing.
    pub fn compact_away(&mut self) {
        self.log = compacted(&self.log).into_iter().filter(|(_, _, value)| value.is_some()).collect();
    }

    pub fn log_length(&self) -> usize {
        self.log.len()
    }

    /// The records of the log.
    pub fn records(&self) -> Vec<Record> {
        self.log.iter().filter_map(|(_, key, value)| decode(key, value.as_ref()).expect("readable")).collect()
    }

    /// Time passes, with all that falls due.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now.monotonic + by;
        let mut calls = 0;
        while let Some(due) = self.machine.next_deadline().filter(|due| *due <= end) {
            self.set_time(due.max(self.now.monotonic));
            self.expire();
            calls += 1;
            assert!(calls < 100_000, "it is called again and again");
        }
        self.set_time(end);
    }

    fn run_due(&mut self) {
        self.advance(Duration::ZERO);
    }

    fn expire(&mut self) {
        self.wakes += 1;
        let mut out = Outbox::new();
        self.machine.expire(self.now, &self.world, &mut out);
        self.take(None, out);
    }

    fn set_time(&mut self, to: Instant) {
        let passed = to.saturating_since(self.now.monotonic);
        self.now.wall += i64::try_from(passed.as_millis()).expect("a short time");
        self.now.monotonic = to;
    }

    fn take(&mut self, ticket: Option<Ticket>, mut out: Outbox<GroupCoordinator>) {
        self.largest_batch = self.largest_batch.max(out.records.len());
        let bytes: usize = out.records.iter().map(in_a_batch).sum();
        match self.takes {
            Log::Takes if bytes > self.most_bytes => out = self.refused(ticket, ErrorCode::MessageTooLarge, out),
            Log::Takes => {}
            _ if out.records.is_empty() => {}
            Log::Refuses(error) => out = self.refused(ticket, error, out),
            Log::IsLate => {
                self.append(&out.records);
                out = self.failed(ErrorCode::RequestTimedOut, out);
            }
            Log::Ends { kept } => {
                if kept {
                    self.append(&out.records);
                }
                self.takes = Log::Takes;
                return self.fail_over();
            }
        }
        self.append(&out.records);
        for (ticket, reply) in out.replies {
            assert!(self.waiting.remove(&ticket).is_some(), "{ticket:?} is answered twice: {reply:?}");
            self.answers.insert(ticket, reply);
        }
    }

    /// Nothing was appended: whoever asked is answered by the machine, the others whose answers were in it by the driver.
    fn refused(
        &mut self,
        ticket: Option<Ticket>,
        error: ErrorCode,
        mut void: Outbox<GroupCoordinator>,
    ) -> Outbox<GroupCoordinator> {
        void.replies.retain(|(other, _)| Some(*other) != ticket);
        let mut out = self.failed(error, void);
        if let Some(ticket) = ticket {
            self.machine.rejected(ticket, error, &mut out);
        }
        out
    }

    fn failed(&self, error: ErrorCode, void: Outbox<GroupCoordinator>) -> Outbox<GroupCoordinator> {
        let mut out = Outbox::new();
        for (ticket, _) in void.replies {
            let failure = self.waiting.get(&ticket).cloned().expect("it waits");
            out.reply(ticket, failure.reply(error));
        }
        out
    }

    fn append(&mut self, records: &[Record]) {
        for record in records {
            let (key, value) = encode(record);
            let read = decode(&key, value.as_ref()).expect("what is written can be read").expect("a known type");
            assert_eq!(read, *record);
            let at = Position { offset: self.end_offset, timestamp: self.now.wall, producer: None };
            self.machine.replay(at, Entry::Record(record));
            self.log.push((self.end_offset, key, value));
            self.end_offset += 1;
        }
        if self.checks && !records.is_empty() {
            assert!(self.agrees_with_its_log(), "the log gives another state");
        }
    }

    pub fn agrees_with_its_log(&self) -> bool {
        [&self.log, &compacted(&self.log)].into_iter().all(|log| {
            let mut fresh = GroupCoordinator::new([0; 4]);
            replay(&mut fresh, log);
            fresh.has_the_state_of(&self.machine)
        })
    }

    fn tell(&mut self) {
        self.world.image.set_end_offset(self.world.image.end_offset() + 1);
        let mut out = Outbox::new();
        self.machine.world_changed(self.now, &self.world, &mut out);
        self.take(None, out);
        self.run_due();
    }

    /// Makes a topic, in its `life`, which gives it its id.
    pub fn create_topic(&mut self, name: &str, partitions: usize, life: u8) {
        self.world.image.put_topic(topic(name, partitions, life));
        self.tell();
    }

    pub fn delete_topic(&mut self, name: &str) {
        let id = self.topic_id(name);
        self.world.image.remove_topic(id);
        self.tell();
    }

    pub fn topic_id(&self, name: &str) -> Uuid {
        self.world.image.topic(name).map_or(Uuid::ZERO, |topic| topic.id)
    }
}

/// What a record takes there, in bytes, about.
fn in_a_batch(record: &Record) -> usize {
    let (key, value) = encode(record);
    key.len() + value.map_or(0, |value| value.len()) + 10
}

pub fn client(id: &str) -> Client {
    Client { id: id.into(), host: Text::from_static("/10.0.0.1") }
}

pub fn settings(configs: &[(&str, &str)]) -> Settings {
    let mut server = ServerConfig::new();
    for (name, value) in configs {
        server.add(name, value, Origin::CommandLine);
    }
    server.check().expect("right configs");
    let nothing = Configs::new();
    Settings::of(&Layers { server: &server, dynamic_broker: &nothing, dynamic_default: &nothing })
}

fn topic(name: &str, partitions: usize, life: u8) -> TopicImage {
    let id = Uuid([name.as_bytes()[0], life, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    let partitions = (0..partitions).map(|_| Arc::new(PartitionImage::default())).collect();
    TopicImage { name: name.into(), id, partitions, configs: Arc::default() }
}

fn replay(machine: &mut GroupCoordinator, log: &[Logged]) {
    for (offset, key, value) in log {
        let record = decode(key, value.as_ref()).expect("readable").expect("a known type");
        let at = Position { offset: *offset, timestamp: 0, producer: None };
        machine.replay(at, Entry::Record(&record));
    }
}

fn compacted(log: &[Logged]) -> Vec<Logged> {
    let last: BTreeMap<&Bytes, Offset> = log.iter().map(|(offset, key, _)| (key, *offset)).collect();
    log.iter().filter(|(offset, key, _)| last[key] == *offset).cloned().collect()
}
