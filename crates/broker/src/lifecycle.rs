//! Hosted partitions follow the metadata: made, changed and deleted as the image says.

use crate::broker::Broker;
use crate::found_logs::FoundLogs;
use crate::groups;
use crate::partition::{self, Command, News};
use crate::partitions::{Hosted, HostedTopic};
use crate::repair::closed_log;
use crate::topic_rules::log_config;
use model::config::{Layers, ServerConfig, TopicConfig};
use model::metadata_image::{ConfigResource, Configs, MetadataImage, TopicChange, TopicImage};
use model::{NodeId, Offset, PartitionId, TopicPartition, Uuid, mark, planted};
use replication::Terms;
use runtime::sync::watch;
use runtime::time::{Duration, Instant, sleep_until};
use std::sync::Arc;
use storage::{Log, LogDirectory, StorageFault};

static NOTHING: Configs = Configs::new();

/// Rest before logs that could not be made, on a full disk most likely, are tried again.
const RETRY: Duration = Duration::from_secs(1);

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

/// Applies every image after `before` to the partitions, one after the other, until the broker stops.
pub(crate) async fn follow(
    broker: Arc<Broker>,
    mut before: Arc<MetadataImage>,
    applied: watch::Sender<Offset>,
    mut stop: watch::Receiver<bool>,
) {
    let mut images = broker.metadata.images();
    images.mark_changed(); // there may be news since `before`
    let mut retry_at = Instant::now() + RETRY;
    loop {
        runtime::sync::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            changed = images.changed() => if changed.is_err() { return },
            () = sleep_until(retry_at), if broker.partitions.lack_logs() => {}
        }
        if Instant::now() >= retry_at {
            make_missing(&broker, &before).await;
            retry_at = Instant::now() + RETRY;
        }
        let after = images.borrow_and_update().clone();
        apply(&broker, &before, &after).await;
        broker.groups.show(groups::world(&broker.server_config, &after, broker.node_id));
        applied.send_replace(after.end_offset());
        before = after;
    }
}

/// Tries once more to make the logs that could not be made.
async fn make_missing(broker: &Arc<Broker>, image: &Arc<MetadataImage>) {
    for hosted in broker.partitions.take_without_logs() {
        if let Some(topic) = image.topic_by_id(hosted.id) {
            host(broker, image, topic, &mut FoundLogs::default()).await;
        }
    }
}

