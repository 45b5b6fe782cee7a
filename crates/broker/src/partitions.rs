//! The partitions hosted on this broker, by topic.

use crate::partition::Partition;
use model::config::TopicConfig;
use model::{ErrorCode, PartitionId, Uuid};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

/// All hosted topics. Lookups take a read lock for a moment; changes come from the lifecycle alone.
#[derive(Debug, Default)]
pub struct Partitions {
    topics: RwLock<Topics>,
    /// A topic was put in that lacks a log, since it was last asked which ones do.
    lack_logs: AtomicBool,
}

#[derive(Debug, Default)]
struct Topics {
    by_name: BTreeMap<Arc<str>, Arc<HostedTopic>>,
    by_id: BTreeMap<Uuid, Arc<HostedTopic>>,
}

/// One topic and its partitions on this broker, which may be none. Replaced as a whole when it changes.
#[derive(Clone, Debug)]
pub struct HostedTopic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id.
    pub id: Uuid,
    /// Its effective config.
    pub config: Arc<TopicConfig>,
    /// How many partitions it has, here or elsewhere.
    pub count: usize,
    /// Its partitions here.
    pub partitions: BTreeMap<PartitionId, Hosted>,
}

/// One partition's place.
#[derive(Clone, Debug)]
pub enum Hosted {
    /// It serves.
    Online(Arc<Partition>),
    /// Its log could not be opened; why.
    Offline(Arc<str>),
    /// Its log could not be made yet; why. There was nothing in it.
    NotMade(Arc<str>),
}

impl HostedTopic {
    /// Its partitions that have a log.
    pub fn online(&self) -> impl Iterator<Item = &Arc<Partition>> {
        self.partitions.values().filter_map(|hosted| match hosted {
            Hosted::Online(partition) => Some(partition),
            Hosted::Offline(_) | Hosted::NotMade(_) => None,
        })
    }

    /// Whether the log of some partition could not be made yet.
    fn lacks_logs(&self) -> bool {
        self.partitions.values().any(|hosted| matches!(hosted, Hosted::NotMade(_)))
    }

    /// One of its partitions.
    ///
    /// # Errors
    /// `UNKNOWN_TOPIC_OR_PARTITION`, `NOT_LEADER_OR_FOLLOWER` when only others have it, or `KAFKA_STORAGE_ERROR` when its
    /// log or directory has failed.
    pub fn partition(&self, partition: PartitionId) -> Result<&Arc<Partition>, ErrorCode> {
        let is_elsewhere = usize::try_from(partition).is_ok_and(|number| number < self.count);
        match self.partitions.get(&partition) {
            Some(Hosted::Online(partition)) if !partition.is_offline() => Ok(partition),
            Some(_) => Err(ErrorCode::KafkaStorageError),
            None if is_elsewhere => Err(ErrorCode::NotLeaderOrFollower),
            None => Err(ErrorCode::UnknownTopicOrPartition),
        }
    }
}

impl Partitions {
    /// The topic of this name.
    pub fn topic(&self, name: &str) -> Option<Arc<HostedTopic>> {
        self.topics.read().expect("no panic inside").by_name.get(name).cloned()
    }

    /// The topic of this id.
    pub fn topic_by_id(&self, id: Uuid) -> Option<Arc<HostedTopic>> {
        self.topics.read().expect("no panic inside").by_id.get(&id).cloned()
    }

    /// All hosted topics, by name.
    pub fn topics(&self) -> Vec<Arc<HostedTopic>> {
        self.topics.read().expect("no panic inside").by_name.values().cloned().collect()
    }

    /// One partition by its topic's name.
    ///
    /// # Errors
    /// As [`HostedTopic::partition`].
    pub fn partition(&self, topic: &str, partition: PartitionId) -> Result<Arc<Partition>, ErrorCode> {
        let topic = self.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        topic.partition(partition).cloned()
    }

    /// Whether the log of some partition may be missing still.
    pub(crate) fn lack_logs(&self) -> bool {
        self.lack_logs.load(Ordering::Acquire)
    }

    /// The topics that lack a log. Whoever takes them puts them in again.
    pub(crate) fn take_without_logs(&self) -> Vec<Arc<HostedTopic>> {
        if !self.lack_logs.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        let topics = self.topics();
        topics.into_iter().filter(|topic| topic.lacks_logs()).collect()
    }

    /// Puts a topic in, over what had its name.
    pub(crate) fn put(&self, topic: HostedTopic) {
        if topic.lacks_logs() {
            self.lack_logs.store(true, Ordering::Release);
        }
        let topic = Arc::new(topic);
        let mut topics = self.topics.write().expect("no panic inside");
        if let Some(old) = topics.by_name.insert(topic.name.clone(), topic.clone()) {
            topics.by_id.remove(&old.id);
        }
        topics.by_id.insert(topic.id, topic);
    }

    /// Takes the topic of this id out.
    pub(crate) fn remove(&self, id: Uuid) -> Option<Arc<HostedTopic>> {
        let mut topics = self.topics.write().expect("no panic inside");
        let topic = topics.by_id.remove(&id)?;
        if topics.by_name.get(&topic.name).is_some_and(|named| named.id == id) {
            topics.by_name.remove(&topic.name);
        }
        Some(topic)
    }
}
