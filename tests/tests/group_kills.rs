//! Three processes and a group of consumers; again and again the node that coordinates the group is killed, or a consumer
//! is gone without a word: no partition has two owners, no record is skipped, and reading goes on.
//!
//! `GROUP_ROUNDS` sets the number of rounds, 4 if it is not given, and `GROUP_MEMBERS` the number of members, 6.
#![cfg(not(madsim))]
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // about real processes in real time

use client::admin::NewTopic;
use client::group::assignors::Assignor;
use client::group::{GroupConfig, GroupConsumer, GroupProtocol, Heard, Membership, RebalanceListener};
use client::{Admin, Cluster, ConsumerConfig, ConsumerRecord, OffsetReset, Producer, ProducerConfig, ProducerRecord};
use model::{Offset, TopicPartition};
use runtime::task::JoinHandle;
use runtime::time::{Duration, Instant, sleep};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tests::nodes::Nodes;
use tests::reading::impatient;

const NODES: usize = 3;
const TOPIC: &str = "work";
const PARTITIONS: i32 = 24;
const GROUP: &str = "crew";
/// Between two records of a partition.
const PACE: Duration = Duration::from_millis(20);
/// How long a killed member's partitions are nobody's.
const SESSION: Duration = Duration::from_secs(6);
/// Between two rounds: time for the group to find that a member is gone.
const ROUND: Duration = Duration::from_secs(10);
/// A partition of which nothing is read for longer than this is stuck.
const STUCK: Duration = Duration::from_secs(60);
const SETTINGS: [&str; 8] = [
    "broker.session.timeout.ms=3000",
    "broker.heartbeat.interval.ms=500",
    "offsets.topic.num.partitions=3",
    "group.initial.rebalance.delay.ms=0",
    "group.consumer.min.session.timeout.ms=6000",
    "group.consumer.session.timeout.ms=6000",
    "group.consumer.min.heartbeat.interval.ms=1000",
    "group.consumer.heartbeat.interval.ms=1000",
];

#[test]
fn a_classic_group_goes_on_whoever_is_killed() {
    play(GroupProtocol::Classic);
}

#[test]
fn a_consumer_group_goes_on_whoever_is_killed() {
    play(GroupProtocol::Consumer);
}

fn play(protocol: GroupProtocol) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let nodes = Nodes::start(folder.path(), NODES, &SETTINGS);
    runtime::task::run(2, Box::pin(story(nodes, protocol))).expect("threads can be started");
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

async fn story(mut nodes: Nodes, protocol: GroupProtocol) {
    let cluster = Cluster::new(impatient(&nodes.addresses()));
    let topic = NewTopic { replication_factor: NODES as i16, ..NewTopic::new(TOPIC, PARTITIONS) };
    Admin::new(&cluster).create_topic(topic.config("min.insync.replicas", "2")).await.expect("a topic can be created");
    let stopping = Arc::new(AtomicBool::new(false));
    let writer = runtime::task::spawn("writer", write(cluster.clone(), stopping.clone()));
    let crew = Crew { book: Arc::default(), cluster: cluster.clone(), protocol, stopping: stopping.clone() };
    let (members, rounds) = (number("GROUP_MEMBERS", 6), number("GROUP_ROUNDS", 4));
    let mut running: BTreeMap<usize, JoinHandle<()>> = (0..members).map(|member| (member, crew.hire(member))).collect();
    crew.wait_until_all_is_read_by(Instant::now()).await;
    for round in 0..rounds {
        let began = Instant::now();
        if round % 2 == 0 {
            let victim = coordinator(&cluster).await;
            crew.book().harmed(Harm::Coordinator);
            nodes.take(victim).kill();
            sleep(ROUND / 2).await;
            nodes.mend(victim);
        } else {
            let victim = *running.keys().nth(runtime::rand::below(members as u64) as usize).expect("one of them");
            crew.book().harmed(Harm::Member);
            let gone = running.remove(&victim).expect("it runs");
            gone.abort();
            let _ = gone.await; // it was ended, and has no result
            crew.book().died(victim);
            let next = members + round;
            running.insert(next, crew.hire(next));
        }
        sleep(ROUND.saturating_sub(began.elapsed())).await;
        crew.wait_until_all_is_read_by(began + ROUND / 2).await;
    }
    stopping.store(true, Ordering::Relaxed);
    let written = writer.await.expect("the writer does not panic");
    for (_, member) in running {
        member.await.expect("a member does not panic");
    }
    let told = crew.book().judge(&written);
    tests::say(&format!("{protocol:?} group of {members}, harmed {rounds} times: {told}"));
}

