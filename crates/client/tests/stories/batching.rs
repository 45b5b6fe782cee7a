//! How records are put into batches and requests, and how long they wait and travel.

use super::fake::{FakeCluster, Then, World};
use super::producer::{config, in_order, numbers, producer, record, send};
use super::story;
use client::{Acks, ClientConfig, ClientError, Cluster, Compression, Header, Producer, ProducerConfig, ProducerRecord};
use client::{SendError, murmur2};
use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::ProduceRequest;
use protocol::records::{BatchView, Record};
use runtime::time::{Duration, Instant, sleep};

fn batched() -> ProducerConfig {
    ProducerConfig { linger: Duration::from_millis(100), batch_size: 4096, ..config() }
}

fn batch_sizes(cluster: &FakeCluster) -> Vec<i32> {
    let batches = &cluster.world().topics["t"].partitions[0].batches;
    batches.iter().map(|batch| BatchView::parse(batch).unwrap().header.record_count).collect()
}

#[test]
fn records_that_come_soon_after_each_other_travel_together() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let producer = producer(&cluster, batched());
        assert_eq!(send(&producer, 10).await, in_order(10));
        assert_eq!(batch_sizes(&cluster), [10]);
    });
}

#[test]
fn a_full_batch_waits_for_nobody() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let linger = Duration::from_secs(3600);
        let producer = producer(&cluster, ProducerConfig { linger, batch_size: 200, ..config() });
        let first = producer.send(record(0)).await.unwrap();
        for number in 1..20 {
            producer.send(record(number)).await.unwrap();
        }
        assert_eq!(first.await.unwrap().offset, 0);
        producer.flush().await;
        assert_eq!(cluster.values(0), numbers(20));
        assert_eq!(batch_sizes(&cluster).len(), 2);
    });
}

#[test]
fn what_was_taken_is_written_although_the_producer_is_dropped() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let producer = producer(&cluster, ProducerConfig { linger: Duration::from_secs(3600), ..batched() });
        let delivery = producer.send(record(0)).await.unwrap();
        drop(producer);
        assert_eq!(delivery.await.unwrap().offset, 0);
    });
}

#[test]
fn closing_waits_for_what_was_taken_and_takes_no_more() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let producer = producer(&cluster, ProducerConfig { linger: Duration::from_secs(3600), ..batched() });
        producer.send(record(0)).await.unwrap();
        producer.close().await;
        assert_eq!(cluster.values(0), numbers(1));
        assert!(matches!(producer.send(record(1)).await, Err(SendError::NotWritten(ClientError::Closed))));
    });
}

#[test]
fn batches_too_large_for_the_broker_are_cut_until_they_fit() {
    story(async {
        for compression in [Compression::None, Compression::Lz4] {
            let cluster = FakeCluster::start(1, 1).await;
            cluster.world().partition_mut("t", 0).max_batch = 100;
            let producer = producer(&cluster, ProducerConfig { compression, ..batched() });
            assert_eq!(send(&producer, 9).await, in_order(9), "each record knows its own offset");
            assert_eq!(cluster.values(0), numbers(9));
            assert!(batch_sizes(&cluster).len() > 1);
            assert_eq!(cluster.count(ApiKey::InitProducerId), 1);
        }
    });
}

#[test]
fn a_record_too_large_for_the_broker_is_not_written_and_its_neighbours_are() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.world().partition_mut("t", 0).max_batch = 150;
        let producer = producer(&cluster, batched());
        let mut deliveries = Vec::new();
        for value in ["a", "b", &"x".repeat(200), "d", "e"] {
            deliveries.push(producer.send(record(value)).await.unwrap());
        }
        producer.flush().await;
        for (index, delivery) in deliveries.into_iter().enumerate() {
            match delivery.await {
                Ok(_) => assert_ne!(index, 2),
                Err(SendError::NotWritten(cause)) => {
                    assert_eq!((index, cause.error_code()), (2, Some(ErrorCode::MessageTooLarge)));
                }
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(cluster.values(0), ["a", "b", "d", "e"]);
    });
}

#[test]
fn a_record_larger_than_any_request_is_not_taken() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let producer = producer(&cluster, ProducerConfig { max_request_size: 1000, ..config() });
        let refused = producer.send(record("x".repeat(1000))).await;
        assert!(matches!(refused, Err(SendError::NotWritten(ClientError::Invalid(_)))));
    });
}

