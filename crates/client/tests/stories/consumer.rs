//! Reading: which records come, from where on, and what goes wrong on the way.

use super::fake::{FakeCluster, Then, World, data_batch, impatient};
use super::story;
use client::consumer::{Consumer, ConsumerConfig, ConsumerRecord, OffsetReset};
use client::{ClientError, Compression, OffsetSpec};
use model::{ErrorCode, TopicPartition};
use protocol::ApiKey;
use protocol::messages::{FetchRequest, ListOffsetsRequest, MetadataRequest};
use protocol::records::BatchOptions;
use runtime::sync::oneshot;
use runtime::time::{Duration, Instant};

pub fn config() -> ConsumerConfig {
    ConsumerConfig {
        offset_reset: OffsetReset::Earliest,
        fetch_max_wait: Duration::from_millis(20),
        retry_backoff: impatient(),
        ..ConsumerConfig::default()
    }
}

pub fn partition(number: i32) -> TopicPartition {
    TopicPartition::new("t", number)
}

/// A consumer of partition 0.
pub fn consumer(cluster: &FakeCluster, config: ConsumerConfig) -> Consumer {
    let mut consumer = Consumer::new(&cluster.client(), config).unwrap();
    consumer.assign([partition(0)]);
    consumer
}

/// Puts a batch at the end of a partition.
pub fn put(cluster: &FakeCluster, partition: usize, values: &[&str]) {
    let mut world = cluster.world();
    let partition = world.partition_mut("t", partition);
    let end = partition.end();
    partition.put(&data_batch(BatchOptions::default(), values), end);
}

pub fn value(record: &ConsumerRecord) -> String {
    String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned()
}

/// Polls until `count` records came.
pub async fn read(consumer: &mut Consumer, count: usize) -> client::Result<Vec<ConsumerRecord>> {
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut records = Vec::new();
    while records.len() < count && Instant::now() < deadline {
        records.extend(consumer.poll(Duration::from_millis(100)).await?);
    }
    Ok(records)
}

pub async fn values(consumer: &mut Consumer, count: usize) -> Vec<String> {
    read(consumer, count).await.unwrap().iter().map(value).collect()
}

/// Polls until something goes wrong.
pub async fn failure(consumer: &mut Consumer) -> ClientError {
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        match consumer.poll(Duration::from_millis(100)).await {
            Ok(records) => assert!(records.is_empty(), "{records:?}"),
            Err(error) => return error,
        }
    }
    panic!("nothing went wrong");
}

/// Polls, and gets nothing, until more than `before` requests of this kind came.
pub async fn poll_until_asked(cluster: &FakeCluster, consumer: &mut Consumer, key: ApiKey, before: usize) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while cluster.count(key) <= before {
        assert!(Instant::now() < deadline, "{key:?} did not come");
        assert!(consumer.poll(Duration::from_millis(5)).await.unwrap().is_empty());
    }
}

pub fn fetches(cluster: &FakeCluster) -> Vec<(i32, i32)> {
    cluster.seen::<FetchRequest>().iter().map(|request| (request.session_id, request.session_epoch)).collect()
}

#[test]
fn records_come_in_order_from_every_partition() {
    story(async {
        let cluster = FakeCluster::start(1, 3).await;
        for round in 0..20 {
            (0..3).for_each(|partition| put(&cluster, partition, &[&round.to_string(), "x"]));
        }
        let settings = ConsumerConfig { max_poll_records: 7, max_partition_fetch_bytes: 300, ..config() };
        let mut consumer = consumer(&cluster, settings);
        consumer.assign_topic("t").await.unwrap();
        let mut next = [0; 3];
        let mut polls = 0;
        while next.iter().sum::<i64>() < 120 {
            let records = consumer.poll(Duration::from_secs(5)).await.unwrap();
            assert!((1..=7).contains(&records.len()));
            for record in records {
                let place = &mut next[record.topic_partition.partition as usize];
                assert_eq!(record.offset, *place);
                *place += 1;
                assert!(consumer.position(&record.topic_partition).is_some_and(|position| position > record.offset));
            }
            polls += 1;
        }
        assert!(polls >= 120 / 7);
        assert_eq!(consumer.high_watermark(&partition(2)), Some(40));
        assert_eq!(consumer.log_start_offset(&partition(2)), Some(0));
        assert!(consumer.poll(Duration::from_millis(50)).await.unwrap().is_empty());
    });
}

