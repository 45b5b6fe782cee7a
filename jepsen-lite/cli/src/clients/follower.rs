//! Follows all partitions from their start: a consumer that is assigned them, and polls.
//!
//! A poll may give what was fetched before it was asked for, so the high watermark and the log start that it was told are
//! left out of the history; lookups ask for those.

use super::{Phase, Surroundings, received};
use client::{ClientError, Consumer, ConsumerConfig, OffsetReset, OffsetSpec};
use jepsen_lite::history::{Action, Answer, Fetch, Outcome, Process, Received};
use model::{ErrorCode, Offset, TopicPartition};
use runtime::time::{Duration, Instant, sleep};
use std::collections::BTreeMap;

/// How long one poll waits for records.
const POLL: Duration = Duration::from_millis(100);
/// Reads on for so long after all is well without getting anything more, unless it is at the end before.
const CATCH_UP: Duration = Duration::from_secs(30);
/// At the end for so long, nothing more comes.
const QUIET: Duration = Duration::from_secs(3);

/// Reads until the end of everything is reached after the last write, or time is over.
pub async fn live(around: Surroundings, process: Process) {
    let mut follower = Follower::new(around.clone(), process);
    while !around.is_past(Phase::Drain) {
        follower.poll(false).await;
    }
    let (mut deadline, mut quiet_since) = (Instant::now() + CATCH_UP, Instant::now());
    while quiet_since.elapsed() < QUIET && Instant::now() < deadline {
        let got_more = follower.poll(true).await;
        if got_more {
            deadline = Instant::now() + CATCH_UP;
        }
        if got_more || !follower.is_at_the_end() {
            quiet_since = Instant::now();
        }
    }
    follower.poll(true).await;
    follower.consumer.close().await;
}

struct Follower {
    around: Surroundings,
    process: Process,
    consumer: Consumer,
    /// Where the last read of each partition ended.
    ends: BTreeMap<TopicPartition, Offset>,
}

impl Follower {
    fn new(around: Surroundings, process: Process) -> Follower {
        let cluster = around.connect(&format!("follower-{process}"));
        let config = ConsumerConfig {
            offset_reset: OffsetReset::Fail, // nobody is to jump without our knowing
            fetch_max_wait: Duration::from_millis(200),
            retry_backoff: cluster.config().retry_backoff,
            ..ConsumerConfig::default()
        };
        let mut consumer = Consumer::new(&cluster, config).expect("the settings fit together");
        consumer.assign(around.partitions());
        around.partitions().iter().for_each(|partition| consumer.seek_to(partition, OffsetSpec::Earliest));
        Follower { around, process, consumer, ends: BTreeMap::new() }
    }

    /// Reads on; says whether it got anything. `tells_all`: also that there was nothing is written down.
    async fn poll(&mut self, tells_all: bool) -> bool {
        let asked: Vec<TopicPartition> = if tells_all { self.around.partitions() } else { Vec::new() };
        let asked: BTreeMap<TopicPartition, _> =
            asked.into_iter().filter_map(|partition| Some((partition.clone(), self.invoke(&partition)?))).collect();
        let mut by_partition: BTreeMap<TopicPartition, Vec<Received>> = BTreeMap::new();
        let mut failed = None;
        match self.consumer.poll(POLL).await {
            Ok(records) => {
                for record in &records {
                    by_partition.entry(record.topic_partition.clone()).or_default().push(received(record));
                }
            }
            Err(error) => {
                tracing::debug!("client {}: {error:#}", self.process);
                failed = Some(error.to_string());
                if is_lost(&error) {
                    self.begin_anew();
                }
                sleep(POLL).await;
            }
        }
        let got_more = !by_partition.is_empty();
        for (partition, operation) in asked {
            let outcome = match (&failed, by_partition.remove(&partition)) {
                (Some(why), _) => Outcome::Fail(why.clone()),
                (None, records) => self.took(&partition, records.unwrap_or_default()),
            };
            self.around.chronicle.complete(operation, outcome);
        }
        for (partition, records) in by_partition {
            let first = records.first().map_or(0, |first| first.offset);
            let operation = self.invoke(&partition).unwrap_or_else(|| self.fetch(&partition, first, false));
            let outcome = self.took(&partition, records);
            self.around.chronicle.complete(operation, outcome);
        }
        got_more
    }

    /// A read that goes on where the last one ended; none where nothing was read before.
    fn invoke(&self, partition: &TopicPartition) -> Option<u32> {
        Some(self.fetch(partition, *self.ends.get(partition)?, true))
    }

    fn fetch(&self, partition: &TopicPartition, from: Offset, continues: bool) -> u32 {
        let fetch =
            Fetch { partition: partition.clone(), topic_id: None, from, continues, node: None, leader_epoch: None };
        self.around.chronicle.invoke(self.process, Action::Fetch(fetch))
    }

    fn took(&mut self, partition: &TopicPartition, records: Vec<Received>) -> Outcome {
        if let Some(last) = records.last() {
            self.ends.insert(partition.clone(), last.offset + 1);
        }
        Outcome::Ok(Answer::Fetched { records, high_watermark: -1, log_start: -1 })
    }

    /// Reads everything again. What it has read before is in the history: if it may not be gone, others find that.
    fn begin_anew(&mut self) {
        self.ends.clear();
        for partition in self.around.partitions() {
            self.consumer.seek_to(&partition, OffsetSpec::Earliest);
        }
    }

    fn is_at_the_end(&self) -> bool {
        self.consumer.assignment().all(|of| {
            let (position, end) = (self.consumer.position(of), self.consumer.high_watermark(of));
            position.zip(end).is_some_and(|(position, end)| position >= end)
        })
    }
}

/// A log was cut below what was read, or a position is nowhere in it.
fn is_lost(error: &ClientError) -> bool {
    matches!(error, ClientError::Truncated { .. }) || error.error_code() == Some(ErrorCode::OffsetOutOfRange)
}