#[test]
fn a_request_holds_batches_of_many_partitions_but_no_more_than_allowed() {
    story(async {
        let cluster = FakeCluster::start(1, 6).await;
        let config = ProducerConfig { max_request_size: 1000, batch_size: 400, ..batched() };
        let producer = producer(&cluster, config);
        for partition in 0..6 {
            producer.send(record("x".repeat(200)).partition(partition)).await.unwrap();
        }
        producer.flush().await;
        let requests = cluster.seen::<ProduceRequest>();
        let partitions = requests.iter().map(|request| request.topic_data[0].partition_data.len());
        assert_eq!(partitions.collect::<Vec<_>>(), [3, 3]);
    });
}

#[test]
fn every_codec_carries_keys_headers_and_nulls() {
    story(async {
        for compression in Compression::ALL {
            let cluster = FakeCluster::start(1, 1).await;
            let producer = producer(&cluster, ProducerConfig { compression, ..batched() });
            let headers = vec![Header::new("h", "1"), Header { key: "h".into(), value: None }];
            let full = ProducerRecord { headers: headers.clone(), timestamp: Some(77), ..record("v").key("k") };
            producer.send(full).await.unwrap();
            producer.send(ProducerRecord { value: None, ..record("") }).await.unwrap();
            producer.flush().await;
            let batch = cluster.world().partition("t", 0).batches[0].clone();
            let view = BatchView::parse(&batch).unwrap();
            assert_eq!(view.header.compression().unwrap(), compression);
            let records: Vec<Record> = view.records(1 << 20).unwrap().map(Result::unwrap).collect();
            assert_eq!(view.header.timestamp_of(records[0].timestamp_delta), 77);
            assert_eq!((records[0].key.as_deref(), records[0].value.as_deref()), (Some(&b"k"[..]), Some(&b"v"[..])));
            assert_eq!(records[0].headers, headers);
            assert_eq!((&records[1].key, &records[1].value), (&None, &None));
        }
    });
}

#[test]
fn keys_choose_their_partition_and_records_without_key_stay_together() {
    story(async {
        let cluster = FakeCluster::start(1, 4).await;
        let producer = producer(&cluster, batched());
        for key in ["a", "b", "c"] {
            let delivery = producer.send(ProducerRecord::new("t", "v").key(key)).await.unwrap();
            let metadata = delivery.await.unwrap();
            assert_eq!(metadata.topic_partition.partition as u32, (murmur2(key.as_bytes()) & 0x7fff_ffff) % 4);
        }
        let mut partitions = Vec::new();
        for _ in 0..5 {
            partitions.push(producer.send(ProducerRecord::new("t", "v")).await.unwrap());
        }
        let mut chosen = std::collections::BTreeSet::new();
        for delivery in partitions {
            chosen.insert(delivery.await.unwrap().topic_partition.partition);
        }
        assert_eq!(chosen.len(), 1);
        assert!(producer.send(record("v").partition(4)).await.is_err());
    });
}

#[test]
fn without_acknowledgement_a_record_is_done_when_it_is_handed_over() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let producer = producer(&cluster, ProducerConfig { acks: Acks::None, idempotent: false, ..config() });
        assert_eq!(send(&producer, 3).await, vec![Ok(-1); 3]);
        cluster.wait_until("three records", |world| world.partition("t", 0).batches.len() == 3).await;
        assert_eq!(cluster.count(ApiKey::InitProducerId), 0);
    });
}

#[test]
fn memory_that_is_used_up_holds_senders_back_until_something_is_acknowledged() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let config = ProducerConfig {
            buffer_memory: 1000,
            max_request_size: 1000,
            batch_size: 500,
            max_block: Duration::from_millis(200),
            ..config()
        };
        let producer = producer(&cluster, config);
        cluster.once(|_, _, _: ProduceRequest| Then::Silence);
        let value = "x".repeat(400);
        let first = producer.send(record(&value)).await.unwrap();
        producer.send(record(&value)).await.unwrap();
        let refused = producer.send(record(&value)).await;
        assert!(matches!(refused, Err(SendError::NotWritten(ClientError::TimedOut { .. }))), "{refused:?}");
        cluster.cut(1);
        first.await.unwrap();
        producer.send_and_wait(record(&value)).await.unwrap();
        producer.flush().await;
        assert_eq!(cluster.values(0).len(), 3);
    });
}

/// A cluster whose brokers have `within` for each answer.
fn hasty(cluster: &FakeCluster, within: Duration) -> Cluster {
    Cluster::new(ClientConfig { request_timeout: within, ..cluster.config() })
}