#[test]
fn a_broker_without_topic_ids_is_asked_by_name() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.world().newest.extend([(ApiKey::Fetch, 11), (ApiKey::Metadata, 7)]);
        put(&cluster, 0, &["a"]);
        assert_eq!(values(&mut consumer(&cluster, config()), 1).await, ["a"]);
        assert_eq!(&*cluster.seen::<FetchRequest>()[0].topics[0].topic, "t");
    });
}

#[test]
fn reading_begins_where_the_policy_says() {
    story(async {
        for (offset_reset, begins) in [(OffsetReset::Earliest, 2), (OffsetReset::Latest, 4), (OffsetReset::Fail, 2)] {
            let cluster = FakeCluster::start(1, 1).await;
            cluster.world().partition_mut("t", 0).log_start = 2;
            put(&cluster, 0, &["a", "b"]);
            let mut consumer = consumer(&cluster, ConsumerConfig { offset_reset, ..config() });
            consumer.poll(Duration::from_millis(200)).await.unwrap();
            cluster.wait_until("a fetch", |world| world.seen.iter().any(|ask| ask.key() == ApiKey::Fetch)).await;
            let first = &cluster.seen::<FetchRequest>()[0].topics[0].partitions[0];
            assert_eq!(first.fetch_offset, begins, "{offset_reset:?}");
        }
    });
}

#[test]
fn an_offset_out_of_range_is_reset_where_the_policy_says() {
    story(async {
        for (offset_reset, goes_on_with) in [(OffsetReset::Earliest, "a"), (OffsetReset::Latest, "new")] {
            let cluster = FakeCluster::start(1, 1).await;
            put(&cluster, 0, &["a", "b"]);
            let mut consumer = consumer(&cluster, ConsumerConfig { offset_reset, ..config() });
            consumer.seek(&partition(0), 77);
            let mut records = Vec::new();
            while consumer.position(&partition(0)).is_none_or(|position| position > 2) {
                records.extend(consumer.poll(Duration::from_millis(5)).await.unwrap());
            }
            put(&cluster, 0, &["new"]);
            while records.is_empty() {
                records.extend(consumer.poll(Duration::from_millis(100)).await.unwrap());
            }
            assert_eq!(value(&records[0]), goes_on_with);
        }
    });
}

#[test]
fn an_offset_out_of_range_without_a_policy_is_told_and_left_to_the_caller() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        put(&cluster, 0, &["a", "b"]);
        let mut consumer = consumer(&cluster, ConsumerConfig { offset_reset: OffsetReset::Fail, ..config() });
        consumer.seek(&partition(0), 77);
        let error = failure(&mut consumer).await;
        assert_eq!(error.error_code(), Some(ErrorCode::OffsetOutOfRange));
        assert_eq!(consumer.position(&partition(0)), Some(77));
        consumer.seek(&partition(0), 1);
        assert_eq!(values(&mut consumer, 1).await, ["b"]);
    });
}

#[test]
fn a_time_is_looked_up_and_one_after_all_records_is_the_end() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        put(&cluster, 0, &["a"]); // at 1000
        let mut consumer = consumer(&cluster, config());
        consumer.seek_to(&partition(0), OffsetSpec::At(900));
        assert_eq!(values(&mut consumer, 1).await, ["a"]);
        consumer.seek_to(&partition(0), OffsetSpec::At(5000));
        while consumer.position(&partition(0)) != Some(1) {
            assert!(consumer.poll(Duration::from_millis(5)).await.unwrap().is_empty());
        }
        assert!(consumer.poll(Duration::from_millis(100)).await.unwrap().is_empty());
        put(&cluster, 0, &["b"]);
        assert_eq!(values(&mut consumer, 1).await, ["b"]);
    });
}

