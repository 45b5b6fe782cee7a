//! Writing: what is in the log afterwards, in which order, and what the caller was told.

use super::fake::{Ask, FakeCluster, Then, World, impatient};
use super::story;
use client::{ClientError, Producer, ProducerConfig, ProducerRecord, SendError};
use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::{InitProducerIdRequest, ProduceRequest, ProduceResponse};
use runtime::sync::oneshot;
use runtime::time::{Duration, sleep};

pub fn config() -> ProducerConfig {
    ProducerConfig {
        linger: Duration::ZERO,
        batch_size: 1, // each record travels alone
        retry_backoff: impatient(),
        delivery_timeout: Duration::from_secs(8),
        ..ProducerConfig::default()
    }
}

pub fn producer(cluster: &FakeCluster, config: ProducerConfig) -> Producer {
    Producer::new(&cluster.client(), config).unwrap()
}

pub fn record(value: impl ToString) -> ProducerRecord {
    ProducerRecord::new("t", value.to_string()).partition(0)
}

pub fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|n| n.to_string()).collect()
}

/// Sends `0`, `1`, ... and waits for all of them: the offset of each, or what went wrong.
pub async fn send(producer: &Producer, count: usize) -> Vec<Result<i64, SendError>> {
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

pub fn in_order(count: i64) -> Vec<Result<i64, SendError>> {
    (0..count).map(Ok).collect()
}

/// Does as it is asked.
fn write(cluster: &FakeCluster) {
    cluster.once(|world, ask, request: ProduceRequest| Then::Answer(world.produce(ask.node, &request)));
}

/// Does as it is asked, but the answer is lost with the connection.
fn write_and_close(world: &mut World, ask: &Ask, request: ProduceRequest) -> Then<ProduceResponse> {
    world.produce(ask.node, &request);
    Then::Close
}

#[test]
fn records_are_written_once_and_in_order_although_written_answers_are_lost() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let producer = producer(&cluster, config());
        write(&cluster);
        cluster.times(3, write_and_close);
        assert_eq!(send(&producer, 20).await, in_order(20));
        assert_eq!(cluster.values(0), numbers(20));
    });
}

#[test]
fn records_are_written_once_and_in_order_although_connections_end_before_they_arrive() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let producer = producer(&cluster, config());
        for _ in 0..3 {
            write(&cluster);
            cluster.once(|_, _, _: ProduceRequest| Then::Close);
        }
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
            write(&cluster);
            cluster.times(2, move |_, _, request: ProduceRequest| Then::Answer(World::refuse(&request, error)));
            assert_eq!(send(&producer, 20).await, in_order(20), "{error}");
            assert_eq!(cluster.values(0), numbers(20), "{error}");
        }
    });
}

#[test]
fn records_are_written_once_although_they_were_written_before_they_were_refused() {
    story(async {
        use ErrorCode as E;
        for error in [E::NotEnoughReplicasAfterAppend, E::RequestTimedOut, E::NotLeaderOrFollower] {
            let cluster = FakeCluster::start(1, 1).await;
            let producer = producer(&cluster, config());
            cluster.times(3, move |world, ask, request: ProduceRequest| {
                world.produce(ask.node, &request);
                Then::Answer(World::refuse(&request, error))
            });
            assert_eq!(send(&producer, 10).await, in_order(10), "{error}");
            assert_eq!(cluster.values(0), numbers(10), "{error}");
        }
    });
}

/// Kafka's own clients wait for the answer to the first batch no more than for any other.
#[test]
fn a_first_batch_that_is_refused_for_a_while_is_not_overtaken_on_a_broker_that_does_not_know_the_producer() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let producer = producer(&cluster, config());
        cluster
            .once(|_, _, request: ProduceRequest| Then::Answer(World::refuse(&request, ErrorCode::NotEnoughReplicas)));
        assert_eq!(send(&producer, 5).await, in_order(5));
        assert_eq!(cluster.values(0), numbers(5));
    });
}

#[test]
fn no_more_requests_are_under_way_than_allowed() {
    story(async {
        for allowed in [1, 3] {
            let cluster = FakeCluster::start(1, 1).await;
            let producer = producer(&cluster, ProducerConfig { max_in_flight: allowed, ..config() });
            send(&producer, 1).await;
            let (tell, told) = oneshot::channel();
            cluster.once(|world, ask, request: ProduceRequest| Then::When(told, world.produce(ask.node, &request)));
            for number in 1..8 {
                producer.send(record(number)).await.unwrap();
            }
            let asked = move |world: &World| world.seen.iter().filter(|ask| ask.key() == ApiKey::Produce).count();
            cluster.wait_until("the pipeline", move |world| asked(world) == 1 + allowed).await;
            sleep(Duration::from_millis(50)).await;
            assert_eq!(asked(&cluster.world()), 1 + allowed, "the others wait");
            tell.send(()).unwrap();
            producer.flush().await;
            assert_eq!(cluster.values(0).len(), 8);
        }
    });
}

