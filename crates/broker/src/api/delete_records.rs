//! DeleteRecords: lets everything below an offset go (KIP-107).

use crate::broker::Broker;
use crate::partition::Command;
use model::{ErrorCode, Offset};
use protocol::messages::delete_records::{
    DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopicResult,
};

/// Answers each partition with its new log start.
pub async fn handle(broker: &Broker, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for wanted in &topic.partitions {
            let deleted = delete(broker, &topic.name, wanted.partition_index, wanted.offset).await;
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

async fn delete(broker: &Broker, topic: &str, partition: i32, before: Offset) -> Result<Offset, ErrorCode> {
    let topic = broker.partitions.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let partition = topic.partition(partition)?;
    if !topic.config.cleanup_policy.delete {
        return Err(ErrorCode::PolicyViolation); // compaction keeps what it keeps
    }
    partition.ask(|reply| Command::DeleteRecords { before, reply }).await?
}
