//! Three processes; all partitions get another leader at once, again and again: the next write does not wait for a follower
//! that asked the new leader before that had heard.
#![cfg(not(madsim))]
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // about real processes in real time

use client::admin::{Election, NewTopic, Reassignment};
use client::{Admin, Cluster, Producer, ProducerConfig, ProducerRecord};
use model::{NodeId, PartitionId, TopicPartition};
use runtime::time::{Duration, Instant};
use std::collections::BTreeMap;
use tests::nodes::Nodes;
use tests::reading::impatient;

const TOPIC: &str = "moved";
const NODES: usize = 3;
const PARTITIONS: PartitionId = 12;
const MOVES: usize = 12;
/// Less than the rest of a follower that was refused, and of what a leader holds a fetch back for.
const SOON: Duration = Duration::from_secs(15);
const SETTINGS: [&str; 4] = [
    "min.insync.replicas=2",
    "auto.leader.rebalance.enable=false",
    "replica.fetch.backoff.ms=20000",
    "replica.fetch.wait.max.ms=20000",
];

/// A follower that was told NOT_LEADER_OR_FOLLOWER, since the leader heard a millisecond after it, rested a whole second.
/// Until then nothing was committed, of any partition that was written over the same connection.
#[test]
fn what_is_written_to_a_new_leader_is_acknowledged_at_once() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let nodes = Nodes::start(folder.path(), NODES, &SETTINGS);
    runtime::task::run(2, Box::pin(story(nodes))).expect("threads can be started");
}

async fn story(nodes: Nodes) {
    let cluster = Cluster::new(impatient(&nodes.addresses()));
    let admin = Admin::new(&cluster);
    let assignments = (0..PARTITIONS).map(|partition| replicas(partition, 0)).collect();
    admin.create_topic(NewTopic { assignments, ..NewTopic::new(TOPIC, -1) }).await.expect("a topic can be made");
    let config = ProducerConfig { linger: Duration::ZERO, ..ProducerConfig::default() };
    let producer = Producer::new(&cluster, config).expect("the config is sound");
    write(&producer).await;
    let mut worst = Duration::ZERO;
    for moves in 1..=MOVES {
        move_leaders(&admin, moves).await;
        let began = Instant::now();
        write(&producer).await;
        worst = worst.max(began.elapsed());
    }
    tests::say(&format!("{MOVES} moves of {PARTITIONS} leaders, the next writes acknowledged within {worst:?}"));
    assert!(worst < SOON, "a record was acknowledged after {worst:?}\n{}", nodes.log());
}

fn replicas(partition: PartitionId, moves: usize) -> Vec<NodeId> {
    let mut replicas: Vec<NodeId> = (1..=NODES as NodeId).collect();
    replicas.rotate_left((partition as usize + moves) % NODES);
    replicas
}

async fn move_leaders(admin: &Admin, moves: usize) {
    let place = |partition| TopicPartition::new(TOPIC, partition);
    let order = |partition| (place(partition), Reassignment::To(replicas(partition, moves)));
    let wanted: BTreeMap<_, _> = (0..PARTITIONS).map(order).collect();
    for (of, result) in admin.alter_reassignments(&wanted).await.expect("the controller answers") {
        result.unwrap_or_else(|error| panic!("{of}: {error}"));
    }
    let of: Vec<TopicPartition> = (0..PARTITIONS).map(place).collect();
    for (of, result) in admin.elect_leaders(Election::Preferred, Some(&of)).await.expect("the controller answers") {
        result.unwrap_or_else(|error| panic!("{of}: {error}"));
    }
}

/// A record to each partition.
async fn write(producer: &Producer) {
    let mut deliveries = Vec::new();
    for partition in 0..PARTITIONS {
        let record = ProducerRecord::new(TOPIC, "record").partition(partition);
        deliveries.push(producer.send(record).await.expect("a record is taken"));
    }
    for delivery in deliveries {
        delivery.await.unwrap_or_else(|error| panic!("a record is not acknowledged: {error}"));
    }
}
