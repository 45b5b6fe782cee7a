//! ListOffsets: offsets by time, and the special ones.

use super::Context;
use crate::broker::Broker;
use crate::partition::Partition;
use model::{ErrorCode, LeaderEpoch, Offset, Timestamp, Uuid};
use protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
    ListOffsetsTopicResponse,
};
use storage::ReadError;

const LATEST: Timestamp = -1;
const EARLIEST: Timestamp = -2;
const MAX_TIMESTAMP: Timestamp = -3;
const EARLIEST_LOCAL: Timestamp = -4;
const LATEST_TIERED: Timestamp = -5;
const EARLIEST_PENDING_UPLOAD: Timestamp = -6;

/// Answers each partition on its own.
pub async fn handle(broker: &Broker, context: &Context, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let committed = request.isolation_level == 1;
    broker.wait_for_new(request.topics.iter().map(|topic| (&*topic.name, Uuid::ZERO))).await;
    let mut topics = Vec::with_capacity(request.topics.len());
    for at in 0..request.topics.len() {
        let topic = &request.topics[at];
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for wanted in unique(&topic.partitions) {
            let named_twice = is_named_twice(&request.topics, &topic.name, wanted.partition_index);
            partitions.push(match named_twice {
                true => failed(wanted, ErrorCode::InvalidRequest),
                false => partition(broker, context.version, committed, topic, wanted).await,
            });
        }
        topics.push(ListOffsetsTopicResponse { name: topic.name.clone(), partitions, ..Default::default() });
    }
    ListOffsetsResponse { topics, ..Default::default() }
}

fn unique(partitions: &[ListOffsetsPartition]) -> impl Iterator<Item = &ListOffsetsPartition> {
    let earlier = |at: usize, index: i32| partitions[..at].iter().any(|p| p.partition_index == index);
    partitions.iter().enumerate().filter(move |(at, p)| !earlier(*at, p.partition_index)).map(|(_, p)| p)
}

fn is_named_twice(topics: &[ListOffsetsTopic], name: &str, index: i32) -> bool {
    let named = topics.iter().filter(|topic| topic.name == *name).flat_map(|topic| &topic.partitions);
    named.filter(|partition| partition.partition_index == index).count() > 1
}

async fn partition(
    broker: &Broker,
    version: i16,
    committed: bool,
    topic: &ListOffsetsTopic,
    wanted: &ListOffsetsPartition,
) -> ListOffsetsPartitionResponse {
    if !is_known(wanted.timestamp, version) {
        return failed(wanted, ErrorCode::UnsupportedVersion);
    }
    let partition = match broker.partitions.partition(&topic.name, wanted.partition_index) {
        Ok(partition) => partition,
        Err(error) => return failed(wanted, error),
    };
    if let Err(error) = partition.check_leader(wanted.current_leader_epoch) {
        return failed(wanted, error);
    }
    if !partition.offsets_available() && may_be_later(&partition, wanted.timestamp) {
        model::mark!("offsets are not available yet");
        let error = if version >= 5 { ErrorCode::OffsetNotAvailable } else { ErrorCode::LeaderNotAvailable };
        return failed(wanted, error);
    }
    match find(&partition, wanted.timestamp, committed).await {
        Ok(found) => ListOffsetsPartitionResponse {
            partition_index: wanted.partition_index,
            timestamp: found.timestamp,
            offset: found.offset,
            leader_epoch: if version >= 4 { found.leader_epoch } else { -1 },
            ..Default::default()
        },
        Err(error) => {
            tracing::warn!("{}: cannot look for an offset: {error}", partition.topic_partition);
            failed(wanted, crate::api::fetch::error_of_read(&error))
        }
    }
}

/// Whether an earlier leader may have told a later offset than is committed here so far (KIP-207).
fn may_be_later(partition: &Partition, timestamp: Timestamp) -> bool {
    match timestamp {
        LATEST | MAX_TIMESTAMP => true,
        EARLIEST | EARLIEST_LOCAL | LATEST_TIERED | EARLIEST_PENDING_UPLOAD => false,
        _ => partition.high_watermark() < partition.reader.bounds().log_end_offset,
    }
}

/// Each special time came with a version.
fn is_known(timestamp: Timestamp, version: i16) -> bool {
    match timestamp {
        MAX_TIMESTAMP => version >= 7,
        EARLIEST_LOCAL => version >= 8,
        LATEST_TIERED => version >= 9,
        EARLIEST_PENDING_UPLOAD => version >= 11,
        timestamp => timestamp >= EARLIEST,
    }
}

struct Answer {
    timestamp: Timestamp,
    offset: Offset,
    leader_epoch: LeaderEpoch,
}

async fn find(partition: &Partition, timestamp: Timestamp, committed: bool) -> Result<Answer, ReadError> {
    let end = if model::planted!("latest-is-log-end") {
        partition.reader.bounds().log_end_offset
    } else if committed {
        partition.last_stable_offset()
    } else {
        partition.high_watermark()
    };
    let at = |offset: Offset| Answer { timestamp: -1, offset, leader_epoch: epoch_at(partition, offset) };
    let nothing = Answer { timestamp: -1, offset: -1, leader_epoch: -1 };
    let found = match timestamp {
        LATEST => return Ok(Answer { leader_epoch: partition.leader_epoch(), ..at(end) }),
        EARLIEST | EARLIEST_LOCAL => return Ok(at(partition.log_start_offset())),
        LATEST_TIERED | EARLIEST_PENDING_UPLOAD => return Ok(nothing),
        MAX_TIMESTAMP => partition.reader.max_timestamp(end).await?,
        timestamp => partition.reader.find_by_timestamp(timestamp, end).await?,
    };
    Ok(found.map_or(nothing, |found| Answer {
        timestamp: found.timestamp,
        offset: found.offset,
        leader_epoch: found.leader_epoch,
    }))
}

/// The epoch of the record there; at the end of the log, the present one.
fn epoch_at(partition: &Partition, offset: Offset) -> LeaderEpoch {
    partition.reader.epoch_of(offset).unwrap_or(-1)
}

fn failed(wanted: &ListOffsetsPartition, error: ErrorCode) -> ListOffsetsPartitionResponse {
    ListOffsetsPartitionResponse {
        partition_index: wanted.partition_index,
        error_code: error.code(),
        ..Default::default()
    }
}
