//! What the cluster looks like at one point of the metadata log: brokers, topics, configs, ids given out.
//!
//! An image is data that never changes once published. A clone costs a few reference counts; whoever folds the log
//! changes its own copy, which copies the maps (not what they hold) and the one topic that changed. So two images can
//! be compared topic by topic by address: see [`MetadataImage::topic_changes_since`].

use crate::{LeaderEpoch, NodeId, Offset, PartitionId, ProducerId, Uuid};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// What was set on one resource: config names and values. What is not here has its default.
pub type Configs = BTreeMap<String, String>;

/// The topics that the brokers keep for themselves. Clients may read them and may not write them.
pub const INTERNAL_TOPICS: [&str; 3] = ["__consumer_offsets", "__share_group_state", "__transaction_state"];

/// The cluster's metadata, folded from the log up to [`MetadataImage::end_offset`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataImage {
    end_offset: Offset,
    cluster_id: Option<Arc<str>>,
    features: Arc<BTreeMap<Arc<str>, i16>>,
    brokers: Arc<BTreeMap<NodeId, Arc<BrokerImage>>>,
    topics: Arc<BTreeMap<Arc<str>, Arc<TopicImage>>>,
    topic_names: Arc<BTreeMap<Uuid, Arc<str>>>,
    configs: Arc<BTreeMap<ConfigResource, Arc<Configs>>>,
    next_producer_id: ProducerId,
}

/// One registered broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerImage {
    /// Its `node.id`.
    pub id: NodeId,
    /// The offset of its registration in the metadata log. A request that carries another one is from a past life.
    pub epoch: Offset,
    /// Drawn anew at every start of the process.
    pub incarnation: Uuid,
    /// Where it listens, in the order it said; the first is what clients are told who do not ask by listener.
    pub endpoints: Vec<Endpoint>,
    /// `broker.rack`.
    pub rack: Option<Arc<str>>,
    /// Its log directories. A replica in none of them is gone.
    pub directories: Vec<Uuid>,
    /// It may not lead: it has not caught up yet, or was not heard of for too long.
    pub fenced: bool,
    /// It asked for its leadership to be moved before it stops.
    pub in_controlled_shutdown: bool,
}

/// One listener of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The listener's name, such as `PLAINTEXT`.
    pub listener: Arc<str>,
    /// What clients connect to (`advertised.listeners`).
    pub host: Arc<str>,
    /// The port beside it.
    pub port: u16,
    /// Kafka's number: 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL.
    pub security_protocol: i16,
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicImage {
    /// Its name, which a later topic may have again.
    pub name: Arc<str>,
    /// Its id, which no other topic ever has (KIP-516).
    pub id: Uuid,
    /// Its partitions, from 0 on.
    pub partitions: Vec<Arc<PartitionImage>>,
    /// What was set on it. The same address as in an older image means that nothing changed.
    pub configs: Arc<Configs>,
}

/// One partition: who holds it and who leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionImage {
    /// The brokers that hold it; the first one is preferred as leader.
    pub replicas: Vec<NodeId>,
    /// The log directory of each replica, in the order of `replicas` (KIP-858); [`Uuid::ZERO`] where it is not known.
    pub directories: Vec<Uuid>,
    /// The replicas that have all that is committed.
    pub isr: Vec<NodeId>,
    /// Replicas that left the ISR when it was at its minimum, and still have all that is committed (KIP-966).
    pub eligible_leaders: Vec<NodeId>,
    /// The last ones known to have had it, for an operator to choose from (KIP-966).
    pub last_known_eligible_leaders: Vec<NodeId>,
    /// Replicas that a reassignment adds.
    pub adding: Vec<NodeId>,
    /// Replicas that a reassignment takes away.
    pub removing: Vec<NodeId>,
    /// Who leads; none while no replica may.
    pub leader: Option<NodeId>,
    /// Rises with every new leader and with every new incarnation of the leader.
    pub leader_epoch: LeaderEpoch,
    /// Rises with every change of this partition; an ISR change must name the present one (KIP-497).
    pub partition_epoch: i32,
}

/// Something that configs can be set on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfigResource {
    /// A topic, by name.
    Topic(String),
    /// One broker.
    Broker(NodeId),
    /// The default of all brokers: the broker with the empty name.
    AllBrokers,
    /// A group, which need not exist yet.
    Group(String),
    /// A subscription to client metrics (KIP-714).
    ClientMetrics(String),
}