async fn apply(broker: &Arc<Broker>, before: &MetadataImage, after: &Arc<MetadataImage>) {
    for change in after.topic_changes_since(before) {
        match change {
            TopicChange::Deleted(topic) if is_same_topic(after, &topic) => {}
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
    if !after.same_brokers(before) {
        let topics = broker.partitions.topics();
        topics.iter().flat_map(|topic| topic.online()).for_each(|partition| partition.brokers_changed(after));
    }
}

/// A topic made again under its name is another one. The bug that forgets this keeps the records of the first.
fn is_same_topic(after: &MetadataImage, topic: &TopicImage) -> bool {
    after.topic(&topic.name).is_some() && planted!("a topic is known by its name")
}

fn namesake(broker: &Broker, image: &MetadataImage, topic: &TopicImage) -> Option<Arc<HostedTopic>> {
    broker.partitions.topic(&topic.name).filter(|_| is_same_topic(image, topic))
}

fn broker_configs(image: &MetadataImage, node_id: NodeId) -> [Option<Arc<Configs>>; 2] {
    [ConfigResource::Broker(node_id), ConfigResource::AllBrokers].map(|resource| image.configs(&resource).cloned())
}

/// Hosts a topic's partitions as the image has them, with the logs that were `found`.
pub(crate) async fn host(broker: &Arc<Broker>, image: &Arc<MetadataImage>, topic: &TopicImage, found: &mut FoundLogs) {
    let config = Arc::new(topic_config(&broker.server_config, image, broker.node_id, &topic.configs));
    let known = broker.partitions.topic_by_id(topic.id).or_else(|| namesake(broker, image, topic));
    let mut partitions = known.as_ref().map(|known| known.partitions.clone()).unwrap_or_default();
    for (number, partition) in topic.numbered_partitions() {
        let topic_partition = TopicPartition::new(topic.name.clone(), number);
        if !partition.replicas.contains(&broker.node_id) {
            if let Some(hosted) = partitions.remove(&number) {
                mark!("a replica moved away");
                remove(broker, &topic_partition, &hosted).await;
            }
            continue;
        }
        let news = News { image: partition.clone(), cluster: image.clone(), terms: terms(broker, &config) };
        match partitions.get(&number) {
            Some(Hosted::Online(hosted)) => update(hosted, topic, &config, known.as_deref(), news).await,
            Some(Hosted::NotMade(_)) => {
                let made = make(broker, topic, &config, number, news).await;
                if matches!(made, Hosted::Online(_)) {
                    mark!("a log that had no space is made");
                    tracing::info!("{topic_partition}: its log could be made now");
                }
                partitions.insert(number, made);
            }
            Some(Hosted::Offline(_)) => {
                if let Some(hosted) = begin_anew(broker, topic, &config, number, &news).await {
                    partitions.insert(number, hosted);
                }
            }
            None => {
                let hosted = start(broker, topic, &config, number, news, found).await;
                partitions.insert(number, hosted);
            }
        }
    }
    let count = topic.partitions.len();
    broker.partitions.put(HostedTopic { name: topic.name.clone(), id: topic.id, config, count, partitions });
}

fn terms(broker: &Broker, config: &TopicConfig) -> Terms {
    Terms {
        replica_lag_time_max: Duration::from_millis(broker.config.cluster.replication.lag_time_max_ms.unsigned_abs()),
        min_insync_replicas: i32::try_from(config.min_insync_replicas).unwrap_or(i32::MAX),
    }
}

async fn update(
    hosted: &Arc<partition::Partition>,
    topic: &TopicImage,
    config: &Arc<TopicConfig>,
    known: Option<&HostedTopic>,
    news: News,
) {
    if known.is_some_and(|known| known.config != *config) {
        let command = Command::SetConfig(Box::new(log_config(config, topic.is_internal())));
        let _ = hosted.send(command).await; // a partition that stops needs no config
    }
    let _ = hosted.send(Command::Follow(Box::new(news))).await; // nor news
}

async fn start(
    broker: &Arc<Broker>,
    topic: &TopicImage,
    config: &TopicConfig,
    number: PartitionId,
    news: News,
    found: &mut FoundLogs,
) -> Hosted {
    let topic_partition = TopicPartition::new(topic.name.clone(), number);
    let Some((directory, log)) = found.take(&topic_partition, topic.id).await else {
        let hosted = make(broker, topic, config, number, news).await;
        if let Hosted::NotMade(why) | Hosted::Offline(why) = &hosted {
            tracing::error!("{topic_partition}: no log could be made for it: {why}");
        }
        return hosted;
    };
    match log {
        Ok(mut log) => {
            // It was opened by the metadata of that moment, which may have been old.
            log.set_config(log_config(config, topic.is_internal()));
            Hosted::Online(serve(broker, topic, number, (directory, log), news).await)
        }
        Err(why) => {
            tracing::error!("{topic_partition}: offline: {why}");
            let hosted = begin_anew(broker, topic, config, number, &news).await;
            hosted.unwrap_or(Hosted::Offline(why))
        }
    }
}

/// A new log, which then is served.
async fn make(
    broker: &Arc<Broker>,
    topic: &TopicImage,
    config: &TopicConfig,
    number: PartitionId,
    news: News,
) -> Hosted {
    let topic_partition = TopicPartition::new(topic.name.clone(), number);
    match create(broker, &topic_partition, topic.id, log_config(config, topic.is_internal())).await {
        Ok(made) => Hosted::Online(serve(broker, topic, number, made, news).await),
        Err(fault @ (StorageFault::Corrupt { .. } | StorageFault::Exists(_))) => {
            Hosted::Offline(fault.to_string().into())
        }
        Err(fault) => Hosted::NotMade(fault.to_string().into()),
    }
}

async fn serve(
    broker: &Arc<Broker>,
    topic: &TopicImage,
    number: PartitionId,
    (directory, log): (usize, Log),
    news: News,
) -> Arc<partition::Partition> {
    let topic_partition = TopicPartition::new(topic.name.clone(), number);
    let partition = partition::spawn(topic_partition, topic.id, log, hosting(broker, directory));
    let _ = partition.send(Command::Follow(Box::new(news))).await; // it has only begun
    partition
}

/// A new log in the place of one that could not be opened, if another broker leads and nobody counts on the old one.
async fn begin_anew(
    broker: &Arc<Broker>,
    topic: &TopicImage,
    config: &TopicConfig,
    number: PartitionId,
    news: &News,
) -> Option<Hosted> {
    let topic_partition = TopicPartition::new(topic.name.clone(), number);
    if !closed_log::may_begin_anew(&news.image, broker.node_id)
        || !closed_log::set_aside(&broker.directories, &topic_partition).await
    {
        return None;
    }
    Some(make(broker, topic, config, number, news.clone()).await)
}

fn hosting(broker: &Broker, directory: usize) -> partition::Hosting {
    partition::Hosting {
        node_id: broker.node_id,
        directory,
        housekeeping: Duration::from_millis(broker.config.retention_check_interval_ms.unsigned_abs()),
        fetch_backoff: Duration::from_millis(broker.config.cluster.replication.backoff_ms.unsigned_abs()),
        started: broker.started,
        isr_changes: broker.isr_changes.clone(),
        fetchers: broker.fetchers.clone(),
        repairs: broker.repairs.clone(),
    }
}

/// A new log in the directory that holds the fewest partitions.
async fn create(
    broker: &Broker,
    topic_partition: &TopicPartition,
    topic_id: Uuid,
    config: storage::LogConfig,
) -> Result<(usize, Log), StorageFault> {
    let mut last = StorageFault::Failed("no log directory works".into());
    for at in broker.directories_by_load() {
        let journaled = config.wants_journal();
        match broker.directories[at].create(topic_partition.clone(), topic_id, config.clone(), journaled).await {
            Ok(log) => return Ok((at, log)),
            Err(fault) => last = fault,
        }
    }
    Err(last)
}

/// All partitions at the same time: each waits until the checkpoint of its directory is without it, and one write of that is
/// enough for all that wait.
async fn delete(broker: &Arc<Broker>, id: Uuid) {
    let Some(topic) = broker.partitions.remove(id) else { return };
    let mut removals = Vec::with_capacity(topic.partitions.len());
    for (number, hosted) in &topic.partitions {
        let (broker, hosted) = (broker.clone(), hosted.clone());
        let topic_partition = TopicPartition::new(topic.name.clone(), *number);
        let removal = async move { remove(&broker, &topic_partition, &hosted).await };
        removals.push(runtime::task::spawn("delete a partition", removal));
    }
    for removal in removals {
        if let Err(error) = removal.await {
            tracing::error!("{}: a partition may not be deleted: {error}", topic.name);
        }
    }
}

async fn remove(broker: &Broker, topic_partition: &TopicPartition, hosted: &Hosted) {
    let deleted = match hosted {
        Hosted::Online(partition) => match partition.ask(Command::Close).await {
            Ok(log) => broker.directories[partition.directory].delete(log).await,
            Err(_) => return, // its directory has failed
        },
        Hosted::NotMade(_) => return,
        Hosted::Offline(_) => delete_failed(&broker.directories, topic_partition).await,
    };
    match deleted {
        Ok(()) => tracing::info!("{topic_partition}: deleted"),
        Err(fault) => tracing::error!("{topic_partition}: cannot be deleted: {fault}"),
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
