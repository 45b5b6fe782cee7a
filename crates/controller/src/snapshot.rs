//! An image as the shortest log that leads to it.

use crate::records::{BrokerRegistered, ListenerEndpoint, Partition, RECORD_LEVEL, Record, Resource};
use model::metadata_image::{BrokerImage, ConfigResource, Endpoint, MetadataImage, PartitionImage, TopicImage};
use model::{NodeId, PartitionId, Uuid};

/// Records that, folded from nothing, give `image` (but for its end offset, which the snapshot's name says).
pub fn records_of(image: &MetadataImage) -> impl Iterator<Item = Record> + '_ {
    let founded =
        image.cluster_id().map(|id| Record::Founded { cluster_id: id.to_string(), record_level: RECORD_LEVEL });
    let features = image.features().map(|(name, level)| Record::FeatureLevel { name: name.to_string(), level });
    let brokers = image.brokers().map(|broker| Record::BrokerRegistered(broker_record(broker)));
    let topics = image.topics().flat_map(|topic| topic_records(topic));
    let configs = image.configured_resources().flat_map(|(resource, configs)| {
        configs.iter().filter_map(|(name, value)| {
            let resource = other_resource(resource)?;
            Some(Record::Config { resource, name: name.clone(), value: Some(value.clone()) })
        })
    });
    let next = image.next_producer_id();
    let producer_ids = (next > 0).then_some(Record::ProducerIds { broker: NO_BROKER, next });
    founded.into_iter().chain(features).chain(brokers).chain(topics).chain(configs).chain(producer_ids)
}

/// In a snapshot nobody asks for producer ids.
const NO_BROKER: NodeId = -1;

/// The record of a broker as its image says it.
pub(crate) fn broker_record(broker: &BrokerImage) -> BrokerRegistered {
    BrokerRegistered {
        id: broker.id,
        epoch: Some(broker.epoch),
        incarnation: broker.incarnation.0,
        endpoints: broker.endpoints.iter().map(endpoint_record).collect(),
        rack: broker.rack.as_ref().map(|rack| rack.to_string()),
        directories: ids(&broker.directories),
        fenced: broker.fenced,
        in_controlled_shutdown: broker.in_controlled_shutdown,
    }
}

fn endpoint_record(endpoint: &Endpoint) -> ListenerEndpoint {
    ListenerEndpoint {
        listener: endpoint.listener.to_string(),
        host: endpoint.host.to_string(),
        port: endpoint.port,
        security_protocol: endpoint.security_protocol,
    }
}

fn topic_records(topic: &TopicImage) -> impl Iterator<Item = Record> + '_ {
    let created = Record::TopicCreated { name: topic.name.to_string(), topic_id: topic.id.0 };
    let partitions = topic
        .numbered_partitions()
        .map(|(number, partition)| Record::Partition(partition_record(topic.id, number, partition)));
    let configs = topic.configs.iter().map(|(name, value)| Record::Config {
        resource: Resource::Topic(topic.id.0),
        name: name.clone(),
        value: Some(value.clone()),
    });
    std::iter::once(created).chain(partitions).chain(configs)
}

/// The record of a partition as its image says it.
pub fn partition_record(topic_id: Uuid, number: PartitionId, partition: &PartitionImage) -> Partition {
    Partition {
        topic_id: topic_id.0,
        partition: number,
        replicas: partition.replicas.clone(),
        directories: ids(&partition.directories),
        isr: partition.isr.clone(),
        eligible_leaders: partition.eligible_leaders.clone(),
        last_known_eligible_leaders: partition.last_known_eligible_leaders.clone(),
        adding: partition.adding.clone(),
        removing: partition.removing.clone(),
        leader: partition.leader,
        leader_epoch: partition.leader_epoch,
        partition_epoch: partition.partition_epoch,
    }
}

fn ids(ids: &[Uuid]) -> Vec<[u8; 16]> {
    ids.iter().map(|id| id.0).collect()
}

/// A topic's configs stand with the topic, where its id is at hand.
fn other_resource(resource: &ConfigResource) -> Option<Resource> {
    match resource {
        ConfigResource::Topic(_) => None,
        ConfigResource::Broker(id) => Some(Resource::Broker(*id)),
        ConfigResource::AllBrokers => Some(Resource::AllBrokers),
        ConfigResource::Group(name) => Some(Resource::Group(name.clone())),
        ConfigResource::ClientMetrics(name) => Some(Resource::ClientMetrics(name.clone())),
    }
}
