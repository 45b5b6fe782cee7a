//! The topic of the group coordinators: which partition a group is in, who leads that, and the topic's creation.

use crate::broker::Broker;
use controller::{Reply, Request};
use coordinator::group::partition_of;
use model::metadata_image::MetadataImage;
use model::{ErrorCode, NodeId, PartitionId};
use protocol::messages::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use std::sync::Arc;

/// Kafka's name for it.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// Copies of the topic on a cluster that has as many brokers, where the config does not say.
const COPIES: usize = 3;

/// The partition of a group; none while the topic is not there.
pub(crate) fn partition_of_group(image: &MetadataImage, group_id: &str) -> Option<PartitionId> {
    let topic = image.topic(OFFSETS_TOPIC)?;
    Some(partition_of(group_id, i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX)))
}

/// The broker that coordinates a group; the topic is made if it is not there.
///
/// # Errors
/// `COORDINATOR_NOT_AVAILABLE` while nobody does.
pub(crate) async fn find(broker: &Arc<Broker>, group_id: &str) -> Result<NodeId, ErrorCode> {
    if broker.metadata.image().topic(OFFSETS_TOPIC).is_none() {
        create(broker).await?;
    }
    let image = broker.metadata.image();
    let number = partition_of_group(&image, group_id).ok_or(ErrorCode::CoordinatorNotAvailable)?;
    let partition = image.partition(OFFSETS_TOPIC, number);
    partition.and_then(|partition| partition.leader).ok_or(ErrorCode::CoordinatorNotAvailable)
}

async fn create(broker: &Arc<Broker>) -> Result<(), ErrorCode> {
    let wanted = &broker.config.offsets_topic;
    let replication_factor = replication_factor(broker).ok_or(ErrorCode::CoordinatorNotAvailable)?;
    let config = |name: &str, value: String| CreatableTopicConfig {
        name: name.into(),
        value: Some(value.into()),
        ..Default::default()
    };
    let topic = CreatableTopic {
        name: OFFSETS_TOPIC.into(),
        num_partitions: wanted.partitions,
        replication_factor,
        configs: vec![
            config("cleanup.policy", "compact".to_owned()),
            config("compression.type", "producer".to_owned()),
            config("segment.bytes", wanted.segment_bytes.to_string()),
        ],
        ..Default::default()
    };
    let request = Request::CreateTopics(CreateTopicsRequest { topics: vec![topic], ..Default::default() });
    let answer = match broker.metadata.ask(request).await {
        Ok(Reply::CreateTopics(answer)) => answer,
        _ => return Err(ErrorCode::CoordinatorNotAvailable),
    };
    match answer.topics.first().map(|topic| ErrorCode::from_wire(topic.error_code)) {
        Some(ErrorCode::None | ErrorCode::TopicAlreadyExists) => Ok(()),
        error => {
            let message = answer.topics.first().and_then(|topic| topic.error_message.as_deref()).unwrap_or_default();
            tracing::warn!("{OFFSETS_TOPIC} cannot be made: {error:?} {message}");
            Err(ErrorCode::CoordinatorNotAvailable)
        }
    }
}

/// As the config says. Where it says nothing, one copy on a cluster of one node and three on one of three: none of them
/// is made before so many brokers are there, for it would keep too few copies for ever.
fn replication_factor(broker: &Broker) -> Option<i16> {
    if broker.server_config.get("offsets.topic.replication.factor").is_some() {
        return Some(broker.config.offsets_topic.replication_factor);
    }
    let image = broker.metadata.image();
    let expected = image.brokers().count().max(broker.metadata.status().voters.len()).min(COPIES);
    let live = image.brokers().filter(|broker| !broker.fenced).count();
    (live >= expected).then(|| i16::try_from(expected).unwrap_or(1))
}
