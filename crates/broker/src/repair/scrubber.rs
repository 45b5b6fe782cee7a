//! Reads all logs in the background, slowly, so that rot is found while others still have what it took.

use super::Finding;
use crate::broker::Broker;
use crate::partition::Partition;
use runtime::sync::{select, watch};
use runtime::time::{Duration, Instant, sleep, sleep_until};
use std::sync::Arc;
use storage::Scrubbed;

/// Read in one go, at most.
const STEP: u64 = 128 << 10;

/// Scrubs until the broker stops.
pub(crate) async fn run(broker: Arc<Broker>, mut stop: watch::Receiver<bool>) {
    let Some(pace) = Pace::of(&broker) else { return };
    select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => {}
        () = pass_after_pass(&broker, pace) => {}
    }
}

/// How fast, and how often.
#[derive(Clone, Copy)]
struct Pace {
    bytes_per_second: u64,
    interval: Duration,
}

impl Pace {
    fn of(broker: &Broker) -> Option<Pace> {
        let interval = Duration::from_millis(broker.config.scrub_interval_ms.unsigned_abs());
        let bytes_per_second = broker.config.scrub_bytes_per_second;
        (bytes_per_second > 0).then_some(Pace { bytes_per_second, interval })
    }

    /// Ten reads a second, or fewer larger ones.
    fn step(self) -> u64 {
        (self.bytes_per_second / 10).clamp(1, STEP)
    }

    async fn rest(self, bytes: u64) {
        let nanoseconds = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second);
        sleep(Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))).await;
    }
}

async fn pass_after_pass(broker: &Broker, pace: Pace) {
    // A start has better things to do, and brokers that start together need not read together.
    sleep(pace.interval.mul_f64(0.05 + runtime::rand::below(1000) as f64 / 10_000.0)).await;
    loop {
        let next = Instant::now() + pace.interval;
        for topic in broker.partitions.topics() {
            for partition in topic.online() {
                scrub(broker, partition, pace).await;
            }
        }
        sleep_until(next).await;
    }
}

async fn scrub(broker: &Broker, partition: &Arc<Partition>, pace: Pace) {
    let mut scrub = partition.reader.scrub();
    while !partition.is_offline() {
        match scrub.step(pace.step()).await {
            Ok(Scrubbed::Clean(bytes)) => pace.rest(bytes.max(1)).await,
            Ok(Scrubbed::Damaged(damage)) => {
                broker.repairs.tell(Finding::Damaged(partition.clone(), damage));
                pace.rest(pace.step()).await;
            }
            Ok(Scrubbed::Done) => return,
            Err(fault) => {
                tracing::warn!("{}: cannot be scrubbed: {fault}", partition.topic_partition);
                return;
            }
        }
    }
}
