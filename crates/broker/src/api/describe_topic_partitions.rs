//! DescribeTopicPartitions: topics page by page, with their eligible leaders (KIP-966).

use super::metadata::{ALL_TOPIC_OPERATIONS, offline};
use crate::broker::Broker;
use model::ErrorCode;
use model::metadata_image::{MetadataImage, TopicImage, is_internal_topic};
use protocol::messages::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
};
use std::collections::BTreeSet;

/// Answers in the order of names, from the cursor on.
pub fn handle(broker: &Broker, request: DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse {
    if request.cursor.as_ref().is_some_and(|cursor| !is_of(cursor, &request)) {
        return refused(&request);
    }
    let image = broker.metadata.image();
    let (from_topic, from_partition) = match &request.cursor {
        Some(cursor) => (&*cursor.topic_name, cursor.partition_index),
        None => ("", 0),
    };
    let limit = usize::try_from(request.response_partition_limit).unwrap_or(0);
    let mut left = limit.clamp(1, broker.config.max_partitions_per_answer);
    let mut response = DescribeTopicPartitionsResponse { next_cursor: None, ..Default::default() };
    for name in names(&image, &request).into_iter().filter(|name| &**name >= from_topic) {
        let first = if *name == *from_topic { from_partition } else { 0 };
        if left == 0 {
            response.next_cursor = Some(cursor(&name, first));
            break;
        }
        let Some(topic) = image.topic(&name) else {
            response.topics.push(unknown(&name));
            continue;
        };
        let described = describe(&image, topic, first, left);
        let next = first + described.partitions.len() as i32;
        left -= described.partitions.len();
        response.topics.push(described);
        if (next as usize) < topic.partitions.len() {
            response.next_cursor = Some(cursor(&name, next));
            break;
        }
    }
    response
}

/// Whether a broker may have given this cursor in answer to that request.
fn is_of(cursor: &Cursor, request: &DescribeTopicPartitionsRequest) -> bool {
    let is_named = request.topics.is_empty() || request.topics.iter().any(|topic| topic.name == cursor.topic_name);
    is_named && cursor.partition_index >= 0
}

/// A cursor that this broker never gave.
fn refused(request: &DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse {
    let topics = request.topics.iter().map(|topic| DescribeTopicPartitionsResponseTopic {
        error_code: ErrorCode::InvalidRequest.code(),
        name: Some(topic.name.clone()),
        ..Default::default()
    });
    DescribeTopicPartitionsResponse { topics: topics.collect(), next_cursor: None, ..Default::default() }
}

fn names(image: &MetadataImage, request: &DescribeTopicPartitionsRequest) -> BTreeSet<String> {
    if request.topics.is_empty() {
        return image.topics().map(|topic| topic.name.to_string()).collect();
    }
    request.topics.iter().map(|topic| topic.name.to_string()).collect()
}

fn cursor(name: &str, partition_index: i32) -> Cursor {
    Cursor { topic_name: name.into(), partition_index, ..Default::default() }
}

fn unknown(name: &str) -> DescribeTopicPartitionsResponseTopic {
    let error = match controller::topic_name::check(name) {
        Ok(()) => ErrorCode::UnknownTopicOrPartition,
        Err(_) => ErrorCode::InvalidTopicException,
    };
    DescribeTopicPartitionsResponseTopic {
        error_code: error.code(),
        name: Some(name.into()),
        is_internal: is_internal_topic(name),
        topic_authorized_operations: ALL_TOPIC_OPERATIONS,
        ..Default::default()
    }
}

fn describe(
    image: &MetadataImage,
    topic: &TopicImage,
    first: i32,
    limit: usize,
) -> DescribeTopicPartitionsResponseTopic {
    let partitions = topic.numbered_partitions().skip(first as usize).take(limit);
    let partitions = partitions.map(|(partition_index, partition)| DescribeTopicPartitionsResponsePartition {
        error_code: partition.leader.map_or(ErrorCode::LeaderNotAvailable, |_| ErrorCode::None).code(),
        partition_index,
        leader_id: partition.leader.unwrap_or(-1),
        leader_epoch: partition.leader_epoch,
        replica_nodes: partition.replicas.clone(),
        isr_nodes: partition.isr.clone(),
        eligible_leader_replicas: Some(partition.eligible_leaders.clone()),
        last_known_elr: Some(partition.last_known_eligible_leaders.clone()),
        offline_replicas: offline(image, &partition.replicas),
        ..Default::default()
    });
    DescribeTopicPartitionsResponseTopic {
        name: Some((&*topic.name).into()),
        topic_id: topic.id,
        is_internal: topic.is_internal(),
        partitions: partitions.collect(),
        topic_authorized_operations: ALL_TOPIC_OPERATIONS,
        ..Default::default()
    }
}
