//! A classic group: members come, join and sync, then all rejoin with something new to say, again and again.

use super::figures::{microseconds_each, spread};
use super::server_cpu::ServerCpu;
use super::site::{Site, expect_none, group_name};
use super::wire::Wire;
use bytes::Bytes;
use clap::Args;
use model::ErrorCode;
use protocol::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use protocol::messages::leave_group::{LeaveGroupRequest, MemberIdentity};
use protocol::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use protocol::payloads::consumer_protocol_assignment::{ConsumerProtocolAssignment, TopicPartition};
use protocol::payloads::consumer_protocol_subscription::ConsumerProtocolSubscription;
use protocol::{Message, Reader, Text, Writer};
use runtime::task::JoinHandle;
use runtime::time::{Duration, Instant};
use serde_json::{Value, json};
use std::sync::Arc;

const PROTOCOL_TYPE: &str = "consumer";
const PROTOCOL: &str = "range";
/// Of JoinGroup, SyncGroup and LeaveGroup.
const VERSIONS: (i16, i16, i16) = (9, 5, 5);
/// Version of subscriptions and assignments.
const EMBEDDED: i16 = 1;
/// Longer than any run, so that nobody need beat.
const SESSION_MS: i32 = 1_800_000;

#[derive(Args)]
pub struct Options {
    /// Members, each with a connection of its own.
    #[arg(long, default_value_t = 100)]
    members: usize,
    /// Partitions of the topic.
    #[arg(long, default_value_t = 1000)]
    pub partitions: i32,
    /// New groups that are measured.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Rebalances of each.
    #[arg(long, default_value_t = 10)]
    rebalances: usize,
    /// New groups before those, of as many rebalances, that are not measured.
    #[arg(long, default_value_t = 1)]
    warmup_rounds: usize,
}

/// Measured times of some generations, and what they cost together.
#[derive(Default)]
struct Measured {
    settled: Vec<Duration>,
    whole: Vec<Duration>,
    cpu: Duration,
}

impl Measured {
    fn add(&mut self, generation: &Settled, cpu: Duration) {
        self.settled.push(generation.all_synced - generation.last_join);
        self.whole.push(generation.all_synced - generation.first_join);
        self.cpu += cpu;
    }

    fn told(self, members: usize) -> Value {
        json!({
            "cpu_us_per_join_and_sync": microseconds_each(self.cpu, members * self.settled.len()),
            "last_join_to_last_assignment_ms": spread(self.settled),
            "first_join_to_last_assignment_ms": spread(self.whole),
        })
    }
}

/// # Panics
/// When the coordinator refuses, or gives a generation without all members.
pub async fn run(site: &Site, cpu: &ServerCpu, options: &Options) -> Value {
    let (mut first, mut rebalances) = (Measured::default(), Measured::default());
    for round in 0..options.warmup_rounds + options.rounds {
        let is_measured = round >= options.warmup_rounds;
        let mut group = Group::gather(site, options.members).await;
        group.found().await;
        let before = cpu.spent();
        group.promise().await;
        let generation = group.rejoin().await;
        if is_measured {
            first.add(&generation, cpu.spent() - before);
        }
        for _ in 0..options.rebalances {
            let before = cpu.spent();
            let generation = group.rejoin().await;
            if is_measured {
                rebalances.add(&generation, cpu.spent() - before);
            }
        }
        group.leave().await;
    }
    json!({
        "scenario": "classic",
        "members": options.members,
        "partitions": site.partitions,
        "new_group": first.told(options.members),
        "rebalance": rebalances.told(options.members),
    })
}

/// When a generation came about.
struct Settled {
    first_join: Instant,
    last_join: Instant,
    all_synced: Instant,
}

struct Group {
    shared: Arc<Shared>,
    members: Vec<Member>,
    /// Counts what members have had to say.
    said: u32,
}

