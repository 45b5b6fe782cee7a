//! Writing: what is in the log afterwards, in which order, and what the caller was told.

use super::fake::{FakeCluster, Then, World, impatient};
use super::story;
use client::{Producer, ProducerConfig, ProducerRecord};
use model::ErrorCode;
use protocol::messages::ProduceRequest;
use runtime::time::Duration;

fn config() -> ProducerConfig {
    ProducerConfig {
        linger: Duration::ZERO,
        batch_size: 1, // each record travels alone
        retry_backoff: impatient(),
        delivery_timeout: Duration::from_secs(8),
        ..ProducerConfig::default()
    }
}

fn producer(cluster: &FakeCluster, config: ProducerConfig) -> Producer {
    Producer::new(&cluster.client(), config).unwrap()
}

fn record(value: impl ToString) -> ProducerRecord {
    ProducerRecord::new("t", value.to_string()).partition(0)
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|n| n.to_string()).collect()
}

/// Sends `0`, `1`, ... and waits for all of them: the offset of each, or what went wrong.
async fn send(producer: &Producer, count: usize) -> Vec<Result<i64, client::SendError>> {
    let mut deliveries = Vec::new();
    for number in 0..count {
        deliveries.push(producer.send(record(number)).await.unwrap());
    }
    let mut ends = Vec::new();
    for delivery in deliveries {
        ends.push(delivery.await.map(|metadata| metadata.offset));
    }
    ends
}

fn in_order(count: i64) -> Vec<Result<i64, client::SendError>> {
    (0..count).map(Ok).collect()
}

#[test]
fn records_are_written_once_and_in_order_although_written_answers_are_lost() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let producer = producer(&cluster, config());
        cluster.once(|world, ask, request: ProduceRequest| Then::Answer(world.produce(ask.node, &request)));
        cluster.times(3, |world, ask, request: ProduceRequest| {
            world.produce(ask.node, &request);
            Then::Close
        });
        assert_eq!(send(&producer, 20).await, in_order(20));
        assert_eq!(cluster.values(0), numbers(20));
    });
}

#[test]
fn records_are_written_once_and_in_order_although_some_are_refused_for_a_while() {
    story(async {
        use ErrorCode as E;
        for error in [E::NotEnoughReplicas, E::LeaderNotAvailable, E::CorruptMessage, E::UnknownTopicOrPartition] {
            let cluster = FakeCluster::start(1, 1).await;
            let producer = producer(&cluster, config());
            cluster.once(|world, ask, request: ProduceRequest| Then::Answer(world.produce(ask.node, &request)));
            cluster.times(2, move |_, _, request: ProduceRequest| Then::Answer(World::refuse(&request, error)));
            assert_eq!(send(&producer, 20).await, in_order(20), "{error}");
            assert_eq!(cluster.values(0), numbers(20), "{error}");
        }
    });
}
