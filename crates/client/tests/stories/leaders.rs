//! When another broker leads, or the log is another: how soon clients find out, and what they make of it.

use super::consumer::{self, consumer, failure, partition, put, values};
use super::fake::{FakeCluster, Then, World, data_batch, impatient};
use super::producer::{self, in_order, record, send};
use super::story;
use client::consumer::{Consumer, ConsumerConfig, OffsetReset};
use client::{BackoffConfig, ClientConfig, ClientError, Cluster, Producer, ProducerConfig, Wanted};
use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::fetch::{self, EpochEndOffset, FetchableTopicResponse, PartitionData};
use protocol::messages::produce;
use protocol::messages::{
    ApiVersionsRequest, FetchRequest, FetchResponse, MetadataRequest, ProduceRequest, ProduceResponse,
};
use protocol::records::BatchOptions;
use runtime::time::{Duration, Instant, sleep};

/// Whoever waits this long fails its story.
const PATIENT: BackoffConfig = BackoffConfig { first: Duration::from_secs(20), most: Duration::from_secs(20) };

fn endpoint(world: &World, node: i32) -> (String, i32) {
    let (host, port) = world.brokers[&node].rsplit_once(':').expect("host:port");
    (host.to_owned(), port.parse().expect("a port"))
}

/// A refusal by a broker that knows who leads, in which epoch and where.
fn refuse_produce(world: &World, request: &ProduceRequest, leader_id: i32) -> ProduceResponse {
    let leader_epoch = world.partition("t", 0).leader_epoch;
    let mut answer = World::refuse(request, ErrorCode::NotLeaderOrFollower);
    answer.responses[0].partition_responses[0].current_leader =
        produce::LeaderIdAndEpoch { leader_id, leader_epoch, ..Default::default() };
    let (host, port) = endpoint(world, leader_id);
    answer.node_endpoints =
        vec![produce::NodeEndpoint { node_id: leader_id, host: host.into(), port, ..Default::default() }];
    answer
}

/// What broker `1` says of partition 0 in answer to a fetch.
fn fetched(request: &FetchRequest, data: PartitionData) -> FetchResponse {
    let topic_id = request.topics.first().map(|topic| topic.topic_id).unwrap_or_default();
    let topic = FetchableTopicResponse { topic_id, partitions: vec![data], ..Default::default() };
    FetchResponse { responses: vec![topic], ..FetchResponse::default() }
}

/// KIP-951.
#[test]
fn a_producer_that_is_told_who_leads_goes_there_at_once_and_asks_nobody() {
    story(async {
        let cluster = FakeCluster::start(2, 1).await;
        let settings = ProducerConfig { retry_backoff: PATIENT, ..producer::config() };
        let producer = producer::producer(&cluster, settings);
        assert_eq!(send(&producer, 1).await, in_order(1));
        cluster.world().move_leaders("t", 2);
        cluster.once(|world, _, request: ProduceRequest| Then::Answer(refuse_produce(world, &request, 2)));
        let asked = cluster.count(ApiKey::Metadata);
        let begun = Instant::now();
        assert_eq!(producer.send_and_wait(record("1")).await.unwrap().offset, 1);
        assert!(begun.elapsed() < Duration::from_secs(3));
        assert_eq!(cluster.count(ApiKey::Metadata), asked);
    });
}

/// Two brokers that each name the other would be asked in turn without pause.
#[test]
fn a_leader_of_an_epoch_that_is_known_already_is_no_news() {
    story(async {
        let cluster = FakeCluster::start(2, 1).await;
        let producer = producer::producer(&cluster, producer::config());
        cluster.times(5, |world, _, request: ProduceRequest| Then::Answer(refuse_produce(world, &request, 2)));
        assert_eq!(send(&producer, 1).await, in_order(1));
        let nodes: Vec<i32> =
            cluster.world().seen.iter().filter(|a| a.key() == ApiKey::Produce).map(|a| a.node).collect();
        assert_eq!(nodes, [1; 6]);
    });
}