#[test]
fn a_position_that_cannot_be_looked_up_is_told() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.once(|_, _, request: ListOffsetsRequest| {
            Then::Answer(World::refuse_list_offsets(&request, ErrorCode::TopicAuthorizationFailed))
        });
        put(&cluster, 0, &["a"]);
        let mut consumer = consumer(&cluster, config());
        assert_eq!(failure(&mut consumer).await.error_code(), Some(ErrorCode::TopicAuthorizationFailed));
        assert_eq!(values(&mut consumer, 1).await, ["a"]);
    });
}

#[test]
fn reading_follows_the_leader() {
    story(async {
        let cluster = FakeCluster::start(2, 1).await;
        put(&cluster, 0, &["a"]);
        let mut consumer = consumer(&cluster, config());
        assert_eq!(values(&mut consumer, 1).await, ["a"]);
        cluster.world().move_leaders("t", 2);
        put(&cluster, 0, &["b"]);
        assert_eq!(values(&mut consumer, 1).await, ["b"]);
        assert_eq!(cluster.world().seen.last().map(|ask| ask.node), Some(2));
        cluster.stop(2);
        cluster.world().move_leaders("t", 1);
        put(&cluster, 0, &["c"]);
        assert_eq!(values(&mut consumer, 1).await, ["c"]);
    });
}

#[test]
fn reading_goes_on_after_connections_end() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        put(&cluster, 0, &["a"]);
        let mut consumer = consumer(&cluster, config());
        assert_eq!(values(&mut consumer, 1).await, ["a"]);
        cluster.times(3, |_, _, _: FetchRequest| Then::Close);
        put(&cluster, 0, &["b"]);
        assert_eq!(values(&mut consumer, 1).await, ["b"]);
        assert!(fetches(&cluster).contains(&(1, 0)), "the session in doubt is ended by the next one");
    });
}

#[test]
fn an_answer_to_what_was_asked_before_a_move_is_not_given_out() {
    story(async {
        let cluster = FakeCluster::start(1, 2).await;
        put(&cluster, 0, &["a", "b", "c"]);
        put(&cluster, 1, &["other"]);
        let mut consumer = consumer(&cluster, config());
        for change in ["seek", "seek to the same", "assigned anew", "gone"] {
            consumer.assign([partition(0)]);
            consumer.seek(&partition(0), 1);
            let before = cluster.count(ApiKey::Fetch);
            let (tell, told) = oneshot::channel();
            cluster.once(move |world, ask, request: FetchRequest| Then::When(told, world.fetch_now(ask, &request)));
            poll_until_asked(&cluster, &mut consumer, ApiKey::Fetch, before).await;
            let expected: &[&str] = match change {
                "seek" => {
                    consumer.seek(&partition(0), 2);
                    &["c"]
                }
                "seek to the same" => {
                    consumer.seek(&partition(0), 2);
                    consumer.seek(&partition(0), 1);
                    &["b", "c"]
                }
                "assigned anew" => {
                    consumer.assign([]);
                    consumer.assign([partition(0)]);
                    &["a", "b", "c"]
                }
                _ => {
                    consumer.assign([partition(1)]);
                    &["other"]
                }
            };
            tell.send(()).unwrap();
            assert_eq!(values(&mut consumer, expected.len()).await, expected, "{change}");
            assert!(consumer.poll(Duration::from_millis(30)).await.unwrap().is_empty(), "{change}");
        }
    });
}

#[test]
fn a_paused_partition_is_not_read_and_keeps_its_place() {
    story(async {
        let cluster = FakeCluster::start(1, 2).await;
        put(&cluster, 0, &["a"]);
        put(&cluster, 1, &["b"]);
        let mut consumer = consumer(&cluster, config());
        consumer.assign([partition(0), partition(1)]);
        consumer.set_paused(&partition(0), true);
        assert_eq!(values(&mut consumer, 1).await, ["b"]);
        assert!(consumer.poll(Duration::from_millis(60)).await.unwrap().is_empty());
        consumer.set_paused(&partition(0), false);
        assert_eq!(values(&mut consumer, 1).await, ["a"]);
    });
}