/// How one topic differs between two images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicChange {
    /// It is not there any more. When a topic was made again under its name, this comes before that one's `Created`.
    Deleted(Arc<TopicImage>),
    /// It was not there before.
    Created(Arc<TopicImage>),
    /// The same topic, by id, with other partitions or configs.
    Changed {
        /// As it was.
        before: Arc<TopicImage>,
        /// As it is.
        after: Arc<TopicImage>,
    },
}

/// Whether `topic` is one that the brokers keep for themselves.
pub fn is_internal_topic(topic: &str) -> bool {
    INTERNAL_TOPICS.contains(&topic)
}

impl MetadataImage {
    /// The offset after the last record folded in; 0 before any.
    pub fn end_offset(&self) -> Offset {
        self.end_offset
    }

    /// The cluster's id; none before it was founded.
    pub fn cluster_id(&self) -> Option<&Arc<str>> {
        self.cluster_id.as_ref()
    }

    /// The level of a feature; 0 when it was never set.
    pub fn feature(&self, name: &str) -> i16 {
        self.features.get(name).copied().unwrap_or(0)
    }

    /// All features above level 0, by name.
    pub fn features(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, i16)> {
        self.features.iter().map(|(name, level)| (name, *level))
    }

    /// The broker with this id, fenced or not.
    pub fn broker(&self, id: NodeId) -> Option<&Arc<BrokerImage>> {
        self.brokers.get(&id)
    }

    /// All registered brokers by id, fenced ones too.
    pub fn brokers(&self) -> impl ExactSizeIterator<Item = &Arc<BrokerImage>> {
        self.brokers.values()
    }

    /// Whether the brokers are those of another image, by address: no record of a broker came between the two.
    pub fn same_brokers(&self, other: &MetadataImage) -> bool {
        Arc::ptr_eq(&self.brokers, &other.brokers)
    }

    /// Whether this broker is registered and may lead.
    pub fn is_unfenced(&self, id: NodeId) -> bool {
        self.brokers.get(&id).is_some_and(|broker| !broker.fenced)
    }

    /// The topic with this name.
    pub fn topic(&self, name: &str) -> Option<&Arc<TopicImage>> {
        self.topics.get(name)
    }

    /// The topic with this id.
    pub fn topic_by_id(&self, id: Uuid) -> Option<&Arc<TopicImage>> {
        self.topic_names.get(&id).and_then(|name| self.topics.get(name))
    }

    /// One partition by its topic's name.
    pub fn partition(&self, topic: &str, partition: PartitionId) -> Option<&Arc<PartitionImage>> {
        self.topic(topic).and_then(|topic| topic.partition(partition))
    }

    /// All topics by name.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = &Arc<TopicImage>> {
        self.topics.values()
    }

    /// The topics whose name is `name` or after it, by name.
    pub fn topics_from(&self, name: &str) -> impl Iterator<Item = &Arc<TopicImage>> {
        self.topics.range::<str, _>((Bound::Included(name), Bound::Unbounded)).map(|(_, topic)| topic)
    }

    /// What was set on a resource; nothing for one that does not exist.
    pub fn configs(&self, resource: &ConfigResource) -> Option<&Arc<Configs>> {
        match resource {
            ConfigResource::Topic(name) => self.topic(name).map(|topic| &topic.configs),
            other => self.configs.get(other),
        }
    }

    /// Every resource but topics on which something is set, in order.
    pub fn configured_resources(&self) -> impl ExactSizeIterator<Item = (&ConfigResource, &Arc<Configs>)> {
        self.configs.iter()
    }

    /// The first producer id that no broker was given yet.
    pub fn next_producer_id(&self) -> ProducerId {
        self.next_producer_id
    }

    /// How this image's topics differ from an older one's: deletions first, each group by name.
    pub fn topic_changes_since(&self, older: &MetadataImage) -> Vec<TopicChange> {
        if Arc::ptr_eq(&self.topics, &older.topics) {
            return Vec::new();
        }
        let gone = |topic: &&Arc<TopicImage>| !self.topic_names.contains_key(&topic.id);
        let mut changes: Vec<TopicChange> = older.topics().filter(gone).cloned().map(TopicChange::Deleted).collect();
        for after in self.topics() {
            match older.topic_by_id(after.id) {
                None => changes.push(TopicChange::Created(after.clone())),
                Some(before) if Arc::ptr_eq(before, after) => {}
                Some(before) => {
                    changes.push(TopicChange::Changed { before: before.clone(), after: after.clone() });
                }
            }
        }
        changes
    }
}

impl TopicImage {
    /// One partition.
    pub fn partition(&self, partition: PartitionId) -> Option<&Arc<PartitionImage>> {
        usize::try_from(partition).ok().and_then(|index| self.partitions.get(index))
    }

