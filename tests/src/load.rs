//! Idempotent producers that go on whatever happens to the servers, and a reader that checks what they were promised.

use crate::reading::{impatient, read_from};
use client::{Cluster, ConsumerRecord, Delivery, Producer, ProducerConfig, ProducerRecord};
use model::{Offset, TopicPartition};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Records of a producer that are under way at most.
const UNDER_WAY: usize = 400;

/// What was acknowledged and is not looked for yet: where, and the value.
pub type Acknowledged = Arc<Mutex<Vec<(TopicPartition, Offset, String)>>>;

/// For each partition, how many records a producer wrote to it.
pub type Written = BTreeMap<TopicPartition, usize>;

/// One producer: idempotent, acks=all, the same one over all lives of the server.
pub struct Load {
    /// Which producer.
    pub number: usize,
    /// Where it writes, in turn.
    pub partitions: Vec<TopicPartition>,
    /// Where it tells what was acknowledged.
    pub acknowledged: Acknowledged,
}

impl Load {
    /// Writes until `stopping`, then waits until all is acknowledged.
    ///
    /// # Panics
    /// When a record is given up.
    pub async fn run(self, cluster: Cluster, stopping: Arc<AtomicBool>) -> Written {
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
pub struct Reader {
    cluster: Cluster,
    seen: BTreeMap<TopicPartition, Vec<String>>,
}

impl Reader {
    /// One that has read nothing of these partitions.
    pub fn new(cluster: &Cluster, partitions: &[TopicPartition]) -> Reader {
        Reader { cluster: cluster.clone(), seen: partitions.iter().map(|p| (p.clone(), vec![])).collect() }
    }

    /// How many of the last records seen are read again after a restart.
    const OVERLAP: usize = 2000;

    /// Reads what is new, and a part of what is not.
    ///
    /// # Panics
    /// When what was read before has changed.
    pub async fn read_on(&mut self) {
        let start = |seen: &Vec<String>| seen.len().saturating_sub(Self::OVERLAP) as Offset;
        let starts = self.seen.iter().map(|(partition, seen)| (partition.clone(), start(seen))).collect();
        self.take(read_from(&self.cluster, &starts).await);
    }

    /// Reads everything.
    ///
    /// # Panics
    /// As [`read_on`](Self::read_on).
    pub async fn read_all_again(&mut self) {
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

    /// # Panics
    /// When something that was promised is not there.
    pub fn check(&self, promised: &[(TopicPartition, Offset, String)], round: usize) {
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
    ///
    /// # Panics
    /// When a record of a producer is missing, twice there, or out of order.
    pub fn check_that_all_is_there_once(&self, written: &BTreeMap<usize, Written>) -> usize {
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