/// What each member must know of the others.
struct Shared {
    group: Text,
    topic: Text,
    partitions: usize,
    members: usize,
}

struct Member {
    connection: Wire,
    id: Text,
}

impl Group {
    /// Connections for a new group; nobody has joined.
    async fn gather(site: &Site, members: usize) -> Group {
        let group = group_name("classic");
        let connections = site.connect(&group, members).await;
        let shared = Shared { group, topic: site.topic.clone(), partitions: site.partitions, members };
        let members = connections.into_iter().map(|connection| Member { connection, id: Text::default() }).collect();
        Group { shared: Arc::new(shared), members, said: 0 }
    }

    /// The last member alone is the group's first generation. Without it, and without a delay, the generation of the
    /// others would be whoever is there at the moment; now it is complete when they all, and at last it, have joined.
    async fn found(&mut self) {
        let founder = self.members.last_mut().expect("there are members");
        let alone =
            Shared { members: 1, group: self.shared.group.clone(), topic: self.shared.topic.clone(), ..*self.shared };
        founder.take_id(&self.shared).await;
        founder.join_and_sync(&alone, self.said).await;
    }

    /// All but that one ask for their ids.
    async fn promise(&mut self) {
        let founder = self.members.pop();
        let shared = self.shared.clone();
        self.together(|mut member| {
            let shared = shared.clone();
            async move {
                member.take_id(&shared).await;
                (member, ())
            }
        })
        .await;
        self.members.extend(founder);
    }

    /// All join with something new to say, and sync.
    async fn rejoin(&mut self) -> Settled {
        self.said += 1;
        let (shared, said) = (self.shared.clone(), self.said);
        let parts = self
            .together(|mut member| {
                let shared = shared.clone();
                async move {
                    let part = member.join_and_sync(&shared, said).await;
                    (member, part)
                }
            })
            .await;
        self.check(&parts);
        Settled {
            first_join: parts.iter().map(|part| part.joined).min().expect("there are members"),
            last_join: parts.iter().map(|part| part.joined).max().expect("there are members"),
            all_synced: parts.iter().map(|part| part.synced).max().expect("there are members"),
        }
    }

    /// Has all members do something at the same time.
    async fn together<T, F>(&mut self, work: impl Fn(Member) -> F) -> Vec<T>
    where
        T: Send + 'static,
        F: Future<Output = (Member, T)> + Send + 'static,
    {
        let working: Vec<JoinHandle<(Member, T)>> =
            self.members.drain(..).map(|member| runtime::task::spawn("member", work(member))).collect();
        let mut results = Vec::with_capacity(working.len());
        for member in working {
            let (member, result) = member.await.expect("what was refused is said above");
            self.members.push(member);
            results.push(result);
        }
        results
    }

    /// One generation, in which each partition belongs to somebody.
    fn check(&self, parts: &[Part]) {
        let generation = parts[0].generation;
        assert!(parts.iter().all(|part| part.generation == generation), "all are of one generation");
        let mut owned: Vec<i32> = parts.iter().flat_map(|part| owned(&part.assignment)).collect();
        owned.sort_unstable();
        assert!(owned.iter().copied().eq(0..self.shared.partitions as i32), "each partition has one owner");
    }

    async fn leave(mut self) {
        let shared = self.shared.clone();
        self.together(|mut member| {
            let shared = shared.clone();
            async move {
                member.leave(&shared).await;
                (member, ())
            }
        })
        .await;
    }
}

/// How a member's part of a generation went.
struct Part {
    generation: i32,
    assignment: Bytes,
    /// When its join was sent.
    joined: Instant,
    /// When it had its assignment.
    synced: Instant,
}

impl Member {
    async fn take_id(&mut self, shared: &Shared) {
        let answer = self.connection.ask(&self.join_request(shared, 0), VERSIONS.0).await;
        assert_eq!(ErrorCode::from_wire(answer.error_code), ErrorCode::MemberIdRequired, "an id comes first");
        self.id = answer.member_id.detached();
    }

