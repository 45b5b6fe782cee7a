//! Reading whole partitions with our own client.

use client::{BackoffConfig, ClientConfig, Cluster, Consumer, ConsumerConfig, ConsumerRecord, Isolation, OffsetSpec};
use model::{Offset, TopicPartition};
use runtime::time::{Duration, Instant};
use std::collections::BTreeMap;

/// How long reading everything may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A client that looks for a restarted server every few milliseconds: tests do not wait for politeness.
pub fn impatient(address: &str) -> ClientConfig {
    let backoff = BackoffConfig { first: Duration::from_millis(5), most: Duration::from_millis(40) };
    ClientConfig { retry_backoff: backoff, reconnect_backoff: backoff, ..ClientConfig::of(address) }
}

/// Every record from the given offsets up to where each partition ends when this is called.
///
/// # Panics
/// When something cannot be read, or not in a minute.
pub async fn read_from(
    cluster: &Cluster,
    starts: &BTreeMap<TopicPartition, Offset>,
) -> BTreeMap<TopicPartition, Vec<ConsumerRecord>> {
    let asked = starts.keys().map(|partition| (partition.clone(), OffsetSpec::Latest)).collect();
    let ends = cluster.list_offsets(&asked, Isolation::ReadUncommitted).await.into_iter().map(|(partition, end)| {
        let end = end.unwrap_or_else(|error| panic!("where does {partition} end? {error}"));
        (partition, end.offset)
    });
    let ends: BTreeMap<TopicPartition, Offset> = ends.collect();
    let config = ConsumerConfig { fetch_max_wait: Duration::from_millis(50), ..ConsumerConfig::default() };
    let mut consumer = Consumer::new(cluster, config).expect("the config is sound");
    consumer.assign(starts.keys().cloned());
    starts.iter().for_each(|(partition, start)| consumer.seek(partition, *start));
    let mut read: BTreeMap<_, _> = starts.keys().map(|partition| (partition.clone(), Vec::new())).collect();
    let deadline = Instant::now() + LIMIT;
    while ends.iter().any(|(partition, end)| consumer.position(partition).is_none_or(|position| position < *end)) {
        if Instant::now() >= deadline {
            let at: BTreeMap<_, _> = ends.keys().map(|partition| (partition, consumer.position(partition))).collect();
            panic!("not read in {LIMIT:?}: ends are {ends:?}, read up to {at:?}");
        }
        for record in consumer.poll(Duration::from_millis(200)).await.expect("records can be read") {
            if record.offset < ends[&record.topic_partition] {
                read.get_mut(&record.topic_partition).expect("it was asked for").push(record);
            }
        }
    }
    read
}

/// Every record of all partitions of some topics, from the first offset that is still there.
///
/// # Panics
/// As [`read_from`].
pub async fn read_topics(cluster: &Cluster, topics: &[&str]) -> BTreeMap<TopicPartition, Vec<ConsumerRecord>> {
    let mut asked = BTreeMap::new();
    for name in topics {
        let topic = cluster.topic(&(*name).into()).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let partitions = (0..topic.partitions.len() as i32).map(|at| TopicPartition::new(topic.name.clone(), at));
        asked.extend(partitions.map(|partition| (partition, OffsetSpec::Earliest)));
    }
    let found = cluster.list_offsets(&asked, Isolation::ReadUncommitted).await;
    let starts = found.into_iter().map(|(partition, start)| {
        let start = start.unwrap_or_else(|error| panic!("where does {partition} start? {error}"));
        (partition, start.offset)
    });
    read_from(cluster, &starts.collect()).await
}
