//! Kill -9 under load: what was acknowledged is there after the restart, once, in order, at its offset.
//!
//! `KILL_ROUNDS` sets the number of kills; 10 if it is not given.
#![cfg(not(madsim))]
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // about a real process in real time

use client::admin::NewTopic;
use client::{Admin, Cluster, ConsumerRecord, Delivery, Producer, ProducerConfig, ProducerRecord};
use model::{Offset, TopicPartition};
use runtime::task::JoinHandle;
use runtime::time::{Duration, Instant, sleep};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tests::Server;
use tests::reading::{impatient, read_from};

/// One whose acknowledgements follow the journal, and one that is left to the page cache, which a kill does not empty.
const TOPICS: [(&str, i32, &str); 2] = [("journaled", 4, "1"), ("paged", 2, "100000")];
const PRODUCERS: usize = 3;
/// Records of a producer that are under way at most.
const UNDER_WAY: usize = 400;
/// What must be acknowledged after a start before the next kill.
const LOAD: usize = 300;
/// Small, so that segments roll, and the journal goes around, many times a round.
const SETTINGS: [&str; 2] = ["thalweg.journal.file.bytes=65536", "thalweg.journal.max.bytes=524288"];

/// What was acknowledged and is not looked for yet: where, and the value.
type Acknowledged = Arc<Mutex<Vec<(TopicPartition, Offset, String)>>>;

#[test]
fn what_was_acknowledged_is_there_after_kill_nine() {
    let rounds = std::env::var("KILL_ROUNDS").map_or(10, |rounds| rounds.parse().expect("KILL_ROUNDS is a number"));
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let server = Server::start(folder.path(), &SETTINGS);
    runtime::task::run(2, Box::pin(story(folder.path(), server, rounds))).expect("threads can be started");
}

async fn story(data: &std::path::Path, mut server: Server, rounds: usize) {
    let cluster = Cluster::new(impatient(server.address()));
    let partitions = create_topics(&cluster).await;
    let mut reader =
        Reader { cluster: cluster.clone(), seen: partitions.iter().map(|p| (p.clone(), vec![])).collect() };
    let (acknowledged, stopping) = (Acknowledged::default(), Arc::new(AtomicBool::new(false)));
    let producers: Vec<JoinHandle<Written>> = (0..PRODUCERS)
        .map(|number| {
            let load = Load { number, partitions: partitions.clone(), acknowledged: acknowledged.clone() };
            runtime::task::spawn("load", load.run(cluster.clone(), stopping.clone()))
        })
        .collect();
    for round in 0..rounds {
        wait_for_load(&acknowledged, &server, round).await;
        sleep(Duration::from_millis(runtime::rand::below(150))).await;
        server = kill_and_restart(server, data, round);
        // Taken before reading: all of it was acknowledged before the reader asked where the log ends.
        let promised = std::mem::take(&mut *acknowledged.lock().expect("no panic inside"));
        reader.read_on().await;
        reader.check(&promised, round);
    }
    stopping.store(true, Ordering::Relaxed);
    let mut written = BTreeMap::new();
    for (number, producer) in producers.into_iter().enumerate() {
        written.insert(number, producer.await.expect("a producer does not panic"));
    }
    reader.read_all_again().await;
    reader.check(&acknowledged.lock().expect("no panic inside"), rounds);
    let records = reader.check_that_all_is_there_once(&written);
    tests::say(&format!("kill -9: {rounds} rounds, {records} records"));
}

async fn create_topics(cluster: &Cluster) -> Vec<TopicPartition> {
    let mut all = Vec::new();
    for (name, partitions, flush) in TOPICS {
        let topic = NewTopic::new(name, partitions).config("flush.messages", flush);
        let topic = topic.config("internal.segment.bytes", "100000").config("index.interval.bytes", "512");
        Admin::new(cluster).create_topic(topic).await.expect("a topic can be created");
        all.extend((0..partitions).map(|at| TopicPartition::new(name, at)));
    }
    all
}

async fn wait_for_load(acknowledged: &Acknowledged, server: &Server, round: usize) {
    let count = || acknowledged.lock().expect("no panic inside").len();
    let (before, deadline) = (count(), Instant::now() + Duration::from_secs(60));
    while count() < before + LOAD {
        if Instant::now() >= deadline {
            panic!("round {round}: producers do not go on after a restart; the server said:\n{}", server.log());
        }
        sleep(Duration::from_millis(2)).await;
    }
}

/// Some servers are killed once more while they recover, and some are stopped cleanly in between, after which the log
/// is no longer the journal's.
fn kill_and_restart(server: Server, data: &std::path::Path, round: usize) -> Server {
    let port = server.port();
    if round % 5 == 4 {
        let ended = server.stop();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    } else {
        server.kill();
    }
    if round % 3 == 2 {
        let life = Duration::from_millis(runtime::rand::below(60));
        tests::server::start_and_kill(port, data, &SETTINGS, life);
    }
    Server::start_on(port, data, &SETTINGS)
}

