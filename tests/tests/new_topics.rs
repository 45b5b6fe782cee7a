//! Three processes; a topic is made and written to at once: nothing waits for a fetch that was sent before it was there.
#![cfg(not(madsim))]
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // about real processes in real time

use client::admin::NewTopic;
use client::{Admin, Cluster, Producer, ProducerConfig, ProducerRecord};
use runtime::time::{Duration, Instant};
use tests::nodes::Nodes;
use tests::reading::impatient;

const TOPICS: usize = 7;
const PARTITIONS: i32 = 12;
/// A quarter of what a follower's fetch is held back for; as a rule it takes a few milliseconds.
const SOON: Duration = Duration::from_secs(5);

/// Followers had asked for what they knew, and named the new partitions half a second later.
#[test]
fn the_first_records_of_a_topic_are_acknowledged_by_all_at_once() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let nodes = Nodes::start(folder.path(), 3, &["min.insync.replicas=3", "replica.fetch.wait.max.ms=20000"]);
    runtime::task::run(2, Box::pin(story(nodes))).expect("threads can be started");
}

async fn story(nodes: Nodes) {
    let cluster = Cluster::new(impatient(&nodes.addresses()));
    let producer = Producer::new(&cluster, ProducerConfig::default()).expect("the config is sound");
    let mut times = Vec::new();
    for number in 0..TOPICS {
        let name = format!("topic-{number}");
        let topic = NewTopic { replication_factor: 3, ..NewTopic::new(&name, PARTITIONS) };
        Admin::new(&cluster).create_topic(topic).await.expect("it can be made");
        let began = Instant::now();
        let mut deliveries = Vec::new();
        for partition in 0..PARTITIONS {
            let record = ProducerRecord::new(name.clone(), "first").partition(partition);
            deliveries.push(producer.send(record).await.expect("a record is taken"));
        }
        for delivery in deliveries {
            delivery.await.expect("a record is acknowledged");
        }
        times.push(began.elapsed());
    }
    times.sort();
    println!("first records were acknowledged after {times:?}");
    assert!(times[TOPICS / 2] < SOON, "{times:?}\n{}", nodes.log());
}
