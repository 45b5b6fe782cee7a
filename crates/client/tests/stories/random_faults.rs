//! Many producers, each against brokers that go wrong in ways drawn from a seed. Whatever happens, each record is where
//! its caller was told, at most once, in order, and not there when its caller was told so.

use super::fake::{Ask, FakeCluster, Then, World};
use super::producer::{config, record};
use super::story;
use client::{ClientConfig, Cluster, Compression, Producer, ProducerConfig, SendError};
use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::{ProduceRequest, ProduceResponse};
use protocol::records::{BatchView, Batches};
use runtime::time::{Duration, sleep};
use std::collections::BTreeMap;

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

async fn run(seed: u64) {
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
            read(&batch, &mut log);
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
    assert!(cluster.count(ApiKey::Produce) > 0, "seed {seed}");
}

fn read(batch: &BatchView<'_>, log: &mut BTreeMap<i64, usize>) {
    for record in batch.records(1 << 20).unwrap().map(Result::unwrap) {
        let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
        log.insert(batch.header.base_offset + i64::from(record.offset_delta), value.parse().unwrap());
    }
}

#[test]
fn records_are_where_their_callers_were_told_whatever_goes_wrong() {
    let seeds = if cfg!(madsim) { 1000 } else { 24 };
    story(async move {
        let runs: Vec<_> = (0..seeds).map(|seed| runtime::task::spawn("seed", run(seed))).collect();
        for run in runs {
            run.await.expect("the seed that panicked says why");
        }
    });
}