/// The node, from 0 on, that coordinates the group.
async fn coordinator(cluster: &Cluster) -> usize {
    let deadline = Instant::now() + STUCK;
    loop {
        let described = Admin::new(cluster).describe_groups(&[GROUP]).await.remove(GROUP).expect("it was asked for");
        match described {
            Ok(group) => return usize::try_from(group.coordinator - 1).expect("ids count from 1"),
            Err(error) => assert!(Instant::now() < deadline, "nobody coordinates: {error}"),
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Writes to every partition, at a pace, until the group has what it came for. Gives how many records each has.
async fn write(cluster: Cluster, stopping: Arc<AtomicBool>) -> BTreeMap<TopicPartition, Offset> {
    let config = ProducerConfig { linger: Duration::ZERO, ..ProducerConfig::default() };
    let producer = Producer::new(&cluster, config).expect("the config is sound");
    let mut last = Vec::new();
    while !stopping.load(Ordering::Relaxed) {
        last.clear();
        for partition in 0..PARTITIONS {
            let record = ProducerRecord::new(TOPIC, "work to do").partition(partition);
            last.push(producer.send(record).await.expect("a record is taken"));
        }
        sleep(PACE).await;
    }
    let mut written = BTreeMap::new();
    for delivery in last {
        let place = delivery.await.expect("it is delivered in the end");
        written.insert(place.topic_partition, place.offset + 1);
    }
    written
}

/// What all members have in common.
struct Crew {
    book: Arc<Mutex<Book>>,
    cluster: Cluster,
    protocol: GroupProtocol,
    stopping: Arc<AtomicBool>,
}

impl Crew {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("no panic inside")
    }

    /// Starts a member with connections of its own: when it is ended they break, and nobody says goodbye.
    fn hire(&self, member: usize) -> JoinHandle<()> {
        let config = GroupConfig {
            protocol: self.protocol,
            session_timeout: SESSION,
            heartbeat_interval: SESSION / 6,
            assignors: vec![Assignor::CooperativeSticky],
            auto_commit: None,
            consumer: ConsumerConfig { offset_reset: OffsetReset::Earliest, ..ConsumerConfig::default() },
            ..GroupConfig::of(GROUP)
        };
        let (book, stopping) = (self.book.clone(), self.stopping.clone());
        let mut consumer = GroupConsumer::new(&self.cluster.apart(), config).expect("the config is sound");
        consumer.set_listener(Watch { member, book: book.clone() });
        consumer.subscribe(&[TOPIC]);
        runtime::task::spawn("member", async move {
            let mut committed = Instant::now();
            let mut idle_since = None;
            // When the last records are written it reads them, too.
            while idle_since.is_none_or(|since: Instant| since.elapsed() < SESSION) {
                match consumer.poll(Duration::from_millis(100)).await {
                    Ok(records) => {
                        book.lock().expect("no panic inside").read(member, &records);
                        let is_over = stopping.load(Ordering::Relaxed) && records.is_empty();
                        idle_since = if is_over { idle_since.or(Some(Instant::now())) } else { None };
                    }
                    Err(error) => tests::say(&format!("member {member}: {error}")),
                }
                if committed.elapsed() > Duration::from_millis(500) {
                    let positions = consumer.positions();
                    drop(consumer.start_commit(positions)); // a later one stands for it
                    committed = Instant::now();
                }
            }
            consumer.close().await;
        })
    }

    /// Waits until something was read of every partition after `since`.
    async fn wait_until_all_is_read_by(&self, since: Instant) {
        let deadline = Instant::now() + STUCK;
        while !self.book().is_all_read_since(since) {
            assert!(Instant::now() < deadline, "a partition is read by nobody: {:?}", self.book().owners);
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Who is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Harm {
    /// Nobody yet.
    #[default]
    None,
    Coordinator,
    Member,
}

/// What the members did, in the order in which they did it.
#[derive(Default)]
struct Book {
    owners: BTreeMap<TopicPartition, usize>,
    two_owners: Vec<String>,
    lost: usize,
    /// How often each record was read.
    reads: BTreeMap<TopicPartition, Vec<u32>>,
    read_at: BTreeMap<TopicPartition, Instant>,
    harm: Harm,
    gaps: BTreeMap<Harm, Duration>,
}

impl Book {
    fn harmed(&mut self, harm: Harm) {
        self.harm = harm;
    }

    fn owns(&mut self, member: usize, partitions: &[TopicPartition]) {
        for partition in partitions {
            let before = self.owners.insert(partition.clone(), member);
            if let Some(other) = before.filter(|other| *other != member) {
                self.two_owners.push(format!("{partition}: {other} and {member}"));
            }
        }
    }

    fn gives_up(&mut self, member: usize, partitions: &[TopicPartition]) {
        self.owners.retain(|partition, owner| *owner != member || !partitions.contains(partition));
    }

    fn died(&mut self, member: usize) {
        self.owners.retain(|_, owner| *owner != member);
    }

    fn read(&mut self, member: usize, records: &[ConsumerRecord]) {
        let now = Instant::now();
        for record in records {
            let partition = &record.topic_partition;
            if self.owners.get(partition) != Some(&member) {
                self.two_owners.push(format!("{partition}: read by {member}, which does not own it"));
            }
            let reads = self.reads.entry(partition.clone()).or_default();
            let at = usize::try_from(record.offset).expect("offsets count from 0");
            reads.resize(reads.len().max(at + 1), 0);
            reads[at] += 1;
            let before = self.read_at.insert(partition.clone(), now).unwrap_or(now);
            let gap = self.gaps.entry(self.harm).or_default();
            *gap = (*gap).max(now - before);
        }
    }

    fn is_all_read_since(&self, since: Instant) -> bool {
        self.read_at.len() == PARTITIONS as usize && self.read_at.values().all(|at| *at >= since)
    }

    /// What there is to tell.
    fn judge(&self, written: &BTreeMap<TopicPartition, Offset>) -> String {
        assert!(self.two_owners.is_empty(), "two owners: {:?}", self.two_owners);
        let (mut records, mut again) = (0_u64, 0);
        for (partition, end) in written {
            let reads = &self.reads[partition];
            assert_eq!(reads.len() as Offset, *end, "{partition}: read to the end");
            let skipped: Vec<usize> = (0..reads.len()).filter(|at| reads[*at] == 0).collect();
            assert!(skipped.is_empty(), "{partition}: skipped {skipped:?}");
            records += reads.len() as u64;
            again += reads.iter().map(|times| u64::from(times - 1)).sum::<u64>();
        }
        let gap = |harm| self.gaps.get(&harm).copied().unwrap_or_default();
        format!(
            "{records} records, 0 skipped, {again} read again, no partition with two owners, {} times taken for gone; of a \
             partition nothing was read for {:?} at worst after a kill of the coordinator, {:?} after that of a member",
            self.lost,
            gap(Harm::Coordinator),
            gap(Harm::Member)
        )
    }
}

/// Writes down what a member owns.
struct Watch {
    member: usize,
    book: Arc<Mutex<Book>>,
}

impl RebalanceListener for Watch {
    fn on_partitions_revoked<'a>(
        &'a mut self,
        membership: &'a mut Membership,
        partitions: &'a [TopicPartition],
    ) -> Heard<'a> {
        Box::pin(async move {
            let positions = membership.positions();
            // Who comes next reads again what could not be committed.
            let _ = membership.commit_offsets(positions).await;
            self.book.lock().expect("no panic inside").gives_up(self.member, partitions);
        })
    }

    fn on_partitions_assigned<'a>(&'a mut self, _: &'a mut Membership, partitions: &'a [TopicPartition]) -> Heard<'a> {
        Box::pin(async move { self.book.lock().expect("no panic inside").owns(self.member, partitions) })
    }

    fn on_partitions_lost<'a>(&'a mut self, _: &'a mut Membership, partitions: &'a [TopicPartition]) -> Heard<'a> {
        Box::pin(async move {
            let mut book = self.book.lock().expect("no panic inside");
            book.lost += 1;
            book.gives_up(self.member, partitions);
        })
    }
}
