//! Deleting records from the front of a partition.

use super::Admin;
use crate::cluster::timeout_ms;
use crate::error::{ClientError, Result, check};
use crate::metadata::Wanted;
use crate::retries::Call;
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
        let mut retries = self.cluster.retries(Call::Repeatable);
        loop {
            let attempt = async {
                let leader = self.cluster.leader_once(of).await?;
                let answer = self.cluster.node(leader).await?.call(&request).await?;
                low_watermark(of, &answer)
            };
            let attempt = async {
                let result = attempt.await;
                if result.as_ref().is_err_and(ClientError::is_retriable) {
                    // For the next attempt; what went wrong with this one is not to be hidden.
                    let _ = self.cluster.refresh(Wanted::Topics(std::slice::from_ref(&of.topic))).await;
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
