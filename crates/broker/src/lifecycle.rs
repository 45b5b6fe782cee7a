//! Hosted partitions follow the metadata: made, changed and deleted as the image says.

use crate::broker::Broker;
use crate::found_logs::FoundLogs;
use crate::partition::{self, Command};
use crate::partitions::{Hosted, HostedTopic};
use crate::topic_rules::log_config;
use model::config::{Layers, ServerConfig, TopicConfig};
use model::metadata_image::{ConfigResource, Configs, MetadataImage, PartitionImage, TopicChange, TopicImage};
use model::{NodeId, Offset, PartitionId, TopicPartition, Uuid};
use runtime::sync::watch;
use runtime::time::Duration;
use std::sync::Arc;
use storage::{Log, LogDirectory, StorageFault};

static NOTHING: Configs = Configs::new();

/// The effective config of a topic on this node.
pub fn topic_config(server: &ServerConfig, image: &MetadataImage, node_id: NodeId, overrides: &Configs) -> TopicConfig {
    TopicConfig::resolve(&layers(server, image, node_id), overrides)
}

/// The layers of configs on this node.
pub fn layers<'a>(server: &'a ServerConfig, image: &'a MetadataImage, node_id: NodeId) -> Layers<'a> {
    let set = |resource: &ConfigResource| image.configs(resource).map_or(&NOTHING, |configs| &**configs);
    Layers {
        server,
        dynamic_broker: set(&ConfigResource::Broker(node_id)),
        dynamic_default: set(&ConfigResource::AllBrokers),
    }
}

/// Applies every image to the partitions, one after the other, until the broker stops.
pub(crate) async fn follow(broker: Arc<Broker>, applied: watch::Sender<Offset>, mut stop: watch::Receiver<bool>) {
    let mut images = broker.metadata.images();
    let mut before = images.borrow().clone();
    loop {
        runtime::sync::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            changed = images.changed() => if changed.is_err() { return },
        }
        let after = images.borrow_and_update().clone();
        apply(&broker, &before, &after).await;
        applied.send_replace(after.end_offset());
        before = after;
    }
}

async fn apply(broker: &Arc<Broker>, before: &MetadataImage, after: &MetadataImage) {
    for change in after.topic_changes_since(before) {
        match change {
            TopicChange::Deleted(topic) => delete(broker, topic.id).await,
            TopicChange::Created(topic) => host(broker, after, &topic, &mut FoundLogs::default()).await,
            TopicChange::Changed { after: topic, .. } => host(broker, after, &topic, &mut FoundLogs::default()).await,
        }
    }
    if broker_configs(before, broker.node_id) != broker_configs(after, broker.node_id) {
        broker.reconfigure(after);
        for topic in after.topics() {
            host(broker, after, topic, &mut FoundLogs::default()).await;
        }
    }
}

fn broker_configs(image: &MetadataImage, node_id: NodeId) -> [Option<Arc<Configs>>; 2] {
    [ConfigResource::Broker(node_id), ConfigResource::AllBrokers].map(|resource| image.configs(&resource).cloned())
}

/// Hosts a topic's partitions as the image has them, with the logs that were `found`.
pub(crate) async fn host(broker: &Arc<Broker>, image: &MetadataImage, topic: &TopicImage, found: &mut FoundLogs) {
    let config = Arc::new(topic_config(&broker.server_config, image, broker.node_id, &topic.configs));
    let known = broker.partitions.topic_by_id(topic.id);
    let mut partitions = known.as_ref().map(|known| known.partitions.clone()).unwrap_or_default();
    for (number, partition) in topic.numbered_partitions() {
        if !partition.replicas.contains(&broker.node_id) {
            continue;
        }
        match partitions.get(&number) {
            Some(Hosted::Online(hosted)) => update(hosted, topic, &config, known.as_deref(), partition).await,
            Some(Hosted::Offline(_)) => {}
            None => {
                let hosted = start(broker, topic, &config, number, partition, found).await;
                partitions.insert(number, hosted);
            }
        }
    }
    broker.partitions.put(HostedTopic { name: topic.name.clone(), id: topic.id, config, partitions });
}

async fn update(
    hosted: &Arc<partition::Partition>,
    topic: &TopicImage,
    config: &Arc<TopicConfig>,
    known: Option<&HostedTopic>,
    image: &PartitionImage,
) {
    if known.is_some_and(|known| known.config != *config) {
        let command = Command::SetConfig(Box::new(log_config(config, topic.is_internal())));
        let _ = hosted.send(command).await; // a partition that stops needs no config
    }
    if image.leader_epoch > hosted.leader_epoch() {
        let _ = hosted.send(Command::Lead(image.leader_epoch)).await;
    }
}

async fn start(
    broker: &Arc<Broker>,
    topic: &TopicImage,
    config: &TopicConfig,
    number: PartitionId,
    image: &PartitionImage,
    found: &mut FoundLogs,
) -> Hosted {
    let topic_partition = TopicPartition::new(topic.name.clone(), number);
    let log_config = log_config(config, topic.is_internal());
    let (directory, log) = match found.take(&topic_partition, topic.id).await {
        Some(found) => found,
        None => create(broker, &topic_partition, topic.id, log_config).await,
    };
    match log {
        Ok(log) => {
            let housekeeping = Duration::from_millis(broker.config.retention_check_interval_ms.unsigned_abs());
            let hosting = partition::Hosting { directory, leader_epoch: image.leader_epoch, housekeeping };
            Hosted::Online(partition::spawn(topic_partition, topic.id, log, hosting))
        }
        Err(why) => {
            tracing::error!("{topic_partition}: offline: {why}");
            Hosted::Offline(why)
        }
    }
}

/// A new log in the directory that holds the fewest partitions.
async fn create(
    broker: &Broker,
    topic_partition: &TopicPartition,
    topic_id: Uuid,
    config: storage::LogConfig,
) -> (usize, Result<Log, Arc<str>>) {
    let mut last: (usize, Result<Log, Arc<str>>) = (0, Err("no log directory works".into()));
    for at in broker.directories_by_load() {
        let journaled = config.wants_journal();
        match broker.directories[at].create(topic_partition.clone(), topic_id, config.clone(), journaled).await {
            Ok(log) => return (at, Ok(log)),
            Err(fault) => last = (at, Err(fault.to_string().into())),
        }
    }
    last
}

async fn delete(broker: &Broker, id: Uuid) {
    let Some(topic) = broker.partitions.remove(id) else { return };
    for (number, hosted) in &topic.partitions {
        let topic_partition = TopicPartition::new(topic.name.clone(), *number);
        let deleted = match hosted {
            Hosted::Online(partition) => match partition.ask(Command::Close).await {
                Ok(log) => broker.directories[partition.directory].delete(log).await,
                Err(_) => continue, // its directory has failed
            },
            Hosted::Offline(_) => delete_failed(&broker.directories, &topic_partition).await,
        };
        match deleted {
            Ok(()) => tracing::info!("{topic_partition}: deleted"),
            Err(fault) => tracing::error!("{topic_partition}: cannot be deleted: {fault}"),
        }
    }
}

/// Deletes what is left of a log that could not be opened, or the next topic of its name could not have one.
async fn delete_failed(directories: &[LogDirectory], topic_partition: &TopicPartition) -> Result<(), StorageFault> {
    for directory in directories {
        match directory.delete_failed(topic_partition).await {
            Err(fault) if fault.is_not_found() => {}
            deleted => deleted?,
        }
    }
    Ok(())
}
