//! Three processes under load; again and again one is killed, paused, or stopped and started: what was acknowledged is
//! there, once, in order, at its offset.
//!
//! `CLUSTER_ROUNDS` sets the number of rounds; 6 if it is not given.
#![cfg(not(madsim))]
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // about real processes in real time

use client::admin::NewTopic;
use client::{Admin, Cluster};
use model::TopicPartition;
use runtime::task::JoinHandle;
use runtime::time::{Duration, Instant, sleep};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tests::Server;
use tests::load::{Acknowledged, Load, Reader, Written};
use tests::reading::impatient;

const NODES: usize = 3;
/// Both are acknowledged by two replicas at least; the second from the page cache, which a kill does not empty.
const TOPICS: [(&str, i32, &str); 2] = [("journaled", 6, "1"), ("paged", 3, "100000")];
const PRODUCERS: usize = 3;
/// What must be acknowledged after a round before the next.
const LOAD: usize = 300;
/// A first acknowledgement that comes later than any session ends is looked into.
const SLOW: Duration = Duration::from_secs(10);
/// Small, so that segments roll, and the journal goes around, many times a round.
const SETTINGS: [&str; 6] = [
    "thalweg.journal.file.bytes=65536",
    "thalweg.journal.max.bytes=524288",
    "process.roles=broker,controller",
    "controller.listener.names=CONTROLLER",
    "broker.session.timeout.ms=3000",
    "broker.heartbeat.interval.ms=500",
];

#[test]
fn what_a_cluster_acknowledged_is_there_whatever_happened_to_one_node() {
    let rounds =
        std::env::var("CLUSTER_ROUNDS").map_or(6, |rounds| rounds.parse().expect("CLUSTER_ROUNDS is a number"));
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let nodes = Nodes::start(folder.path());
    runtime::task::run(2, Box::pin(story(nodes, rounds))).expect("threads can be started");
}

async fn story(mut nodes: Nodes, rounds: usize) {
    let cluster = Cluster::new(impatient(&nodes.addresses()));
    let partitions = create_topics(&cluster).await;
    let mut reader = Reader::new(&cluster, &partitions);
    let (acknowledged, stopping) = (Acknowledged::default(), Arc::new(AtomicBool::new(false)));
    let producers: Vec<JoinHandle<Written>> = (0..PRODUCERS)
        .map(|number| {
            let load = Load { number, partitions: partitions.clone(), acknowledged: acknowledged.clone() };
            runtime::task::spawn("load", load.run(cluster.clone(), stopping.clone()))
        })
        .collect();
    let mut gaps = Vec::new();
    for round in 0..rounds {
        wait_for_load(&acknowledged, &nodes, round).await;
        let victim = runtime::rand::below(NODES as u64) as usize;
        let began = Instant::now();
        nodes.harm(victim, round);
        wait_for_one(&acknowledged, &nodes, round).await;
        let gap = began.elapsed();
        if gap > SLOW {
            tests::say(&format!("round {round}: {gap:?}; the servers said:\n{}", nodes.log()));
        }
        gaps.push(gap);
        nodes.mend(victim);
        // Taken before reading: all of it was acknowledged before the reader asked where the log ends.
        let promised = std::mem::take(&mut *acknowledged.lock().expect("no panic inside"));
        reader.read_on().await;
        reader.check(&promised, round);
    }
    stopping.store(true, Ordering::Relaxed);
    let mut written = BTreeMap::new();
    for (number, producer) in producers.into_iter().enumerate() {
        written.insert(number, producer.await.expect("a producer does not panic"));
    }
    reader.read_all_again().await;
    reader.check(&acknowledged.lock().expect("no panic inside"), rounds);
    let records = reader.check_that_all_is_there_once(&written);
    gaps.sort();
    let (median, worst) = (gaps[gaps.len() / 2], gaps[gaps.len() - 1]);
    tests::say(&format!(
        "a cluster harmed {rounds} times, {records} records, first acknowledgement after {median:?} usually, {worst:?} at worst"
    ));
}

async fn create_topics(cluster: &Cluster) -> Vec<TopicPartition> {
    let mut all = Vec::new();
    for (name, partitions, flush) in TOPICS {
        let topic = NewTopic { replication_factor: NODES as i16, ..NewTopic::new(name, partitions) };
        let topic = topic.config("flush.messages", flush);
        let topic = topic.config("min.insync.replicas", "2").config("internal.segment.bytes", "100000");
        Admin::new(cluster).create_topic(topic).await.expect("a topic can be created");
        all.extend((0..partitions).map(|at| TopicPartition::new(name, at)));
    }
    all
}

