//! The final read: every partition from its log start to its end, once all is well.

use super::{Surroundings, received};
use client::{ClientError, Cluster, Consumer, ConsumerConfig, Isolation, OffsetReset, OffsetSpec};
use jepsen_lite::history::{Action, Answer, Outcome, Process, Received};
use model::{Offset, TopicPartition};
use runtime::time::{Duration, Instant, sleep};

/// A partition of which nothing more can be read for so long, in peace, is refused.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(200);

/// Reads everything.
pub async fn scan(around: &Surroundings, process: Process) {
    let cluster = around.connect("scanner");
    for partition in around.partitions() {
        let operation = around.chronicle.invoke(process, Action::Scan { partition: partition.clone() });
        let began = Instant::now();
        let outcome = loop {
            match scan_partition(&cluster, &partition).await {
                Ok(answer) => break Outcome::Ok(answer),
                Err(error) if began.elapsed() > PATIENCE => break Outcome::Unknown(error.to_string()),
                Err(_) => sleep(POLL).await,
            }
        };
        around.chronicle.complete(operation, outcome);
    }
}

async fn offset(cluster: &Cluster, of: &TopicPartition, spec: OffsetSpec) -> client::Result<Offset> {
    let mut told = cluster.list_offsets(&[(of.clone(), spec)].into(), Isolation::ReadUncommitted).await;
    Ok(told.remove(of).expect("each partition has a result")?.offset)
}

async fn scan_partition(cluster: &Cluster, partition: &TopicPartition) -> client::Result<Answer> {
    let log_start = offset(cluster, partition, OffsetSpec::Earliest).await?;
    let end = offset(cluster, partition, OffsetSpec::Latest).await?;
    let config = ConsumerConfig { offset_reset: OffsetReset::Fail, ..ConsumerConfig::default() };
    let mut consumer = Consumer::new(cluster, config)?;
    consumer.assign([partition.clone()]);
    consumer.seek(partition, log_start);
    let mut records: Vec<Received> = Vec::new();
    let mut deadline = Instant::now() + PATIENCE;
    while consumer.position(partition).is_none_or(|position| position < end) {
        let more = match consumer.poll(POLL).await {
            Ok(more) => more,
            Err(ClientError::Corrupt { offset, why, .. }) => return Ok(Answer::Corrupt { offset, what: why }),
            Err(error) => return Err(error),
        };
        if !more.is_empty() {
            deadline = Instant::now() + PATIENCE;
        } else if Instant::now() >= deadline {
            let what = format!("reading {partition} to its end, {end}");
            return Err(ClientError::TimedOut { what, within: PATIENCE });
        }
        records.extend(more.iter().map(received));
    }
    consumer.close().await;
    records.retain(|record| record.offset < end);
    Ok(Answer::Scanned { log_start, end, records })
}
