//! Producers and consumers, each against brokers that go wrong in ways drawn from a seed. Whatever happens, each record
//! is where its caller was told, at most once, in order, and not there when its caller was told so; and each is read once.

use super::consumer;
use super::fake::{Ask, FakeCluster, Then, World};
use super::producer::{config, record};
use super::story;
use client::{ClientConfig, Cluster, Compression, Consumer, ConsumerConfig, Producer, ProducerConfig, SendError};
use model::ErrorCode;
use protocol::messages::{FetchRequest, FetchResponse, ProduceRequest, ProduceResponse};
use protocol::records::{BatchView, Batches};
use runtime::time::{Duration, Instant, sleep};
use std::collections::BTreeMap;

const SEEDS: u64 = 60;

/// Numbers that depend on nothing but where they begin.
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn go_wrong(dice: &mut Dice, world: &mut World, ask: &Ask, request: &ProduceRequest) -> Then<ProduceResponse> {
    use ErrorCode as E;
    let refusals =
        [E::NotEnoughReplicas, E::LeaderNotAvailable, E::CorruptMessage, E::InvalidRecord, E::PolicyViolation];
    let doubtful = [E::NotEnoughReplicasAfterAppend, E::RequestTimedOut, E::NotLeaderOrFollower, E::UnknownServerError];
    match dice.roll(12) {
        0 => Then::Close,
        1 | 2 => {
            world.produce(ask.node, request);
            Then::Close
        }
        3 => {
            world.produce(ask.node, request);
            Then::Silence
        }
        4 => Then::Answer(World::refuse(request, refusals[dice.roll(5) as usize])),
        5 => {
            world.produce(ask.node, request);
            Then::Answer(World::refuse(request, doubtful[dice.roll(4) as usize]))
        }
        6 => {
            let to = 1 + dice.roll(2) as i32;
            world.move_leaders("t", to);
            Then::Answer(world.produce(ask.node, request))
        }
        7 => {
            world.produce(ask.node, request);
            Then::Garbage(vec![0xff; 5])
        }
        8 => Then::After(Duration::from_millis(dice.roll(30)), world.produce(ask.node, request)),
        _ => Then::Answer(world.produce(ask.node, request)),
    }
}

async fn write(seed: u64) {
    let mut dice = Dice(seed);
    let cluster = FakeCluster::start(2, 1).await;
    if dice.roll(3) == 0 {
        cluster.world().partition_mut("t", 0).max_batch = 150;
    }
    for draw in 0..dice.roll(30) {
        let mut own = Dice(seed * 1000 + draw);
        cluster.once(move |world, ask, request: ProduceRequest| go_wrong(&mut own, world, ask, &request));
    }
    let client = Cluster::new(ClientConfig { request_timeout: Duration::from_millis(100), ..cluster.config() });
    let settings = ProducerConfig {
        batch_size: [1, 100, 400][dice.roll(3) as usize],
        max_in_flight: [1, 2, 5][dice.roll(3) as usize],
        delivery_timeout: Duration::from_millis([80, 250, 5000][dice.roll(3) as usize]),
        compression: [Compression::None, Compression::Lz4][dice.roll(2) as usize],
        retries: [u32::MAX, 2][dice.roll(2) as usize],
        ..config()
    };
    let producer = Producer::new(&client, settings).unwrap();
    let mut deliveries = Vec::new();
    for number in 0..40 {
        deliveries.push(producer.send(record(number)).await.unwrap());
        if dice.roll(4) == 0 {
            sleep(Duration::from_millis(dice.roll(10))).await;
        }
    }
    producer.close().await;
    let mut told = Vec::new();
    for delivery in deliveries {
        told.push(delivery.await.map(|metadata| metadata.offset));
    }
    judge(seed, &cluster, &told);
}

fn judge(seed: u64, cluster: &FakeCluster, told: &[Result<i64, SendError>]) {
    let mut log = BTreeMap::new();
    for batch in &cluster.world().partition("t", 0).batches {
        for batch in Batches::new(batch).map(Result::unwrap) {
            unpack(&batch, &mut log);
        }
    }
    let numbers: Vec<usize> = log.values().copied().collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "seed {seed}: twice or out of order: {numbers:?}, told {told:?}");
    for (number, told) in told.iter().enumerate() {
        match told {
            Ok(-1) => assert!(numbers.contains(&number), "seed {seed}: {number} is missing"),
            Ok(offset) => assert_eq!(log.get(offset), Some(&number), "seed {seed}: told {offset}"),
            Err(SendError::NotWritten(cause)) => assert!(!numbers.contains(&number), "seed {seed}: {number}: {cause}"),
            Err(SendError::Unknown(_)) => {}
        }
    }
}

