//! Three processes are stopped and started one after the other while every partition is written to and read: clients notice
//! nothing but that some answers take a little longer.
//!
//! `RESTART_ROUNDS` sets how often each node is restarted; once if it is not given.
#![cfg(not(madsim))]
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // about real processes in real time

use client::admin::NewTopic;
use client::{Admin, Cluster, Producer, ProducerConfig, ProducerRecord};
use model::{PartitionId, TopicPartition};
use runtime::time::{Duration, Instant, sleep};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tests::nodes::Nodes;
use tests::reading::{impatient, read_from};

const NODES: usize = 3;
const PARTITIONS: PartitionId = 6;
const TOPIC: &str = "rolled";
/// From one record's being asked for until it is acknowledged, at worst: on a machine with other work it is longer.
const GAP: Duration = Duration::from_secs(15);

#[test]
fn nodes_that_are_restarted_one_after_the_other_are_not_missed() {
    let rounds = std::env::var("RESTART_ROUNDS").map_or(1, |n| n.parse().expect("RESTART_ROUNDS is a number"));
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let nodes = Nodes::start(folder.path(), NODES, &["min.insync.replicas=2"]);
    runtime::task::run(2, Box::pin(story(nodes, rounds))).expect("threads can be started");
}

async fn story(mut nodes: Nodes, rounds: usize) {
    let cluster = Cluster::new(impatient(&nodes.addresses()));
    let topic = NewTopic { replication_factor: NODES as i16, ..NewTopic::new(TOPIC, PARTITIONS) };
    Admin::new(&cluster).create_topic(topic).await.expect("a topic can be made");
    let stopping = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..PARTITIONS)
        .map(|partition| runtime::task::spawn("writer", write(cluster.clone(), partition, stopping.clone())))
        .collect();
    for _ in 0..rounds {
        for node in 0..NODES {
            sleep(Duration::from_millis(500)).await;
            let ended = nodes.take(node).stop();
            assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
            nodes.mend(node);
            wait_until_healthy(&nodes).await;
        }
    }
    stopping.store(true, Ordering::Relaxed);
    let (mut worst, mut total) = (Duration::ZERO, 0);
    for (partition, writer) in (0..PARTITIONS).zip(writers) {
        let (written, gap) = writer.await.expect("a writer does not panic");
        let place = TopicPartition::new(TOPIC, partition);
        let read = read_from(&cluster, &[(place.clone(), 0)].into()).await;
        let values: Vec<&[u8]> = read[&place].iter().filter_map(|record| record.value.as_deref()).collect();
        let expected: Vec<String> = (0..written).map(|number| number.to_string()).collect();
        assert!(
            values.iter().copied().eq(expected.iter().map(String::as_bytes)),
            "{place}: not each record once, in order"
        );
        (worst, total) = (worst.max(gap), total + written);
    }
    tests::say(&format!("{} restarts, {total} records, each acknowledged within {worst:?}", rounds * NODES));
    assert!(worst < GAP, "a record was acknowledged after {worst:?}\n{}", nodes.log());
}

/// One record after the other, each acknowledged before the next; how many, and the longest that one took.
async fn write(cluster: Cluster, partition: PartitionId, stopping: Arc<AtomicBool>) -> (usize, Duration) {
    let config = ProducerConfig { linger: Duration::ZERO, ..ProducerConfig::default() };
    let producer = Producer::new(&cluster, config).expect("the config is sound");
    let (mut written, mut worst) = (0, Duration::ZERO);
    while !stopping.load(Ordering::Relaxed) {
        let began = Instant::now();
        let record = ProducerRecord::new(TOPIC, written.to_string()).partition(partition);
        let delivery = producer.send(record).await.expect("a record is taken");
        delivery.await.unwrap_or_else(|error| panic!("record {written} of partition {partition} failed: {error}"));
        worst = worst.max(began.elapsed());
        written += 1;
        sleep(Duration::from_millis(2)).await;
    }
    (written, worst)
}

/// As whoever restarts nodes one after the other is told to do: the next goes when all replicas are in sync again.
async fn wait_until_healthy(nodes: &Nodes) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !nodes.is_healthy() {
        assert!(Instant::now() < deadline, "{}\n{}", nodes.health(), nodes.log());
        sleep(Duration::from_millis(100)).await;
    }
}
