//! Deleting records from the front of a partition.

use super::Admin;
use crate::cluster::timeout_ms;
use crate::error::{ClientError, Result, check};
use model::{ErrorCode, Offset, TopicPartition};
use protocol::messages::delete_records::{DeleteRecordsPartition, DeleteRecordsTopic};
use protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse};

impl Admin {
    /// Deletes the records of a partition below `offset`; -1 for all that are committed. Returns where its log begins
    /// then. Sent again until it is done: to do it twice is to do it once.
    ///
    /// # Errors
    /// No broker answered, there is no such partition, or it has no such offset.
    pub async fn delete_records(&self, of: &TopicPartition, offset: Offset) -> Result<Offset> {
        let request = DeleteRecordsRequest {
            topics: vec![DeleteRecordsTopic {
                name: (&*of.topic).into(),
                partitions: vec![DeleteRecordsPartition {
                    partition_index: of.partition,
                    offset,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            timeout_ms: timeout_ms(self.cluster.config().request_timeout),
            ..Default::default()
        };
        let mut retries = self.cluster.retries();
        loop {
            let attempt = async {
                let leader = self.cluster.leader(of).await?;
                let answer = self.cluster.node(leader.node).await?.call(&request).await?;
                let result = low_watermark(of, &answer);
                if result.as_ref().is_err_and(ClientError::is_retriable) {
                    self.cluster.refresh(crate::metadata::Wanted::Topics(std::slice::from_ref(&of.topic))).await?;
                }
                result
            };
            if let Some(result) = retries.attempt(attempt).await {
                return result;
            }
        }
    }
}

fn low_watermark(of: &TopicPartition, answer: &DeleteRecordsResponse) -> Result<Offset> {
    let what = || format!("deleting records of {of}");
    let result = answer.topics.iter().flat_map(|topic| &topic.partitions).next();
    let Some(result) = result else {
        return Err(ClientError::refused(what(), ErrorCode::UnknownServerError, Some("the answer leaves it out")));
    };
    check(what, result.error_code, None)?;
    Ok(result.low_watermark)
}