fn unpack(batch: &BatchView<'_>, log: &mut BTreeMap<i64, usize>) {
    for record in batch.records(1 << 20).unwrap().map(Result::unwrap) {
        let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
        log.insert(batch.header.base_offset + i64::from(record.offset_delta), value.parse().unwrap());
    }
}

#[test]
fn records_are_where_their_callers_were_told_whatever_goes_wrong() {
    story(async {
        let runs: Vec<_> = (0..SEEDS).map(|seed| runtime::task::spawn("seed", write(seed))).collect();
        for run in runs {
            run.await.expect("the seed that panicked says why");
        }
    });
}

fn fetch_wrongly(dice: &mut Dice, world: &mut World, ask: &Ask, request: &FetchRequest) -> Then<FetchResponse> {
    use ErrorCode as E;
    let refusals = [E::FetchSessionIdNotFound, E::InvalidFetchSessionEpoch, E::FetchSessionTopicIdError];
    let own = [E::NotLeaderOrFollower, E::UnknownLeaderEpoch, E::KafkaStorageError, E::OffsetNotAvailable];
    match dice.roll(9) {
        0 => Then::Close,
        1 => Then::Silence,
        2 => Then::Answer(World::refuse_fetch(refusals[dice.roll(3) as usize])),
        3 => {
            let to = 1 + dice.roll(2) as i32;
            world.move_leaders("t", to);
            Then::Answer(world.fetch_now(ask, request))
        }
        4 => Then::After(Duration::from_millis(dice.roll(30)), world.fetch_now(ask, request)),
        5 => Then::Answer(FetchResponse { session_id: 0, ..world.fetch_now(ask, request) }),
        6 => {
            let mut answer = world.fetch_now(ask, request);
            for data in answer.responses.iter_mut().flat_map(|topic| &mut topic.partitions) {
                (data.error_code, data.records) = (own[dice.roll(4) as usize].code(), None);
            }
            Then::Answer(answer)
        }
        7 => {
            let mut answer = world.fetch_now(ask, request);
            for data in answer.responses.iter_mut().flat_map(|topic| &mut topic.partitions) {
                let records = data.records.take().unwrap_or_default();
                let least = records.len().min(90); // the first batch is whole
                data.records = Some(records.slice(..least + dice.roll((records.len() - least + 1) as u64) as usize));
            }
            Then::Answer(answer)
        }
        _ => Then::Answer(world.fetch_now(ask, request)),
    }
}

async fn read(seed: u64) {
    let mut dice = Dice(seed);
    let cluster = FakeCluster::start(2, 2).await;
    for draw in 0..dice.roll(30) {
        let mut own = Dice(seed * 1000 + draw);
        cluster.once(move |world, ask, request: FetchRequest| fetch_wrongly(&mut own, world, ask, &request));
    }
    let client = Cluster::new(ClientConfig { request_timeout: Duration::from_millis(100), ..cluster.config() });
    let settings = ConsumerConfig {
        max_poll_records: 1 + dice.roll(9) as usize,
        max_partition_fetch_bytes: 1 + dice.roll(400) as i32,
        sessions: dice.roll(3) > 0,
        ..consumer::config()
    };
    let mut consumer = Consumer::new(&client, settings).unwrap();
    consumer.assign((0..2).map(consumer::partition));
    let mut next = [0; 2];
    let deadline = Instant::now() + Duration::from_secs(20);
    for number in 0..40 {
        consumer::put(&cluster, number % 2, &["x", "y"][..1 + dice.roll(2) as usize]);
        if dice.roll(4) > 0 {
            continue;
        }
        let ends = [0, 1].map(|partition| cluster.world().partition("t", partition).end());
        while next != ends {
            assert!(Instant::now() < deadline, "seed {seed}: {next:?} of {ends:?}");
            for record in consumer.poll(Duration::from_millis(50)).await.unwrap_or_default() {
                let next = &mut next[record.topic_partition.partition as usize];
                assert_eq!(record.offset, *next, "seed {seed}");
                *next += 1;
            }
        }
    }
}

#[test]
fn records_are_read_once_and_in_order_whatever_goes_wrong() {
    story(async {
        let runs: Vec<_> = (0..SEEDS).map(|seed| runtime::task::spawn("seed", read(seed))).collect();
        for run in runs {
            run.await.expect("the seed that panicked says why");
        }
    });
}