    /// Joins, and asks for its assignment; as the leader it gives everyone's.
    async fn join_and_sync(&mut self, shared: &Shared, said: u32) -> Part {
        let request = self.join_request(shared, said);
        let joined = Instant::now();
        let answer = self.connection.ask(&request, VERSIONS.0).await;
        expect_none("a join", answer.error_code);
        let generation = answer.generation_id;
        let leads = answer.leader == answer.member_id;
        let request = SyncGroupRequest {
            group_id: shared.group.clone(),
            generation_id: generation,
            assignments: if leads { shared.assignments(&answer) } else { Vec::new() },
            member_id: answer.member_id,
            protocol_type: Some(Text::from_static(PROTOCOL_TYPE)),
            protocol_name: answer.protocol_name,
            ..SyncGroupRequest::default()
        };
        let answer = self.connection.ask(&request, VERSIONS.1).await;
        let synced = Instant::now();
        expect_none("a sync", answer.error_code);
        Part { generation, assignment: answer.assignment, joined, synced }
    }

    fn join_request(&self, shared: &Shared, said: u32) -> JoinGroupRequest {
        let subscription = ConsumerProtocolSubscription {
            topics: vec![shared.topic.clone()],
            user_data: Some(Bytes::copy_from_slice(&said.to_be_bytes())),
            ..ConsumerProtocolSubscription::default()
        };
        let protocol = JoinGroupRequestProtocol {
            name: Text::from_static(PROTOCOL),
            metadata: embedded(&subscription),
            ..JoinGroupRequestProtocol::default()
        };
        JoinGroupRequest {
            group_id: shared.group.clone(),
            session_timeout_ms: SESSION_MS,
            rebalance_timeout_ms: SESSION_MS,
            member_id: self.id.clone(),
            protocol_type: Text::from_static(PROTOCOL_TYPE),
            protocols: vec![protocol],
            ..JoinGroupRequest::default()
        }
    }

    async fn leave(&mut self, shared: &Shared) {
        let identity = MemberIdentity { member_id: self.id.clone(), ..MemberIdentity::default() };
        let request = LeaveGroupRequest {
            group_id: shared.group.clone(),
            members: vec![identity],
            ..LeaveGroupRequest::default()
        };
        expect_none("leaving", self.connection.ask(&request, VERSIONS.2).await.error_code);
    }
}

impl Shared {
    /// Every so manieth partition to each member.
    fn assignments(&self, joined: &JoinGroupResponse) -> Vec<SyncGroupRequestAssignment> {
        let members = self.members;
        assert_eq!(joined.members.len(), members, "the generation has all members");
        let one = |(at, member_id): (usize, &Text)| {
            let partitions = (at..self.partitions).step_by(members).map(|partition| partition as i32).collect();
            let of_topic = TopicPartition { topic: self.topic.clone(), partitions };
            let assignment = ConsumerProtocolAssignment { assigned_partitions: vec![of_topic], ..Default::default() };
            SyncGroupRequestAssignment {
                member_id: member_id.clone(),
                assignment: embedded(&assignment),
                ..SyncGroupRequestAssignment::default()
            }
        };
        joined.members.iter().map(|member| &member.member_id).enumerate().map(one).collect()
    }
}

/// With the number of its version before it.
fn embedded(message: &impl Message) -> Bytes {
    let mut writer = Writer::new();
    writer.i16(EMBEDDED);
    message.encode(&mut writer, EMBEDDED).expect("it can be written");
    writer.finish_contiguous()
}

fn owned(assignment: &Bytes) -> Vec<i32> {
    let mut reader = Reader::new(assignment.clone());
    let version = reader.i16().expect("a version");
    let assignment = ConsumerProtocolAssignment::decode(&mut reader, version).expect("what the leader gave");
    assignment.assigned_partitions.into_iter().flat_map(|topic| topic.partitions).collect()
}
