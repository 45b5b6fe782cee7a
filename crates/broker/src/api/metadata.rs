//! Metadata: brokers, topics, leaders; and topics made because somebody asked for them.

use super::Context;
use crate::broker::Broker;
use crate::endpoints::{Endpoint, all_endpoints};
use controller::{Reply, Request};
use model::ErrorCode;
use model::metadata_image::{MetadataImage, TopicImage, is_internal_topic};
use protocol::messages::create_topics::{CreatableTopic, CreateTopicsRequest};
use protocol::messages::metadata::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use protocol::wire::Text;
use std::sync::Arc;

/// "Was not asked for", in fields of authorized operations.
const NO_OPERATIONS: i32 = i32::MIN;
/// READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS: all that can be done to a topic.
const ALL_TOPIC_OPERATIONS: i32 = 0x0df8;
/// CREATE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE and the like.
const ALL_CLUSTER_OPERATIONS: i32 = 0x1fa0;

/// Answers with the topics asked for, or all.
pub async fn handle(broker: &Arc<Broker>, context: &Context, request: MetadataRequest) -> MetadataResponse {
    if let Some(refused) = refuse(&request, context.version) {
        return refused;
    }
    let image = broker.metadata.image();
    let mut topics = match &request.topics {
        // Version 0 has no null: no topics means all of them.
        None => image.topics().map(|topic| describe(topic)).collect(),
        Some(wanted) if wanted.is_empty() && context.version == 0 => {
            image.topics().map(|topic| describe(topic)).collect()
        }
        Some(_) => named(broker, &image, &request).await,
    };
    if request.include_topic_authorized_operations {
        topics
            .iter_mut()
            .filter(|t| t.error_code == 0)
            .for_each(|t| t.topic_authorized_operations = ALL_TOPIC_OPERATIONS);
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

/// Names and ids that a version does not allow are answered with nothing but the error.
fn refuse(request: &MetadataRequest, version: i16) -> Option<MetadataResponse> {
    let wanted = request.topics.as_ref()?;
    let by_id_too_early = |t: &&_| -> bool {
        let t: &protocol::messages::metadata::MetadataRequestTopic = t;
        version < 12 && (t.name.is_none() || !t.topic_id.is_zero())
    };
    let neither = |t: &&protocol::messages::metadata::MetadataRequestTopic| t.name.is_none() && t.topic_id.is_zero();
    let (topic, error) = match wanted.iter().find(by_id_too_early) {
        Some(_) => (wanted, ErrorCode::InvalidRequest),
        None if wanted.iter().any(|t| neither(&t)) => (wanted, ErrorCode::InvalidRequest),
        None => return None,
    };
    let topics = topic.iter().map(|topic| MetadataResponseTopic {
        error_code: error.code(),
        name: topic.name.clone().or_else(|| (version < 12).then(Text::default)),
        topic_id: topic.topic_id,
        ..Default::default()
    });
    Some(MetadataResponse { topics: topics.collect(), cluster_id: None, controller_id: -1, ..Default::default() })
}

async fn named(broker: &Arc<Broker>, image: &MetadataImage, request: &MetadataRequest) -> Vec<MetadataResponseTopic> {
    let mut topics = Vec::new();
    let mut missing = Vec::new();
    for wanted in request.topics.iter().flatten() {
        let found = match &wanted.name {
            Some(name) => image.topic(name),
            None => image.topic_by_id(wanted.topic_id),
        };
        match (found, &wanted.name) {
            (Some(topic), _) => topics.push(describe(topic)),
            (None, Some(name)) => {
                topics.push(unknown(name));
                missing.push(name.clone());
            }
            (None, None) => topics.push(MetadataResponseTopic {
                error_code: ErrorCode::UnknownTopicId.code(),
                name: None,
                topic_id: wanted.topic_id,
                ..Default::default()
            }),
        }
    }
    let creates = request.allow_auto_topic_creation && broker.config.auto_create_topics;
    missing.retain(|name| controller::topic_name::check(name).is_ok());
    if creates && !missing.is_empty() {
        create(broker, missing).await;
    }
    topics
}

fn unknown(name: &Text) -> MetadataResponseTopic {
    let error = match controller::topic_name::check(name) {
        Ok(()) => ErrorCode::UnknownTopicOrPartition,
        Err(_) => ErrorCode::InvalidTopicException,
    };
    MetadataResponseTopic {
        error_code: error.code(),
        name: Some(name.clone()),
        is_internal: is_internal_topic(name),
        ..Default::default()
    }
}

/// Makes the topics. As in Kafka the client hears that they are unknown, and finds them when it asks again.
async fn create(broker: &Arc<Broker>, names: Vec<Text>) {
    let topics = names.into_iter().map(|name| CreatableTopic {
        name,
        num_partitions: -1,
        replication_factor: -1,
        ..Default::default()
    });
    let request = CreateTopicsRequest { topics: topics.collect(), ..Default::default() };
    if let Ok(Reply::CreateTopics(_)) = broker.metadata.ask(Request::CreateTopics(request)).await {
        broker.wait_until_applied(broker.metadata.image().end_offset()).await;
    }
}

fn describe(topic: &TopicImage) -> MetadataResponseTopic {
    let partitions = topic.numbered_partitions().map(|(partition_index, partition)| MetadataResponsePartition {
        error_code: partition.leader.map_or(ErrorCode::LeaderNotAvailable, |_| ErrorCode::None).code(),
        partition_index,
        leader_id: partition.leader.unwrap_or(-1),
        leader_epoch: partition.leader_epoch,
        replica_nodes: partition.replicas.clone(),
        isr_nodes: partition.isr.clone(),
        offline_replicas: Vec::new(),
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