#[test]
fn a_producer_that_loses_its_leader_writes_to_the_next_as_soon_as_there_is_one() {
    story(async {
        let cluster = FakeCluster::start(2, 1).await;
        let settings = ProducerConfig { retry_backoff: PATIENT, ..producer::config() };
        let producer = Producer::new(&cluster.client(), settings).unwrap();
        assert_eq!(send(&producer, 1).await, in_order(1));
        cluster.world().move_leaders("t", 2);
        cluster.stop(1);
        let begun = Instant::now();
        assert_eq!(producer.send_and_wait(record("1")).await.unwrap().offset, 1);
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    });
}

/// A process that starts again takes connections before it answers on them, and a machine that is gone refuses none. Nobody
/// was asked who leads for as long as connecting may take.
#[test]
fn a_leader_that_is_not_connected_to_is_left_when_another_one_leads() {
    story(async {
        let cluster = FakeCluster::start(2, 1).await;
        let patient = ClientConfig { connect_timeout: Duration::from_secs(60), ..cluster.config() };
        let producer = Producer::new(&Cluster::new(patient), producer::config()).unwrap();
        assert_eq!(send(&producer, 1).await, in_order(1));
        cluster.times(9, |world, ask, _: ApiVersionsRequest| match ask.node {
            1 => Then::Deaf,
            _ => Then::Answer(world.api_versions()),
        });
        cluster.cut(1);
        let delivery = producer.send(record("1")).await.unwrap();
        cluster.wait_until("it is connected to anew", |world| world.connections > 2).await;
        sleep(Duration::from_millis(500)).await;
        let begun = Instant::now();
        cluster.world().move_leaders("t", 2);
        assert_eq!(delivery.await.unwrap().offset, 1);
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        assert!(cluster.count(ApiKey::Metadata) < 40, "and it was not asked for without pause");
    });
}

#[test]
fn a_consumer_that_is_told_who_leads_goes_there_at_once_and_asks_nobody() {
    story(async {
        let cluster = FakeCluster::start(2, 1).await;
        put(&cluster, 0, &["a"]);
        let settings = ConsumerConfig { retry_backoff: PATIENT, ..consumer::config() };
        let mut consumer = consumer(&cluster, settings);
        assert_eq!(values(&mut consumer, 1).await, ["a"]);
        let asked = cluster.count(ApiKey::Metadata);
        cluster.once(|world, _, request: FetchRequest| {
            // Here, so that no fetch comes in between, which would be refused without a hint.
            world.move_leaders("t", 2);
            let moved = world.partition_mut("t", 0);
            let end = moved.end();
            moved.put(&data_batch(BatchOptions::default(), &["b"]), end);
            let current_leader = fetch::LeaderIdAndEpoch {
                leader_id: 2,
                leader_epoch: world.partition("t", 0).leader_epoch,
                ..Default::default()
            };
            let refusal = PartitionData {
                error_code: ErrorCode::NotLeaderOrFollower.code(),
                current_leader,
                ..PartitionData::default()
            };
            let (host, port) = endpoint(world, 2);
            let mut answer = fetched(&request, refusal);
            answer.responses[0].topic_id = world.topics["t"].id;
            answer.node_endpoints =
                vec![fetch::NodeEndpoint { node_id: 2, host: host.into(), port, ..Default::default() }];
            Then::Answer(answer)
        });
        let begun = Instant::now();
        assert_eq!(values(&mut consumer, 1).await, ["b"]);
        assert!(begun.elapsed() < Duration::from_secs(3));
        assert_eq!(cluster.count(ApiKey::Metadata), asked);
    });
}

