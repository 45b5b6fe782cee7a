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
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tests::load::{Acknowledged, Load, Reader, Written};
use tests::nodes::Nodes;
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
const SETTINGS: [&str; 4] = [
    "thalweg.journal.file.bytes=65536",
    "thalweg.journal.max.bytes=524288",
    "broker.session.timeout.ms=3000",
    "broker.heartbeat.interval.ms=500",
];

#[test]
fn what_a_cluster_acknowledged_is_there_whatever_happened_to_one_node() {
    let rounds =
        std::env::var("CLUSTER_ROUNDS").map_or(6, |rounds| rounds.parse().expect("CLUSTER_ROUNDS is a number"));
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let nodes = Nodes::start(folder.path(), NODES, &SETTINGS);
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
        harm(&mut nodes, victim, round);
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

/// Most are killed; some are stopped cleanly, some are paused, for less or more than the session timeout.
fn harm(nodes: &mut Nodes, node: usize, round: usize) {
    match round % 6 {
        2 => nodes.server(node).pause(Duration::from_millis(500 + runtime::rand::below(1000))),
        4 => {
            let ended = nodes.take(node).stop();
            assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
        }
        5 => nodes.server(node).pause(Duration::from_millis(4000)),
        _ => nodes.take(node).kill(),
    }
}
