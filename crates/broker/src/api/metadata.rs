//! Metadata: brokers, topics, leaders; and topics made because somebody asked for them.

use super::Context;
use crate::broker::Broker;
use crate::endpoints::{Endpoint, all_endpoints};
use controller::{Reply, Request};
use model::metadata_image::{MetadataImage, TopicImage, is_internal_topic};
use model::{ErrorCode, NodeId, Uuid};
use protocol::messages::create_topics::{CreatableTopic, CreateTopicsRequest};
use protocol::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use protocol::wire::Text;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// "Was not asked for", in fields of authorized operations.
pub(super) const NO_OPERATIONS: i32 = i32::MIN;
/// READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS: all that can be done to a topic.
pub(super) const ALL_TOPIC_OPERATIONS: i32 = 0x0df8;
/// CREATE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE and the like.
pub(super) const ALL_CLUSTER_OPERATIONS: i32 = 0x1fa0;

/// Answers with the topics asked for, or all.
pub async fn handle(broker: &Arc<Broker>, context: &Context, request: MetadataRequest) -> MetadataResponse {
    if let Some(refused) = refuse(&request, context.version) {
        return refused;
    }
    let image = broker.metadata.image();
    let mut topics = match &request.topics {
        // Version 0 has no null: no topics means all of them.
        Some(wanted) if !wanted.is_empty() || context.version > 0 => named(broker, &image, &request, wanted).await,
        _ => image.topics().map(|topic| describe(&image, topic)).collect(),
    };
    if request.include_topic_authorized_operations {
        // Kafka asks by name what is allowed, whether there is such a topic or not.
        let named = topics.iter_mut().filter(|topic| topic.name.is_some());
        named.for_each(|topic| topic.topic_authorized_operations = ALL_TOPIC_OPERATIONS);
    }
    MetadataResponse {
        brokers: brokers(broker, context, &image),
        cluster_id: image.cluster_id().map(|id| Text::from(&**id)),
        controller_id: broker.node_id,
        topics,
        cluster_authorized_operations: match request.include_cluster_authorized_operations {
            true => ALL_CLUSTER_OPERATIONS,
            false => NO_OPERATIONS,
        },
        ..Default::default()
    }
}

/// Names and ids that a version does not allow are answered with nothing but the error. Where there are ids the names do
/// not matter.
fn refuse(request: &MetadataRequest, version: i16) -> Option<MetadataResponse> {
    let wanted = request.topics.as_ref()?;
    let names_are_missing = wanted.iter().any(|topic| topic.name.is_none());
    let error_code = match (version, has_ids(wanted)) {
        (..12, has_ids) if has_ids || names_are_missing => ErrorCode::InvalidRequest.code(),
        (12.., false) if names_are_missing => ErrorCode::UnknownServerError.code(),
        _ => return None,
    };
    let topics = wanted.iter().map(|topic| MetadataResponseTopic {
        error_code,
        name: Some(topic.name.clone().unwrap_or_default()),
        topic_id: topic.topic_id,
        ..Default::default()
    });
    let topics = topics.collect();
    Some(MetadataResponse { topics, error_code, cluster_id: None, controller_id: -1, ..Default::default() })
}

fn has_ids(wanted: &[MetadataRequestTopic]) -> bool {
    wanted.iter().any(|topic| !topic.topic_id.is_zero())
}

/// The topics of these ids, each once.
fn identified(image: &MetadataImage, wanted: &[MetadataRequestTopic]) -> Vec<MetadataResponseTopic> {
    let ids: BTreeSet<Uuid> = wanted.iter().map(|topic| topic.topic_id).filter(|id| !id.is_zero()).collect();
    let describe = |id| match image.topic_by_id(id) {
        Some(topic) => describe(image, topic),
        None => MetadataResponseTopic {
            error_code: ErrorCode::UnknownTopicId.code(),
            name: None,
            topic_id: id,
            ..Default::default()
        },
    };
    ids.into_iter().map(describe).collect()
}

