//! OffsetForLeaderEpoch: where the log of an epoch ends (KIP-101, KIP-320).

use crate::broker::Broker;
use model::ErrorCode;
use protocol::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition,
    OffsetForLeaderTopicResult,
};

/// Answers each partition on its own.
pub fn handle(broker: &Broker, request: OffsetForLeaderEpochRequest) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|topic| OffsetForLeaderTopicResult {
        partitions: topic.partitions.iter().map(|wanted| partition(broker, &topic.topic, wanted)).collect(),
        topic: topic.topic,
        ..Default::default()
    });
    OffsetForLeaderEpochResponse { topics: topics.collect(), ..Default::default() }
}

fn partition(broker: &Broker, topic: &str, wanted: &OffsetForLeaderPartition) -> EpochEndOffset {
    let hosted = broker.partitions.partition(topic, wanted.partition);
    let checked = hosted.and_then(|hosted| hosted.check_leader(wanted.current_leader_epoch).map(|()| hosted));
    let answer = EpochEndOffset { partition: wanted.partition, ..Default::default() };
    match checked {
        Ok(hosted) if wanted.leader_epoch > hosted.leader_epoch() => answer,
        Ok(hosted) => {
            let (leader_epoch, end_offset) = hosted.reader.end_offset_of_epoch(wanted.leader_epoch);
            EpochEndOffset { error_code: ErrorCode::None.code(), leader_epoch, end_offset, ..answer }
        }
        Err(error) => EpochEndOffset { error_code: error.code(), ..answer },
    }
}