/// A paused process keeps its connections. It was waited for as long as a request may take.
#[test]
fn a_leader_that_hangs_is_left_when_another_one_leads() {
    story(async {
        let cluster = FakeCluster::start(2, 1).await;
        let patient = ClientConfig { request_timeout: Duration::from_secs(60), ..cluster.config() };
        let producer = Producer::new(&Cluster::new(patient.clone()), producer::config()).unwrap();
        assert_eq!(send(&producer, 1).await, in_order(1));
        let mut consumer = Consumer::new(&Cluster::new(patient), consumer::config()).unwrap();
        consumer.assign([partition(0)]);
        assert_eq!(values(&mut consumer, 1).await, ["0"]);
        cluster.once(|_, _, _: ProduceRequest| Then::Deaf);
        cluster.once(|_, _, _: FetchRequest| Then::Deaf);
        let begun = Instant::now();
        let delivery = producer.send(record("1")).await.unwrap();
        assert!(consumer.poll(Duration::from_millis(300)).await.unwrap().is_empty());
        cluster.world().move_leaders("t", 2);
        assert_eq!(delivery.await.unwrap().offset, 1);
        assert!((Duration::from_millis(900)..Duration::from_secs(5)).contains(&begun.elapsed()));
        assert_eq!(values(&mut consumer, 1).await, ["1"]);
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
        assert!(cluster.count(ApiKey::Metadata) < 40, "and it was not asked for without pause");
    });
}

/// It was waited for as long as a request may take, while the other brokers knew who leads.
#[test]
fn a_broker_that_hangs_is_not_waited_for_when_another_one_knows() {
    story(async {
        let cluster = FakeCluster::start(3, 1).await;
        let client = Cluster::new(ClientConfig { request_timeout: Duration::from_secs(60), ..cluster.config() });
        client.refresh(Wanted::All).await.unwrap();
        cluster.once(|_, _, _: MetadataRequest| Then::Deaf);
        let begun = Instant::now();
        client.refresh(Wanted::All).await.unwrap();
        client.refresh(Wanted::All).await.unwrap();
        let took = begun.elapsed();
        assert!((Duration::from_millis(900)..Duration::from_secs(4)).contains(&took), "{took:?}");
    });
}

#[test]
fn the_epoch_of_what_was_read_last_is_said_where_brokers_understand_it() {
    story(async {
        for (newest, expected) in [(18, 3), (11, -1)] {
            let cluster = FakeCluster::start(1, 1).await;
            cluster.world().newest.extend([(ApiKey::Fetch, newest)]);
            put(&cluster, 0, &["a"]);
            let mut consumer = consumer(&cluster, consumer::config());
            assert_eq!(values(&mut consumer, 1).await, ["a"]);
            put(&cluster, 0, &["b"]);
            assert_eq!(values(&mut consumer, 1).await, ["b"]);
            let partitions = cluster.seen::<FetchRequest>().into_iter().flat_map(|request| request.topics);
            let partitions = partitions.flat_map(|topic| topic.partitions);
            let said: Vec<_> = partitions.map(|p| (p.fetch_offset, p.last_fetched_epoch)).collect();
            assert_eq!(said[..2], [(0, -1), (1, expected)]);
        }
    });
}

fn cut_at(end_offset: i64) -> PartitionData {
    let diverging_epoch = EpochEndOffset { epoch: 0, end_offset, ..Default::default() };
    PartitionData { diverging_epoch, ..PartitionData::default() }
}

/// KIP-320: two records were read, the second is lost, and something else is in its place.
#[test]
fn a_consumer_of_a_log_that_was_cut_reads_what_took_the_place_of_what_is_lost() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        put(&cluster, 0, &["a"]);
        put(&cluster, 0, &["lost"]);
        let settings = ConsumerConfig { sessions: false, ..consumer::config() };
        let mut consumer = consumer(&cluster, settings);
        assert_eq!(values(&mut consumer, 2).await, ["a", "lost"]);
        cluster.world().partition_mut("t", 0).batches.truncate(1);
        put(&cluster, 0, &["instead"]);
        cluster.once(|_, _, request: FetchRequest| Then::Answer(fetched(&request, cut_at(1))));
        assert_eq!(values(&mut consumer, 1).await, ["instead"]);
        assert_eq!(consumer.position(&partition(0)), Some(2));
    });
}