/// The topics named, each once. One id is enough for the names not to count at all.
async fn named(
    broker: &Arc<Broker>,
    image: &MetadataImage,
    request: &MetadataRequest,
    wanted: &[MetadataRequestTopic],
) -> Vec<MetadataResponseTopic> {
    if has_ids(wanted) {
        return identified(image, wanted);
    }
    let distinct: BTreeSet<&Text> = wanted.iter().filter_map(|topic| topic.name.as_ref()).collect();
    let (mut topics, mut missing) = (Vec::new(), BTreeSet::new());
    for name in distinct {
        match image.topic(name) {
            Some(topic) => topics.push(describe(image, topic)),
            None => drop(missing.insert(name.clone())),
        }
    }
    let creates = request.allow_auto_topic_creation && broker.config.auto_create_topics;
    let refused = if creates { create(broker, &missing).await } else { BTreeMap::new() };
    topics.extend(missing.iter().map(|name| unknown(name, refused.get(name).copied())));
    topics
}

fn unknown(name: &Text, refused: Option<ErrorCode>) -> MetadataResponseTopic {
    let error = match controller::topic_name::check(name) {
        Ok(()) => refused.unwrap_or(ErrorCode::UnknownTopicOrPartition),
        Err(_) => ErrorCode::InvalidTopicException,
    };
    MetadataResponseTopic {
        error_code: error.code(),
        name: Some(name.clone()),
        is_internal: is_internal_topic(name),
        ..Default::default()
    }
}

/// Makes the topics. As in Kafka the client hears that they are unknown, and finds them when it asks again; but what
/// can never be made is told at once.
async fn create(broker: &Arc<Broker>, names: &BTreeSet<Text>) -> BTreeMap<Text, ErrorCode> {
    let topics: Vec<CreatableTopic> = names
        .iter()
        .filter(|name| controller::topic_name::check(name).is_ok())
        .map(|name| CreatableTopic {
            name: name.clone(),
            num_partitions: -1,
            replication_factor: -1,
            ..Default::default()
        })
        .collect();
    if topics.is_empty() {
        return BTreeMap::new();
    }
    let request = Request::CreateTopics(CreateTopicsRequest { topics, ..Default::default() });
    let Ok(Reply::CreateTopics(answer)) = broker.metadata.ask(request).await else { return BTreeMap::new() };
    broker.wait_until_applied(broker.metadata.image().end_offset()).await;
    let lasting = |error: ErrorCode| !error.is_none() && error != ErrorCode::TopicAlreadyExists;
    let refused = answer.topics.into_iter().map(|topic| (topic.name, ErrorCode::from_wire(topic.error_code)));
    refused.filter(|(_, error)| lasting(*error)).collect()
}

fn describe(image: &MetadataImage, topic: &TopicImage) -> MetadataResponseTopic {
    let partitions = topic.numbered_partitions().map(|(partition_index, partition)| MetadataResponsePartition {
        error_code: partition.leader.map_or(ErrorCode::LeaderNotAvailable, |_| ErrorCode::None).code(),
        partition_index,
        leader_id: partition.leader.unwrap_or(-1),
        leader_epoch: partition.leader_epoch,
        replica_nodes: partition.replicas.clone(),
        isr_nodes: partition.isr.clone(),
        offline_replicas: offline(image, &partition.replicas),
        ..Default::default()
    });
    MetadataResponseTopic {
        name: Some((&*topic.name).into()),
        topic_id: topic.id,
        is_internal: topic.is_internal(),
        partitions: partitions.collect(),
        ..Default::default()
    }
}

/// The replicas on brokers that are gone or fenced.
pub(super) fn offline(image: &MetadataImage, replicas: &[NodeId]) -> Vec<NodeId> {
    replicas.iter().copied().filter(|replica| !image.is_unfenced(*replica)).collect()
}

fn brokers(broker: &Broker, context: &Context, image: &MetadataImage) -> Vec<MetadataResponseBroker> {
    all_endpoints(broker, image, context.listener)
        .into_iter()
        .map(|Endpoint { node_id, host, port, rack }| MetadataResponseBroker {
            node_id,
            host,
            port,
            rack,
            ..Default::default()
        })
        .collect()
}