#[test]
fn what_was_sent_and_not_answered_in_time_is_unknown_and_what_waited_is_not_written() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let delivery_timeout = Duration::from_secs(3);
        let config = ProducerConfig { delivery_timeout, max_in_flight: 1, ..config() };
        let producer = Producer::new(&hasty(&cluster, Duration::from_secs(10)), config).unwrap();
        send(&producer, 1).await;
        cluster.times(9, |_, _, _: ProduceRequest| Then::Silence);
        let begun = Instant::now();
        let ends = send(&producer, 2).await;
        assert!(matches!(&ends[0], Err(SendError::Unknown(ClientError::TimedOut { .. }))), "{ends:?}");
        assert!(matches!(&ends[1], Err(SendError::NotWritten(_))), "{ends:?}");
        assert!(begun.elapsed() < Duration::from_secs(9), "in time, although the request still waits");
        assert_eq!(cluster.count(ApiKey::Produce), 2);
    });
}

#[test]
fn a_request_that_is_not_answered_is_sent_again_and_written_once() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let producer = Producer::new(&hasty(&cluster, Duration::from_millis(200)), config()).unwrap();
        cluster.times(2, |world, ask, request: ProduceRequest| {
            world.produce(ask.node, &request);
            Then::Silence
        });
        assert_eq!(send(&producer, 3).await, in_order(3));
        assert_eq!(cluster.values(0), numbers(3));
    });
}

#[test]
fn after_what_is_unknown_later_records_are_written_under_the_next_epoch() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let producer = producer(&cluster, ProducerConfig { retries: 0, ..config() });
        send(&producer, 2).await;
        cluster.once(|_, _, _: ProduceRequest| Then::Close);
        let ends = send(&producer, 1).await;
        assert!(matches!(&ends[0], Err(SendError::Unknown(ClientError::Lost { .. }))), "{ends:?}");
        assert_eq!(send(&producer, 1).await, [Ok(2)]);
        let batches = cluster.world().partition("t", 0).batches.clone();
        let header = BatchView::parse(&batches[2]).unwrap().header;
        assert_eq!((header.producer_epoch, header.base_sequence), (1, 0));
        assert_eq!(cluster.count(ApiKey::InitProducerId), 1);
    });
}

#[test]
fn when_nobody_can_be_reached_records_are_given_up_as_not_written() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let delivery_timeout = Duration::from_secs(3);
        let producer = producer(&cluster, ProducerConfig { delivery_timeout, ..config() });
        send(&producer, 1).await;
        cluster.stop(1);
        cluster.wait_until("the end", World::is_idle).await;
        sleep(Duration::from_secs(1)).await; // until the client has seen it
        let ends = send(&producer, 3).await;
        assert!(
            ends.iter().all(|end| matches!(end, Err(SendError::NotWritten(ClientError::Connect { .. })))),
            "{ends:?}"
        );
    });
}

#[test]
fn a_partition_without_leader_is_waited_for() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let producer = producer(&cluster, config());
        send(&producer, 1).await;
        cluster.world().move_leaders("t", -1);
        let delivery = producer.send(record("late")).await.unwrap();
        cluster
            .wait_until("some asking", |world| world.seen.iter().filter(|a| a.key() == ApiKey::Metadata).count() > 3)
            .await;
        cluster.world().move_leaders("t", 1);
        assert_eq!(delivery.await.unwrap().offset, 1);
    });
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let cluster = Cluster::new(ClientConfig::default());
    let contradictions = [
        ProducerConfig { acks: Acks::Leader, ..ProducerConfig::default() },
        ProducerConfig { max_in_flight: 6, ..ProducerConfig::default() },
        ProducerConfig { max_in_flight: 0, ..ProducerConfig::default() },
        ProducerConfig { buffer_memory: 1000, ..ProducerConfig::default() },
    ];
    for config in contradictions {
        assert!(matches!(Producer::new(&cluster, config), Err(ClientError::Invalid(_))));
    }
}

#[test]
fn refusals_for_a_while_are_not_asked_again_without_pause() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let delivery_timeout = Duration::from_secs(2);
        let producer = producer(&cluster, ProducerConfig { delivery_timeout, ..config() });
        send(&producer, 1).await; // from here on it is connected
        for error in [ErrorCode::NotEnoughReplicas, ErrorCode::InvalidProducerEpoch] {
            let before = cluster.count(ApiKey::Produce);
            cluster.times(500, move |_, _, request: ProduceRequest| Then::Answer(World::refuse(&request, error)));
            assert!(send(&producer, 1).await[0].is_err());
            let attempts = cluster.count(ApiKey::Produce) - before;
            assert!((1..400).contains(&attempts), "{attempts} attempts at {error}");
            cluster.world().unscript(ApiKey::Produce);
        }
    });
}