#[test]
fn records_follow_the_leader() {
    story(async {
        let cluster = FakeCluster::start(2, 1).await;
        let producer = producer(&cluster, config());
        assert_eq!(send(&producer, 3).await, in_order(3));
        cluster.world().move_leaders("t", 2);
        let ends = send(&producer, 5).await;
        assert_eq!(ends, (3..8).map(Ok).collect::<Vec<_>>());
        let last = cluster.world().seen.last().map(|ask| ask.node);
        assert_eq!(last, Some(2));
    });
}

#[test]
fn records_follow_the_leader_when_the_old_one_is_gone() {
    story(async {
        let cluster = FakeCluster::start(2, 1).await;
        let mut settings = cluster.config();
        settings.bootstrap.push(cluster.world().brokers[&2].clone());
        let producer = Producer::new(&client::Cluster::new(settings), config()).unwrap();
        assert_eq!(send(&producer, 3).await, in_order(3));
        cluster.stop(1);
        cluster.world().brokers.remove(&1);
        cluster.world().move_leaders("t", 2);
        assert_eq!(send(&producer, 5).await, (3..8).map(Ok).collect::<Vec<_>>());
    });
}

#[test]
fn a_topic_made_anew_is_written_to() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let producer = producer(&cluster, config());
        assert_eq!(send(&producer, 3).await, in_order(3));
        cluster.world().add_topic("t", 1);
        assert_eq!(send(&producer, 3).await, in_order(3));
        assert_eq!(cluster.values(0), numbers(3));
    });
}

#[test]
fn a_broker_without_topic_ids_is_asked_by_name() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.world().newest.extend([(ApiKey::Produce, 8), (ApiKey::Metadata, 7)]);
        let producer = producer(&cluster, config());
        assert_eq!(send(&producer, 3).await, in_order(3));
        assert_eq!(&*cluster.seen::<ProduceRequest>()[0].topic_data[0].name, "t");
    });
}

#[test]
fn what_is_refused_for_good_was_not_written_and_does_not_stop_the_rest() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let producer = producer(&cluster, config());
        write(&cluster);
        cluster.once(|_, _, request: ProduceRequest| Then::Answer(World::refuse(&request, ErrorCode::InvalidRecord)));
        let ends = send(&producer, 6).await;
        let Err(SendError::NotWritten(cause)) = &ends[1] else { panic!("{ends:?}") };
        assert_eq!(cause.error_code(), Some(ErrorCode::InvalidRecord));
        assert_eq!(cluster.values(0), ["0", "2", "3", "4", "5"]);
    });
}

#[test]
fn a_broker_that_lost_its_producers_is_written_to_once_and_in_order() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let producer = producer(&cluster, config());
        send(&producer, 3).await;
        cluster.times(4, |world, _, request: ProduceRequest| {
            world.partition_mut("t", 0).forget_producers();
            Then::Answer(World::refuse(&request, ErrorCode::UnknownProducerId))
        });
        assert!(send(&producer, 4).await.iter().all(Result::is_ok));
        assert_eq!(cluster.values(0)[3..], numbers(4));
    });
}

#[test]
fn an_answer_that_leaves_a_partition_out_leaves_doubt() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let producer = producer(&cluster, config());
        cluster.once(|_, _, _: ProduceRequest| Then::Answer(ProduceResponse::default()));
        let ends = send(&producer, 1).await;
        assert!(matches!(&ends[0], Err(SendError::Unknown(_))), "{ends:?}");
    });
}

#[test]
fn an_answer_that_cannot_be_read_leaves_doubt() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let producer = producer(&cluster, config());
        cluster.once(|world, ask, request: ProduceRequest| {
            world.produce(ask.node, &request);
            Then::Garbage(vec![0xff; 9])
        });
        let ends = send(&producer, 2).await;
        assert!(matches!(&ends[0], Err(SendError::Unknown(ClientError::Malformed { .. }))), "{ends:?}");
        assert!(ends[1].is_ok(), "{ends:?}");
        assert_eq!(cluster.values(0), numbers(2));
    });
}

#[test]
fn a_producer_id_is_asked_for_until_it_comes() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let producer = producer(&cluster, config());
        let refuse = |error| move |_: &mut World, _: &_, _| Then::Answer(World::refuse_producer_id(error));
        cluster.once::<InitProducerIdRequest>(refuse(ErrorCode::CoordinatorLoadInProgress));
        cluster.once::<InitProducerIdRequest>(|_, _, _| Then::Close);
        cluster.once::<InitProducerIdRequest>(|_, _, _| Then::Garbage(vec![0xff]));
        cluster.once::<InitProducerIdRequest>(refuse(ErrorCode::UnknownServerError));
        assert_eq!(send(&producer, 3).await, in_order(3));
    });
}

#[test]
fn a_producer_that_is_given_no_id_says_so_to_everyone() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let producer = producer(&cluster, config());
        cluster.once(|_, _, _: InitProducerIdRequest| {
            Then::Answer(World::refuse_producer_id(ErrorCode::ClusterAuthorizationFailed))
        });
        let first = send(&producer, 1).await.remove(0);
        let Err(SendError::NotWritten(cause)) = first else { panic!("{first:?}") };
        assert_eq!(cause.error_code(), Some(ErrorCode::ClusterAuthorizationFailed));
        assert!(matches!(producer.send(record("later")).await, Err(SendError::NotWritten(_))));
        producer.close().await;
    });
}
