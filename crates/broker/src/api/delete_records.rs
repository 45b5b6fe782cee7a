//! DeleteRecords: lets everything below an offset go (KIP-107).

use crate::broker::Broker;
use crate::partition::{Command, Partition};
use model::metadata_image::is_internal_topic;
use model::{ErrorCode, Offset, Uuid};
use protocol::messages::delete_records::{
    DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopicResult,
};
use runtime::time::{Duration, Instant, sleep};
use std::sync::Arc;

/// How often the followers are looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A deletion that is done here: of which partition, and where its log starts since.
type Begun = (Arc<Partition>, Offset);

/// Answers each partition with its new log start.
pub async fn handle(broker: &Broker, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let deadline = Instant::now() + Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    broker.wait_for_new(request.topics.iter().map(|topic| (&*topic.name, Uuid::ZERO))).await;
    // All are begun before any is waited for: the followers do them together.
    let mut begun = Vec::new();
    for topic in &request.topics {
        for wanted in &topic.partitions {
            begun.push(begin(broker, &topic.name, wanted.partition_index, wanted.offset).await);
        }
    }
    let mut begun = begun.into_iter();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for (wanted, begun) in topic.partitions.iter().zip(begun.by_ref()) {
            let deleted = match begun {
                Ok((partition, start)) => wait_for_followers(broker, &partition, start, deadline).await,
                Err(error) => Err(error),
            };
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

async fn begin(broker: &Broker, topic: &str, partition: i32, before: Offset) -> Result<Begun, ErrorCode> {
    let topic = broker.partitions.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let partition = match topic.partition(partition) {
        Err(ErrorCode::UnknownTopicOrPartition) => return Err(ErrorCode::UnknownTopicOrPartition),
        // What coordinators keep is theirs to delete.
        _ if is_internal_topic(&topic.name) => return Err(ErrorCode::InvalidTopicException),
        partition => partition?,
    };
    partition.check_leader(-1)?;
    let policy = topic.config.cleanup_policy;
    if policy.compact && !policy.delete {
        return Err(ErrorCode::PolicyViolation); // compaction keeps what it keeps
    }
    let start = partition.ask(|reply| Command::DeleteRecords { before, reply }).await??;
    Ok((partition.clone(), start))
}

/// Whoever is on a live broker or could lead has let the records go too: none brings them back as a leader. One that is
/// deposed meanwhile knows nothing of who leads next.
async fn wait_for_followers(
    broker: &Broker,
    partition: &Partition,
    start: Offset,
    deadline: Instant,
) -> Result<Offset, ErrorCode> {
    loop {
        let low_watermark = partition.low_watermark(&broker.metadata.image()).ok_or(ErrorCode::NotLeaderOrFollower)?;
        if low_watermark >= start {
            return Ok(low_watermark);
        }
        if Instant::now() >= deadline {
            return Err(ErrorCode::RequestTimedOut);
        }
        sleep(LOOK_AGAIN).await;
    }
}
