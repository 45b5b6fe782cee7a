//! The logs that a broker finds in its directories when it starts, until the metadata claims them.

use model::metadata_image::{MetadataImage, TopicImage};
use model::{NodeId, PartitionId, TopicPartition, Uuid, mark};
use std::collections::BTreeMap;
use std::sync::Arc;
use storage::{Log, LogDirectory, OpenedLog};

/// A log, or why it stays closed.
type Hosted = Result<Log, Arc<str>>;

/// What was found and not claimed yet. With each goes the place of its directory in the broker's list.
#[derive(Debug, Default)]
pub(crate) struct FoundLogs {
    by_id: BTreeMap<(Uuid, PartitionId), Found>,
    /// Logs whose directory does not say which topic they belong to.
    nameless: BTreeMap<TopicPartition, Found>,
    /// A directory was not closed by the last one to use it.
    unclean: bool,
    /// Logs that were in a directory, and of which nothing is left.
    lost: Vec<(Uuid, PartitionId)>,
}

#[derive(Debug)]
struct Found {
    at: usize,
    topic_partition: TopicPartition,
    /// The directory was closed by the last one to use it.
    clean: bool,
    /// What only its page cache had may be gone.
    may_lack: bool,
    log: Hosted,
}

impl FoundLogs {
    /// One more, in the `at`th directory.
    pub fn add(&mut self, at: usize, clean: bool, opened: OpenedLog) {
        let OpenedLog { topic_partition, topic_id, log, may_lack } = opened;
        let log = log.map_err(|failed| failed.to_string().into());
        let found = Found { at, topic_partition: topic_partition.clone(), clean, may_lack, log };
        if topic_id.is_zero() {
            self.nameless.insert(topic_partition, found);
        } else {
            self.by_id.insert((topic_id, topic_partition.partition), found);
        }
    }

    /// One more directory, and which logs it has lost.
    pub fn directory(&mut self, clean: bool, lost: Vec<(Uuid, PartitionId)>) {
        self.unclean |= !clean;
        self.lost.extend(lost);
    }

    /// Whether every directory was closed by the last one to use it.
    pub fn are_clean(&self) -> bool {
        !self.unclean
    }

    /// The replicas whose log stays closed or is lost, and those whose log is damaged where there are other replicas.
    pub fn unusable(&self, image: &MetadataImage) -> Vec<(Uuid, PartitionId)> {
        let has_peers = |(id, number): (Uuid, PartitionId)| {
            let partition = image.topic_by_id(id).and_then(|topic| topic.partition(number));
            partition.is_some_and(|partition| partition.replicas.len() > 1)
        };
        let is_unusable = |key: (Uuid, PartitionId), found: &Found| match &found.log {
            Ok(log) => !log.reader().damage().is_empty() && has_peers(key),
            Err(_) => true,
        };
        let unusable = self.by_id.iter().filter(|(key, found)| is_unusable(**key, found)).map(|(key, _)| *key);
        unusable.chain(self.lost.iter().copied()).collect()
    }

    /// The replicas that may lack what they acknowledged: the last one to use their directory did not close it, and
    /// their log was not journaled then, whatever the config wants now.
    pub fn unsynced(&self) -> Vec<(Uuid, PartitionId)> {
        let is_unsynced = |found: &Found| found.may_lack && found.log.is_ok();
        self.by_id.iter().filter(|(_, found)| is_unsynced(found)).map(|(key, _)| *key).collect()
    }

    /// The log of a partition, if there is one.
    pub async fn take(&mut self, topic_partition: &TopicPartition, id: Uuid) -> Option<(usize, Hosted)> {
        if let Some(found) = self.by_id.remove(&(id, topic_partition.partition)) {
            return Some((found.at, found.log));
        }
        let found = self.nameless.remove(topic_partition)?;
        let log = match found.log {
            Ok(log) => with_id(log, id).await,
            closed => closed,
        };
        Some((found.at, log))
    }

    /// The open logs that nobody took.
    pub fn unclaimed(self) -> Vec<(usize, Log)> {
        let found = self.by_id.into_values().chain(self.nameless.into_values());
        found.filter_map(|found| Some((found.at, found.log.ok()?))).collect()
    }

    /// Sets aside what the metadata does not give to this broker, also where it has a later topic of that name, or has
    /// moved the replica away. Metadata that is not `ours` is new, and proves nothing: it may have been lost, or Kafka
    /// may have left the logs. Then only what is in the way goes.
    pub async fn set_strays_aside(&mut self, image: &MetadataImage, ours: bool, me: NodeId, all: &[LogDirectory]) {
        let hosts = |topic: &TopicImage, number: PartitionId| {
            topic.partition(number).is_some_and(|partition| partition.replicas.contains(&me))
        };
        let is_mine = |(id, number): (Uuid, PartitionId)| image.topic_by_id(id).is_some_and(|it| hosts(it, number));
        let wanted = |found: &Found| image.topic(&found.topic_partition.topic).is_some();
        let may_be_adopted = |found: &Found| {
            let TopicPartition { topic, partition } = &found.topic_partition;
            found.may_be_adopted() && image.topic(topic).is_none_or(|topic| hosts(topic, *partition))
        };
        let (strays, by_id): (BTreeMap<_, _>, _) = std::mem::take(&mut self.by_id)
            .into_iter()
            .partition(|(key, found)| !is_mine(*key) && (ours || wanted(found)));
        let (nameless_strays, nameless): (BTreeMap<_, _>, _) = std::mem::take(&mut self.nameless)
            .into_iter()
            .partition(|(_, found)| !may_be_adopted(found) && (ours || wanted(found)));
        (self.by_id, self.nameless) = (by_id, nameless);
        for found in strays.into_values().chain(nameless_strays.into_values()) {
            mark!("stray log found at start");
            found.set_aside(all).await;
        }
        for found in self.by_id.values().filter(|found| !wanted(found)) {
            tracing::warn!("{}: the metadata has no such topic: left alone", found.topic_partition);
        }
    }
}

impl Found {
    /// A log without an id belongs to who has its name only after a clean stop, as brokers from before topic ids leave
    /// it. After a crash it is one whose making never came to the disk, so that nothing in it was promised to outlast
    /// a power failure; and it may be that of an earlier topic of this name.
    fn may_be_adopted(&self) -> bool {
        self.clean || self.log.is_err()
    }

    async fn set_aside(self, directories: &[LogDirectory]) {
        let Found { at, topic_partition, log, .. } = self;
        let moved = match log {
            Ok(log) => directories[at].set_aside(log).await,
            Err(_) => directories[at].set_failed_aside(&topic_partition).await,
        };
        match moved {
            Ok(to) => tracing::warn!("{topic_partition}: the metadata does not have this log here: it is in {to} now"),
            Err(fault) => tracing::error!("{topic_partition}: a stray log cannot be set aside: {fault}"),
        }
    }
}

async fn with_id(mut log: Log, id: Uuid) -> Hosted {
    match log.assign_topic_id(id).await {
        Ok(()) => Ok(log),
        Err(fault) => Err(fault.to_string().into()),
    }
}