    /// The partitions with their numbers.
    pub fn numbered_partitions(&self) -> impl Iterator<Item = (PartitionId, &Arc<PartitionImage>)> {
        (0..).zip(&self.partitions)
    }

    /// Whether the brokers keep it for themselves.
    pub fn is_internal(&self) -> bool {
        is_internal_topic(&self.name)
    }
}

impl BrokerImage {
    /// Where it listens under this name, else its first endpoint.
    pub fn endpoint(&self, listener: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| &*endpoint.listener == listener).or_else(|| self.endpoints.first())
    }
}

impl PartitionImage {
    /// The directory of the replica on `broker`, when it has one there.
    pub fn directory_of(&self, broker: NodeId) -> Option<Uuid> {
        self.replicas.iter().position(|replica| *replica == broker).and_then(|at| self.directories.get(at).copied())
    }
}

impl ConfigResource {
    /// Kafka's number for this kind: 2 topic, 4 broker, 16 client metrics, 32 group.
    pub fn kind(&self) -> i8 {
        match self {
            ConfigResource::Topic(_) => 2,
            ConfigResource::Broker(_) | ConfigResource::AllBrokers => 4,
            ConfigResource::ClientMetrics(_) => 16,
            ConfigResource::Group(_) => 32,
        }
    }

    /// Its name on the wire; empty for all brokers.
    pub fn name(&self) -> String {
        match self {
            ConfigResource::Topic(name) | ConfigResource::Group(name) | ConfigResource::ClientMetrics(name) => {
                name.clone()
            }
            ConfigResource::Broker(id) => id.to_string(),
            ConfigResource::AllBrokers => String::new(),
        }
    }
}

/// Changes, for whoever folds the metadata log. Each is total: what cannot apply changes nothing.
impl MetadataImage {
    /// Everything before `end` is folded in.
    pub fn set_end_offset(&mut self, end: Offset) {
        self.end_offset = end;
    }

    /// The cluster is founded.
    pub fn set_cluster_id(&mut self, id: impl Into<Arc<str>>) {
        self.cluster_id = Some(id.into());
    }

    /// A feature's level; 0 takes it off.
    pub fn set_feature(&mut self, name: &str, level: i16) {
        let features = Arc::make_mut(&mut self.features);
        if level == 0 {
            features.remove(name);
        } else {
            features.insert(name.into(), level);
        }
    }

    /// Registers a broker, or replaces what is known of it.
    pub fn put_broker(&mut self, broker: BrokerImage) {
        Arc::make_mut(&mut self.brokers).insert(broker.id, Arc::new(broker));
    }

    /// Forgets a broker.
    pub fn remove_broker(&mut self, id: NodeId) {
        Arc::make_mut(&mut self.brokers).remove(&id);
    }

    /// Adds a topic, or replaces the one with its name.
    pub fn put_topic(&mut self, topic: TopicImage) {
        let names = Arc::make_mut(&mut self.topic_names);
        if let Some(old) = self.topics.get(&topic.name) {
            names.remove(&old.id);
        }
        names.insert(topic.id, topic.name.clone());
        Arc::make_mut(&mut self.topics).insert(topic.name.clone(), Arc::new(topic));
    }

    /// Takes a topic away, with its partitions and configs.
    pub fn remove_topic(&mut self, id: Uuid) {
        if let Some(name) = Arc::make_mut(&mut self.topic_names).remove(&id) {
            Arc::make_mut(&mut self.topics).remove(&name);
        }
    }

    /// The topic with this id, to be changed in place.
    pub fn topic_mut(&mut self, id: Uuid) -> Option<&mut TopicImage> {
        let name = self.topic_names.get(&id)?;
        Arc::make_mut(&mut self.topics).get_mut(name).map(Arc::make_mut)
    }

    /// Changes every partition for which `change` has something to say, copying no topic but those.
    pub fn change_partitions(&mut self, change: impl Fn(&PartitionImage) -> Option<PartitionImage>) {
        let mut changed = Vec::new();
        for topic in self.topics.values() {
            for (number, partition) in topic.numbered_partitions() {
                if let Some(after) = change(partition) {
                    changed.push((topic.id, number, after));
                }
            }
        }
        for (topic, number, after) in changed {
            if let (Some(topic), Ok(index)) = (self.topic_mut(topic), usize::try_from(number)) {
                topic.partitions[index] = Arc::new(after);
            }
        }
    }