async fn wait_for_load(acknowledged: &Acknowledged, nodes: &Nodes, round: usize) {
    wait_for(acknowledged, nodes, round, LOAD).await;
}

async fn wait_for_one(acknowledged: &Acknowledged, nodes: &Nodes, round: usize) {
    wait_for(acknowledged, nodes, round, 1).await;
}

async fn wait_for(acknowledged: &Acknowledged, nodes: &Nodes, round: usize, more: usize) {
    let count = || acknowledged.lock().expect("no panic inside").len();
    let (before, deadline) = (count(), Instant::now() + Duration::from_secs(60));
    while count() < before + more {
        if Instant::now() >= deadline {
            let (health, log) = (nodes.health(), nodes.log());
            panic!("round {round}: producers do not go on; {health}\nthe servers said:\n{log}");
        }
        sleep(Duration::from_millis(2)).await;
    }
}

/// The processes, each with a port for clients and one for the quorum.
struct Nodes {
    folder: PathBuf,
    ports: Vec<(u16, u16)>,
    servers: Vec<Option<Server>>,
}

impl Nodes {
    fn start(folder: &Path) -> Nodes {
        let ports = free_ports(2 * NODES).chunks(2).map(|pair| (pair[0], pair[1])).collect();
        let mut nodes = Nodes { folder: folder.to_owned(), ports, servers: (0..NODES).map(|_| None).collect() };
        (0..NODES).for_each(|node| nodes.begin(node));
        nodes.servers.iter_mut().flatten().for_each(Server::wait_until_ready);
        nodes
    }

    fn begin(&mut self, node: usize) {
        let voters: Vec<String> =
            self.ports.iter().zip(1..).map(|((_, port), id)| format!("{id}@127.0.0.1:{port}")).collect();
        let (clients, quorum) = self.ports[node];
        let own = [
            format!("node.id={}", node + 1),
            format!("controller.quorum.voters={}", voters.join(",")),
            format!("listeners=PLAINTEXT://127.0.0.1:{clients},CONTROLLER://127.0.0.1:{quorum}"),
        ];
        let settings: Vec<&str> = SETTINGS.iter().copied().chain(own.iter().map(String::as_str)).collect();
        let data = self.folder.join(node.to_string());
        self.servers[node] = Some(Server::begin(&format!("127.0.0.1:{clients}"), &data, &settings));
    }

    fn addresses(&self) -> String {
        let addresses: Vec<String> = self.ports.iter().map(|(port, _)| format!("127.0.0.1:{port}")).collect();
        addresses.join(",")
    }

    /// Most are killed; some are stopped cleanly, some are paused, for less or more than the session timeout.
    fn harm(&mut self, node: usize, round: usize) {
        match round % 6 {
            2 => self.server(node).pause(Duration::from_millis(500 + runtime::rand::below(1000))),
            4 => {
                let ended = self.servers[node].take().expect("it runs").stop();
                assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
            }
            5 => self.server(node).pause(Duration::from_millis(4000)),
            _ => self.servers[node].take().expect("it runs").kill(),
        }
    }

    fn mend(&mut self, node: usize) {
        if self.servers[node].is_none() {
            self.begin(node);
            self.servers[node].as_mut().expect("begun above").wait_until_ready();
        }
    }

    fn server(&self, node: usize) -> &Server {
        self.servers[node].as_ref().expect("it runs")
    }

    /// What an operator is told.
    fn health(&self) -> String {
        let mut health = std::process::Command::new(tests::binary::thalweg());
        health.args(["cluster", "health", "--brokers", &self.addresses()]);
        let told = health.output().expect("the program runs");
        String::from_utf8_lossy(&told.stdout).into_owned() + &String::from_utf8_lossy(&told.stderr)
    }

    fn log(&self) -> String {
        let logs = self.servers.iter().zip(1..).map(|(server, id)| {
            let log = server.as_ref().map_or_else(|| "it does not run".to_owned(), Server::log);
            format!("== node {id}\n{log}")
        });
        logs.collect::<Vec<_>>().join("\n")
    }
}

/// Ports that nobody uses at the moment.
fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("there is a free port")).collect();
    listeners.iter().map(|listener| listener.local_addr().expect("it is bound").port()).collect()
}
