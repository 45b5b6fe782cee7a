//! DeleteRecords: lets everything below an offset go (KIP-107).

use crate::broker::Broker;
use crate::partition::{Command, Partition};
use model::{ErrorCode, Offset};
use protocol::messages::delete_records::{
    DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopicResult,
};
use runtime::time::{Duration, Instant, sleep};

/// How often the followers are looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Answers each partition with its new log start.
pub async fn handle(broker: &Broker, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let deadline = Instant::now() + Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for wanted in &topic.partitions {
            let deleted = delete(broker, &topic.name, wanted.partition_index, wanted.offset, deadline).await;
            partitions.push(DeleteRecordsPartitionResult {
                partition_index: wanted.partition_index,
                low_watermark: deleted.unwrap_or(-1),
                error_code: deleted.err().unwrap_or(ErrorCode::None).code(),
                ..Default::default()
            });
        }
        topics.push(DeleteRecordsTopicResult { name: topic.name, partitions, ..Default::default() });
    }
    DeleteRecordsResponse { topics, ..Default::default() }
}

async fn delete(
    broker: &Broker,
    topic: &str,
    partition: i32,
    before: Offset,
    deadline: Instant,
) -> Result<Offset, ErrorCode> {
    let topic = broker.partitions.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let partition = topic.partition(partition)?;
    if !topic.config.cleanup_policy.delete {
        return Err(ErrorCode::PolicyViolation); // compaction keeps what it keeps
    }
    let start = partition.ask(|reply| Command::DeleteRecords { before, reply }).await??;
    wait_for_followers(broker, partition, start, deadline).await
}

/// The replicas on live brokers have let the records go too: none of them brings them back as a leader.
async fn wait_for_followers(
    broker: &Broker,
    partition: &Partition,
    start: Offset,
    deadline: Instant,
) -> Result<Offset, ErrorCode> {
    loop {
        let low_watermark = partition.low_watermark(&broker.metadata.image());
        if low_watermark >= start {
            return Ok(low_watermark);
        }
        if !partition.leads() {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        if Instant::now() >= deadline {
            return Err(ErrorCode::RequestTimedOut);
        }
        sleep(LOOK_AGAIN).await;
    }
}
