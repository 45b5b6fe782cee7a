//! Folds records into the image: the only place where the cluster's metadata changes. Total and deterministic: what
//! cannot apply, such as a change to a topic that is gone, changes nothing.

use crate::records::{BrokerRegistered, ListenerEndpoint, Partition, Record, Resource};
use model::metadata_image::{BrokerImage, ConfigResource, Endpoint, MetadataImage, PartitionImage, TopicImage};
use model::{NodeId, Offset, Uuid, mark, planted};
use std::sync::Arc;

/// Folds the record at `offset` into `image`.
pub fn fold(image: &mut MetadataImage, offset: Offset, record: &Record) {
    match record {
        Record::Founded { cluster_id, .. } => image.set_cluster_id(cluster_id.as_str()),
        Record::FeatureLevel { name, level } => image.set_feature(name, *level),
        Record::BrokerRegistered(broker) => register(image, offset, broker),
        Record::BrokerFenced { id, epoch, fenced, in_controlled_shutdown } => {
            fence(image, *id, *epoch, *fenced, *in_controlled_shutdown);
        }
        Record::BrokerUnregistered { id } => image.remove_broker(*id),
        Record::TopicCreated { name, topic_id } => create_topic(image, name, Uuid(*topic_id)),
        Record::Partition(partition) => put_partition(image, partition),
        Record::TopicDeleted { topic_id } => image.remove_topic(Uuid(*topic_id)),
        Record::Config { resource, name, value } => {
            if let Some(resource) = config_resource(image, resource) {
                image.set_config(&resource, name, value.as_deref());
            }
        }
        Record::ProducerIds { next, .. } => image.set_next_producer_id(image.next_producer_id().max(*next)),
    }
    image.set_end_offset(offset.saturating_add(1));
}

fn register(image: &mut MetadataImage, offset: Offset, broker: &BrokerRegistered) {
    let before = image.broker(broker.id).map(|known| known.incarnation);
    if before.is_some_and(|incarnation| incarnation != Uuid(broker.incarnation)) {
        mark!("a broker came back in a new life");
        raise_leader_epochs(image, broker.id);
    }
    image.put_broker(broker_image(offset, broker));
}

/// The image of a broker whose registration stands at `offset`.
pub(crate) fn broker_image(offset: Offset, broker: &BrokerRegistered) -> BrokerImage {
    BrokerImage {
        id: broker.id,
        epoch: broker.epoch.unwrap_or(offset),
        incarnation: Uuid(broker.incarnation),
        endpoints: broker.endpoints.iter().map(endpoint).collect(),
        rack: broker.rack.as_deref().map(Arc::from),
        directories: broker.directories.iter().copied().map(Uuid).collect(),
        fenced: broker.fenced,
        in_controlled_shutdown: broker.in_controlled_shutdown,
    }
}

/// What the past life wrote and did not commit may differ from what others have: the new life leads in a new epoch.
fn raise_leader_epochs(image: &mut MetadataImage, broker: NodeId) {
    image.change_partitions(|partition| {
        let led = partition.leader == Some(broker) && new_life_has_new_epochs();
        led.then(|| PartitionImage {
            leader_epoch: partition.leader_epoch.saturating_add(1),
            partition_epoch: partition.partition_epoch.saturating_add(1),
            ..partition.clone()
        })
    });
}

/// Two lives of one leader must not write into one epoch: followers could not tell their records apart.
pub(crate) fn new_life_has_new_epochs() -> bool {
    !planted!("a new life keeps its leader epochs")
}

fn endpoint(endpoint: &ListenerEndpoint) -> Endpoint {
    Endpoint {
        listener: endpoint.listener.as_str().into(),
        host: endpoint.host.as_str().into(),
        port: endpoint.port,
        security_protocol: endpoint.security_protocol,
    }
}

fn fence(image: &mut MetadataImage, id: NodeId, epoch: Offset, fenced: bool, in_controlled_shutdown: bool) {
    let Some(broker) = image.broker(id).filter(|broker| broker.epoch == epoch) else { return };
    let changed = BrokerImage { fenced, in_controlled_shutdown, ..BrokerImage::clone(broker) };
    image.put_broker(changed);
}

fn create_topic(image: &mut MetadataImage, name: &str, id: Uuid) {
    image.put_topic(TopicImage { name: name.into(), id, partitions: Vec::new(), configs: Arc::default() });
}

fn put_partition(image: &mut MetadataImage, record: &Partition) {
    let (Some(topic), Ok(index)) = (image.topic_mut(Uuid(record.topic_id)), usize::try_from(record.partition)) else {
        return;
    };
    let partition = Arc::new(partition_image(record));
    let next = topic.partitions.len();
    match topic.partitions.get_mut(index) {
        Some(known) => *known = partition,
        None if index == next => topic.partitions.push(partition),
        None => {}
    }
}

/// The image of a partition as its record says it.
pub fn partition_image(record: &Partition) -> PartitionImage {
    PartitionImage {
        replicas: record.replicas.clone(),
        directories: record.directories.iter().copied().map(Uuid).collect(),
        isr: record.isr.clone(),
        eligible_leaders: record.eligible_leaders.clone(),
        last_known_eligible_leaders: record.last_known_eligible_leaders.clone(),
        adding: record.adding.clone(),
        removing: record.removing.clone(),
        leader: record.leader,
        leader_epoch: record.leader_epoch,
        partition_epoch: record.partition_epoch,
    }
}

fn config_resource(image: &MetadataImage, resource: &Resource) -> Option<ConfigResource> {
    Some(match resource {
        Resource::Topic(id) => ConfigResource::Topic(image.topic_by_id(Uuid(*id))?.name.to_string()),
        Resource::Broker(id) => ConfigResource::Broker(*id),
        Resource::AllBrokers => ConfigResource::AllBrokers,
        Resource::Group(name) => ConfigResource::Group(name.clone()),
        Resource::ClientMetrics(name) => ConfigResource::ClientMetrics(name.clone()),
    })
}
