//! The consumer of the demo.

use super::stage::{PARTITIONS, TOPIC};
use anyhow::{Context, bail};
use client::{Cluster, Consumer, ConsumerConfig, ConsumerRecord, Isolation, OffsetReset, OffsetSpec};
use model::{Offset, TopicPartition};
use runtime::sync::watch;
use runtime::task::{self, JoinHandle};
use runtime::time::{Duration, Instant};
use std::collections::BTreeMap;

/// What was written can be read within this time.
const READ_DEADLINE: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(100);

type Ends = BTreeMap<TopicPartition, Offset>;

/// Reads everything from the beginning, while it is written.
#[derive(Debug)]
pub struct Checker {
    ends: watch::Sender<Option<Ends>>,
    reading: JoinHandle<anyhow::Result<Vec<Vec<u64>>>>,
}

impl Checker {
    /// Begins.
    ///
    /// # Errors
    /// There can be no consumer.
    pub fn start(cluster: &Cluster) -> anyhow::Result<Checker> {
        let config = ConsumerConfig {
            offset_reset: OffsetReset::Earliest,
            retry_backoff: cluster.config().retry_backoff,
            ..ConsumerConfig::default()
        };
        let mut consumer = Consumer::new(cluster, config)?;
        consumer.assign((0..PARTITIONS).map(|partition| TopicPartition::new(TOPIC, partition)));
        let ends = watch::Sender::new(None);
        let reading = task::spawn("demo consumer", read(consumer, ends.subscribe()));
        Ok(Checker { ends, reading })
    }

    /// Reads what is there to its end. Returns the numbers in each partition, in the order in which they came.
    ///
    /// # Errors
    /// It cannot be read, or not in time.
    pub async fn finish(self, cluster: &Cluster) -> anyhow::Result<Vec<Vec<u64>>> {
        let asked = (0..PARTITIONS).map(|partition| (TopicPartition::new(TOPIC, partition), OffsetSpec::Latest));
        let found = cluster.list_offsets(&asked.collect(), Isolation::ReadUncommitted).await;
        let ends = found.into_iter().map(|(of, found)| Ok((of, found?.offset)));
        self.ends.send_replace(Some(ends.collect::<anyhow::Result<Ends>>()?));
        self.reading.await.context("the consumer failed")?
    }
}

async fn read(mut consumer: Consumer, ends: watch::Receiver<Option<Ends>>) -> anyhow::Result<Vec<Vec<u64>>> {
    let mut numbers = vec![Vec::new(); PARTITIONS as usize];
    let mut deadline = None;
    loop {
        for record in consumer.poll(POLL).await? {
            numbers[record.topic_partition.partition as usize].push(number(&record)?);
        }
        let Some(ends) = ends.borrow().clone() else { continue };
        if ends.iter().all(|(partition, end)| consumer.position(partition).is_some_and(|position| position >= *end)) {
            consumer.close().await;
            return Ok(numbers);
        }
        if Instant::now() >= *deadline.get_or_insert_with(|| Instant::now() + READ_DEADLINE) {
            bail!("what was written could not be read within {READ_DEADLINE:?}");
        }
    }
}

fn number(record: &ConsumerRecord) -> anyhow::Result<u64> {
    let text = std::str::from_utf8(record.value.as_deref().unwrap_or_default()).ok();
    text.and_then(|text| text.parse().ok())
        .with_context(|| format!("offset {} has what was not written", record.offset))
}