    /// Sets a config, or returns it to its default.
    pub fn set_config(&mut self, resource: &ConfigResource, name: &str, value: Option<&str>) {
        let configs = match resource {
            ConfigResource::Topic(topic) => match self.topics.get(&**topic).map(|topic| topic.id) {
                Some(id) => self.topic_mut(id).map(|topic| Arc::make_mut(&mut topic.configs)),
                None => None,
            },
            other => Some(Arc::make_mut(Arc::make_mut(&mut self.configs).entry(other.clone()).or_default())),
        };
        let Some(configs) = configs else { return };
        match value {
            Some(value) => configs.insert(name.to_owned(), value.to_owned()),
            None => configs.remove(name),
        };
        if configs.is_empty() && !matches!(resource, ConfigResource::Topic(_)) {
            Arc::make_mut(&mut self.configs).remove(resource);
        }
    }

    /// Producer ids below `next` were given out.
    pub fn set_next_producer_id(&mut self, next: ProducerId) {
        self.next_producer_id = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str, id: u8) -> TopicImage {
        let partition = PartitionImage { replicas: vec![1], isr: vec![1], leader: Some(1), ..Default::default() };
        TopicImage {
            name: name.into(),
            id: Uuid([id; 16]),
            partitions: vec![Arc::new(partition)],
            configs: Arc::default(),
        }
    }

    #[test]
    fn a_published_image_does_not_change_when_its_successor_does() {
        let mut image = MetadataImage::default();
        image.put_topic(topic("a", 1));
        let published = image.clone();
        image.put_topic(topic("b", 2));
        image.set_config(&ConfigResource::Topic("a".into()), "retention.ms", Some("1"));
        assert_eq!(published.topics().len(), 1);
        assert!(published.topic("a").is_some_and(|topic| topic.configs.is_empty()));
        assert_eq!(image.topics().len(), 2);
        assert_eq!(image.topic("a").map(|topic| topic.configs["retention.ms"].as_str()), Some("1"));
    }

    #[test]
    fn changes_are_found_by_id_and_deletions_come_first() {
        let mut image = MetadataImage::default();
        for (name, id) in [("same", 1), ("again", 2), ("gone", 3), ("altered", 4)] {
            image.put_topic(topic(name, id));
        }
        let before = image.clone();
        image.remove_topic(Uuid([2; 16]));
        image.put_topic(topic("again", 5));
        image.remove_topic(Uuid([3; 16]));
        image.set_config(&ConfigResource::Topic("altered".into()), "flush.messages", Some("1"));
        let words: Vec<String> = image.topic_changes_since(&before).iter().map(describe).collect();
        assert_eq!(words, ["deleted again", "deleted gone", "created again", "changed altered"].map(String::from));
        assert_eq!(before.topic_changes_since(&before), []);
    }

    fn describe(change: &TopicChange) -> String {
        match change {
            TopicChange::Deleted(topic) => format!("deleted {}", topic.name),
            TopicChange::Created(topic) => format!("created {}", topic.name),
            TopicChange::Changed { after, .. } => format!("changed {}", after.name),
        }
    }

    #[test]
    fn a_name_given_again_leads_to_the_new_topic_only() {
        let mut image = MetadataImage::default();
        image.put_topic(topic("a", 1));
        image.put_topic(topic("a", 2));
        assert!(image.topic_by_id(Uuid([1; 16])).is_none());
        image.remove_topic(Uuid([1; 16]));
        assert!(image.topic("a").is_some_and(|topic| topic.id == Uuid([2; 16])));
    }

    #[test]
    fn changing_partitions_copies_only_the_topics_that_change() {
        let mut image = MetadataImage::default();
        image.put_topic(topic("led by 1", 1));
        let mut other = topic("led by 2", 2);
        other.partitions = vec![Arc::new(PartitionImage { leader: Some(2), ..Default::default() })];
        image.put_topic(other);
        let before = image.clone();
        image.change_partitions(|partition| {
            (partition.leader == Some(1))
                .then(|| PartitionImage { leader_epoch: partition.leader_epoch + 1, ..partition.clone() })
        });
        assert_eq!(image.topic_changes_since(&before).len(), 1);
        assert_eq!(image.partition("led by 1", 0).map(|partition| partition.leader_epoch), Some(1));
        assert_eq!(image.partition("led by 1", 1), None);
        assert_eq!(image.partition("led by 1", -1), None);
    }

    #[test]
    fn a_resource_with_nothing_set_is_not_listed() {
        let mut image = MetadataImage::default();
        image.set_config(&ConfigResource::Broker(1), "log.cleaner.backoff.ms", Some("5"));
        image.set_config(&ConfigResource::Topic("unknown".into()), "flush.ms", Some("5"));
        assert_eq!(image.configured_resources().len(), 1);
        image.set_config(&ConfigResource::Broker(1), "log.cleaner.backoff.ms", None);
        assert_eq!(image.configured_resources().len(), 0);
    }
}
