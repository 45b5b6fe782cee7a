//! How fake brokers write.

use super::world::World;
use bytes::Bytes;
use model::{ErrorCode, Uuid};
use protocol::messages::produce::{PartitionProduceResponse, TopicProduceResponse};
use protocol::messages::{ProduceRequest, ProduceResponse};

impl World {
    /// Writes what `node` is sent.
    pub fn produce(&mut self, node: i32, request: &ProduceRequest) -> ProduceResponse {
        answer(request, |name, id, index, records| {
            let unknown = if name.is_empty() { ErrorCode::UnknownTopicId } else { ErrorCode::UnknownTopicOrPartition };
            let topic = self.name_of(name, id).and_then(|name| self.topics.get_mut(&name)).ok_or(unknown)?;
            let partition = topic.partitions.get_mut(index as usize).ok_or(ErrorCode::UnknownTopicOrPartition)?;
            if partition.leader != node {
                return Err(ErrorCode::NotLeaderOrFollower);
            }
            partition.append(records)
        })
    }

    /// Writes nothing and answers everything with `error`.
    pub fn refuse(request: &ProduceRequest, error: ErrorCode) -> ProduceResponse {
        answer(request, |_, _, _, _| Err(error))
    }
}

fn answer(
    request: &ProduceRequest,
    mut write: impl FnMut(&str, Uuid, i32, &Bytes) -> Result<i64, ErrorCode>,
) -> ProduceResponse {
    let responses = request.topic_data.iter().map(|topic| {
        let partitions = topic.partition_data.iter().map(|data| {
            let records = data.records.as_ref().expect("records");
            let result = write(&topic.name, topic.topic_id, data.index, records);
            PartitionProduceResponse {
                index: data.index,
                error_code: result.err().map_or(0, ErrorCode::code),
                base_offset: result.unwrap_or(-1),
                ..Default::default()
            }
        });
        let partition_responses = partitions.collect();
        TopicProduceResponse {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            partition_responses,
            ..Default::default()
        }
    });
    ProduceResponse { responses: responses.collect(), ..ProduceResponse::default() }
}