#[test]
fn a_replica_that_the_leader_prefers_is_read_from_until_it_fails() {
    story(async {
        let cluster = FakeCluster::start(2, 1).await;
        put(&cluster, 0, &["a"]);
        cluster.once(|world, ask, request: FetchRequest| {
            let mut answer = world.fetch_now(ask, &request);
            let data = &mut answer.responses[0].partitions[0];
            (data.preferred_read_replica, data.records) = (2, None);
            Then::Answer(answer)
        });
        cluster.once(|world, ask, request: FetchRequest| {
            assert_eq!(ask.node, 2);
            let mut as_leader = ask.clone();
            as_leader.node = 1; // a replica has it too
            Then::Answer(world.fetch_now(&as_leader, &request))
        });
        let mut consumer = consumer(&cluster, config());
        assert_eq!(values(&mut consumer, 1).await, ["a"]);
        put(&cluster, 0, &["b"]);
        // The replica says that it leads nothing, and the leader is asked again.
        assert_eq!(values(&mut consumer, 1).await, ["b"]);
    });
}

#[test]
fn a_long_poll_holds_back_nobody_else() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let client = cluster.client();
        let settings = ConsumerConfig { fetch_max_wait: Duration::from_secs(4), ..config() };
        let mut consumer = Consumer::new(&client, settings).unwrap();
        consumer.assign([partition(0)]);
        consumer.poll(Duration::from_millis(100)).await.unwrap();
        cluster.wait_until("a long poll", |world| world.seen.iter().any(|ask| ask.key() == ApiKey::Fetch)).await;
        let begun = Instant::now();
        client.list_offset(&partition(0), OffsetSpec::Latest, config().isolation).await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    });
}

#[test]
fn every_codec_can_be_read() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        for compression in Compression::ALL {
            let options = BatchOptions { compression, ..BatchOptions::default() };
            let mut world = cluster.world();
            let end = world.partition("t", 0).end();
            world.partition_mut("t", 0).put(&data_batch(options, &[compression.name()]), end);
        }
        let read = values(&mut consumer(&cluster, config()), Compression::ALL.len()).await;
        assert_eq!(read, Compression::ALL.map(Compression::name));
    });
}

#[test]
fn a_partition_without_leader_is_waited_for() {
    story(async {
        let cluster = FakeCluster::start(1, 2).await;
        cluster.world().partition_mut("t", 0).leader = -1;
        put(&cluster, 0, &["a"]);
        put(&cluster, 1, &["b"]);
        let mut consumer = consumer(&cluster, config());
        consumer.assign((0..2).map(partition));
        (0..2).for_each(|number| consumer.seek(&partition(number), 0));
        assert_eq!(values(&mut consumer, 1).await, ["b"]);
        let asked = cluster.count(ApiKey::Metadata);
        poll_until_asked(&cluster, &mut consumer, ApiKey::Metadata, asked).await;
        assert!(consumer.poll(Duration::from_millis(200)).await.unwrap().is_empty());
        assert!((1..200).contains(&(cluster.count(ApiKey::Metadata) - asked)));
        cluster.world().partition_mut("t", 0).leader = 1;
        assert_eq!(values(&mut consumer, 1).await, ["a"]);
    });
}

#[test]
fn a_topic_that_may_not_be_seen_is_told() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        put(&cluster, 0, &["a"]);
        cluster.once(|world, _, request: MetadataRequest| {
            let mut answer = world.metadata(&request);
            answer.topics[0].error_code = ErrorCode::TopicAuthorizationFailed.code();
            Then::Answer(answer)
        });
        let mut consumer = consumer(&cluster, config());
        consumer.seek(&partition(0), 0);
        assert_eq!(failure(&mut consumer).await.error_code(), Some(ErrorCode::TopicAuthorizationFailed));
        assert_eq!(values(&mut consumer, 1).await, ["a"]);
    });
}