/// For each partition, how many records a producer wrote to it.
type Written = BTreeMap<TopicPartition, usize>;

/// One producer: idempotent, acks=all, the same one over all lives of the server.
struct Load {
    number: usize,
    partitions: Vec<TopicPartition>,
    acknowledged: Acknowledged,
}

impl Load {
    async fn run(self, cluster: Cluster, stopping: Arc<AtomicBool>) -> Written {
        let backoff = impatient("").retry_backoff;
        let config = ProducerConfig { retry_backoff: backoff, batch_size: 4096, ..ProducerConfig::default() };
        let producer = Producer::new(&cluster, config).expect("the config is sound");
        let (mut written, mut under_way) = (Written::new(), VecDeque::new());
        let mut turn = self.number;
        while !stopping.load(Ordering::Relaxed) {
            turn += 1;
            let partition = &self.partitions[turn % self.partitions.len()];
            let sequence = written.entry(partition.clone()).or_insert(0);
            let value = value(self.number, *sequence);
            let record = ProducerRecord::new(partition.topic.clone(), value.clone()).partition(partition.partition);
            let delivery = producer.send(record).await.expect("a record is taken");
            *sequence += 1;
            under_way.push_back((delivery, value));
            if under_way.len() == UNDER_WAY {
                self.confirm(under_way.pop_front()).await;
            }
        }
        while !under_way.is_empty() {
            self.confirm(under_way.pop_front()).await;
        }
        written
    }

    async fn confirm(&self, oldest: Option<(Delivery, String)>) {
        let (delivery, value) = oldest.expect("it is not empty");
        let place = delivery.await.unwrap_or_else(|error| panic!("{value:.12} was given up: {error}"));
        let news = (place.topic_partition, place.offset, value);
        self.acknowledged.lock().expect("no panic inside").push(news);
    }
}

/// Who wrote it and its number among this producer's records of the partition; of many lengths.
fn value(producer: usize, sequence: usize) -> String {
    format!("{producer} {sequence:09} {}", "x".repeat(sequence * 7 % 300))
}

/// What was read: it must stay, and hold what was promised.
struct Reader {
    cluster: Cluster,
    seen: BTreeMap<TopicPartition, Vec<String>>,
}

impl Reader {
    /// How many of the last records seen are read again after a restart.
    const OVERLAP: usize = 2000;

    async fn read_on(&mut self) {
        let start = |seen: &Vec<String>| seen.len().saturating_sub(Self::OVERLAP) as Offset;
        let starts = self.seen.iter().map(|(partition, seen)| (partition.clone(), start(seen))).collect();
        self.take(read_from(&self.cluster, &starts).await);
    }

    async fn read_all_again(&mut self) {
        let starts = self.seen.keys().map(|partition| (partition.clone(), 0)).collect();
        self.take(read_from(&self.cluster, &starts).await);
    }

    fn take(&mut self, read: BTreeMap<TopicPartition, Vec<ConsumerRecord>>) {
        for (partition, records) in read {
            let seen = self.seen.get_mut(&partition).expect("it was asked for");
            let end = records.last().map_or(seen.len() as Offset, |last| last.offset + 1);
            assert!(end >= seen.len() as Offset, "{partition} ended at {} before and ends at {end} now", seen.len());
            for record in records {
                let value = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned();
                match seen.get(record.offset as usize) {
                    Some(before) => assert_eq!(*before, value, "{partition} at {}: it changed", record.offset),
                    None => {
                        assert_eq!(record.offset, seen.len() as Offset, "{partition}: offsets have a gap");
                        seen.push(value);
                    }
                }
            }
        }
    }

    fn check(&self, promised: &[(TopicPartition, Offset, String)], round: usize) {
        for (partition, offset, value) in promised {
            let found = self.seen[partition].get(*offset as usize);
            assert_eq!(
                found,
                Some(value),
                "round {round}: {partition} at {offset}: what was acknowledged is not there"
            );
        }
    }

    /// Gives the number of records.
    fn check_that_all_is_there_once(&self, written: &BTreeMap<usize, Written>) -> usize {
        for (partition, seen) in &self.seen {
            let mut next: BTreeMap<usize, usize> = BTreeMap::new();
            for (offset, found) in seen.iter().enumerate() {
                let producer = found.split(' ').next().and_then(|number| number.parse().ok()).expect("we wrote it");
                let sequence = next.entry(producer).or_insert(0);
                let wanted = value(producer, *sequence);
                assert_eq!(*found, wanted, "{partition} at {offset}: lost, twice or out of order");
                *sequence += 1;
            }
            for (producer, written) in written {
                let of = (producer, partition);
                assert_eq!(next.get(producer), written.get(partition), "{of:?}: all that was sent is there");
            }
        }
        self.seen.values().map(Vec::len).sum()
    }
}