#[test]
fn a_consumer_without_a_policy_hears_that_the_log_was_cut() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        put(&cluster, 0, &["a", "lost"]);
        let settings = ConsumerConfig { sessions: false, offset_reset: OffsetReset::Fail, ..consumer::config() };
        let mut consumer = consumer(&cluster, settings);
        assert_eq!(values(&mut consumer, 2).await, ["a", "lost"]);
        cluster.once(|_, _, request: FetchRequest| Then::Answer(fetched(&request, cut_at(1))));
        let error = failure(&mut consumer).await;
        assert_eq!(error, ClientError::Truncated { partition: "t-0".to_owned(), position: 2, end_offset: 1 });
        assert_eq!(consumer.position(&partition(0)), Some(2), "it is the caller's to go back");
    });
}

/// KIP-219.
#[test]
fn a_broker_that_asks_for_silence_is_left_alone_for_so_long() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let producer = producer::producer(&cluster, producer::config());
        cluster.once(|world, ask, request: ProduceRequest| {
            Then::Answer(ProduceResponse { throttle_time_ms: 3000, ..world.produce(ask.node, &request) })
        });
        let begun = Instant::now();
        assert_eq!(send(&producer, 1).await, in_order(1));
        assert!(begun.elapsed() < Duration::from_millis(2900), "the answer itself is not late");
        assert_eq!(producer.send_and_wait(record("1")).await.unwrap().offset, 1);
        assert!(begun.elapsed() >= Duration::from_secs(3));

        cluster.once(|world, ask, request: FetchRequest| {
            Then::Answer(FetchResponse { throttle_time_ms: 300, ..world.fetch_now(ask, &request) })
        });
        let begun = Instant::now();
        let mut consumer = consumer(&cluster, consumer::config());
        assert_eq!(values(&mut consumer, 2).await, ["0", "1"]);
        put(&cluster, 0, &["2"]);
        assert_eq!(values(&mut consumer, 1).await, ["2"]);
        assert!(begun.elapsed() >= Duration::from_millis(300));
    });
}

#[test]
fn a_consumer_that_is_closed_ends_its_session() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        put(&cluster, 0, &["a"]);
        let mut consumer = consumer(&cluster, consumer::config());
        assert_eq!(values(&mut consumer, 1).await, ["a"]);
        consumer.close().await;
        let endings = cluster.seen::<FetchRequest>().into_iter().filter(|request| request.session_epoch == -1);
        let endings: Vec<_> = endings.map(|request| (request.session_id, request.topics.len())).collect();
        assert_eq!(endings, [(1, 0)]);
    });
}

/// KIP-392.
#[test]
fn a_reader_says_where_it_stands_and_reads_from_the_replica_it_is_sent_to() {
    story(async {
        let cluster = FakeCluster::start(2, 1).await;
        put(&cluster, 0, &["a"]);
        let settings = ConsumerConfig { rack: "east".to_owned(), sessions: false, ..consumer::config() };
        let mut consumer = consumer(&cluster, ConsumerConfig { retry_backoff: impatient(), ..settings });
        cluster.once(|_, _, request: FetchRequest| {
            assert_eq!(&*request.rack_id, "east");
            let elsewhere = PartitionData { preferred_read_replica: 2, ..PartitionData::default() };
            Then::Answer(fetched(&request, elsewhere))
        });
        cluster.once(|world, ask, request: FetchRequest| {
            assert_eq!(ask.node, 2);
            let records = world.partition("t", 0).read(0, 1 << 20);
            let data = PartitionData { high_watermark: 1, records: Some(records), ..PartitionData::default() };
            Then::Answer(fetched(&request, data))
        });
        assert_eq!(values(&mut consumer, 1).await, ["a"]);
    });
}
