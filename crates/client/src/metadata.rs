//! What is known of the cluster: brokers, topics by name and by id, leaders with their epochs.

use model::{ErrorCode, LeaderEpoch, NodeId, PartitionId, TopicPartition, Uuid};
use protocol::messages::MetadataResponse;
use protocol::messages::metadata::{MetadataResponsePartition, MetadataResponseTopic};
use runtime::time::Instant;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which topics to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// Every topic.
    All,
    /// None: only the brokers.
    Brokers,
    /// These topics, by name.
    Topics(&'a [Arc<str>]),
}

/// What was known at one time. It may be wrong by now; brokers that are asked by it say so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterView {
    /// The cluster's id.
    pub cluster_id: Option<String>,
    /// The broker to send administration to; -1 when there is none.
    pub controller_id: NodeId,
    /// The brokers that are alive.
    pub brokers: BTreeMap<NodeId, BrokerView>,
    /// The topics asked for so far that exist.
    pub topics: BTreeMap<Arc<str>, Arc<TopicView>>,
    /// What was wrong with the topics asked for that have no view.
    pub missing: BTreeMap<Arc<str>, ErrorCode>,
}

/// One broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerView {
    /// Its name or address, without brackets.
    pub host: String,
    /// Its port.
    pub port: i32,
    /// Where it stands.
    pub rack: Option<String>,
}

impl BrokerView {
    /// `host:port`, with brackets around an IPv6 address.
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicView {
    /// Its name.
    pub name: Arc<str>,
    /// Its id; zero from a broker older than Kafka 2.8 (KIP-516).
    pub id: Uuid,
    /// Whether it is Kafka's own.
    pub is_internal: bool,
    /// Its partitions by number.
    pub partitions: Vec<PartitionView>,
    /// When it was learned.
    pub learned_at: Instant,
}

/// One partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionView {
    /// The leader; -1 when there is none.
    pub leader: NodeId,
    /// The leader's epoch; -1 when the broker does not tell.
    pub leader_epoch: LeaderEpoch,
    /// All replicas, the preferred leader first.
    pub replicas: Vec<NodeId>,
    /// Those in sync.
    pub in_sync: Vec<NodeId>,
    /// Those on brokers or disks that are away.
    pub offline: Vec<NodeId>,
}

/// Who leads a partition, by the word of a broker that does not (KIP-951).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeaderHint {
    pub of: TopicPartition,
    pub leader: NodeId,
    pub leader_epoch: LeaderEpoch,
}

/// Who leads a partition, and of which topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leader {
    /// The leading broker.
    pub node: NodeId,
    /// Its epoch; -1 when it is not known.
    pub epoch: LeaderEpoch,
    /// The topic's id; zero when it is not known.
    pub topic_id: Uuid,
}

impl ClusterView {
    /// The topic of an id.
    pub fn topic_by_id(&self, id: Uuid) -> Option<&Arc<TopicView>> {
        self.topics.values().find(|topic| topic.id == id && !id.is_zero())
    }

    /// The leader of a partition, if there is one and its broker is known.
    pub fn leader(&self, of: &TopicPartition) -> Option<Leader> {
        let topic = self.topics.get(&of.topic)?;
        let partition = topic.partitions.get(usize::try_from(of.partition).ok()?)?;
        self.brokers.contains_key(&partition.leader).then_some(Leader {
            node: partition.leader,
            epoch: partition.leader_epoch,
            topic_id: topic.id,
        })
    }

    /// How many partitions a topic has.
    pub fn partition_count(&self, topic: &str) -> Option<PartitionId> {
        self.topics.get(topic).map(|topic| topic.partitions.len() as PartitionId)
    }

    /// This view after what a broker said of leaders, and of where they are; none when nothing of it is news. Only a
    /// later epoch is, so nobody is sent back and forth between two brokers that each name the other.
    pub(crate) fn hinted(&self, hints: &[LeaderHint], brokers: &BTreeMap<NodeId, BrokerView>) -> Option<ClusterView> {
        let mut view = self.clone();
        let mut is_news = false;
        for hint in hints {
            let Some(broker) = brokers.get(&hint.leader).or_else(|| self.brokers.get(&hint.leader)) else { continue };
            let Some(topic) = view.topics.get_mut(&hint.of.topic) else { continue };
            let Ok(at) = usize::try_from(hint.of.partition) else { continue };
            if topic.partitions.get(at).is_none_or(|known| known.leader_epoch >= hint.leader_epoch) {
                continue;
            }
            let partition = &mut Arc::make_mut(topic).partitions[at];
            (partition.leader, partition.leader_epoch) = (hint.leader, hint.leader_epoch);
            view.brokers.insert(hint.leader, broker.clone());
            is_news = true;
        }
        is_news.then_some(view)
    }

    /// This view after an answer to `wanted`. A partition's leader epoch never goes back while its topic is the same:
    /// a broker that lags behind must not undo what is known (KIP-320).
    pub(crate) fn after(&self, wanted: Wanted<'_>, answer: &MetadataResponse, now: Instant) -> ClusterView {
        let mut view = ClusterView {
            cluster_id: answer.cluster_id.as_deref().map(str::to_owned).or_else(|| self.cluster_id.clone()),
            controller_id: answer.controller_id,
            brokers: answer.brokers.iter().map(|b| (b.node_id, broker(b))).collect(),
            topics: if wanted == Wanted::All { BTreeMap::new() } else { self.topics.clone() },
            missing: if wanted == Wanted::All { BTreeMap::new() } else { self.missing.clone() },
        };
        for topic in &answer.topics {
            let Some(name) = topic.name.as_deref().map(Arc::from) else { continue };
            let error = ErrorCode::from_wire(topic.error_code);
            if error.is_none() {
                view.missing.remove(&name);
                let learned = merged(self.topics.get(&name), topic, &name, now);
                view.topics.insert(name, Arc::new(learned));
            } else {
                view.topics.remove(&name);
                view.missing.insert(name, error);
            }
        }
        view
    }
}

fn broker(broker: &protocol::messages::metadata::MetadataResponseBroker) -> BrokerView {
    BrokerView { host: broker.host.to_string(), port: broker.port, rack: broker.rack.as_deref().map(str::to_owned) }
}

fn merged(known: Option<&Arc<TopicView>>, topic: &MetadataResponseTopic, name: &Arc<str>, now: Instant) -> TopicView {
    let known = known.filter(|known| known.id == topic.topic_id);
    let count = topic.partitions.iter().map(|p| p.partition_index.saturating_add(1)).max().unwrap_or(0);
    let nobody = PartitionView { leader: -1, leader_epoch: -1, ..PartitionView::default() };
    // A number without an entry is one with nobody to lead it; a made-up huge number must not cost memory.
    let count = usize::try_from(count).unwrap_or(0).min(topic.partitions.len());
    let mut partitions = vec![nobody; count];
    for learned in &topic.partitions {
        let Some(place) = usize::try_from(learned.partition_index).ok().and_then(|at| partitions.get_mut(at)) else {
            continue;
        };
        let before = known.and_then(|known| known.partitions.get(learned.partition_index as usize));
        *place = match before {
            Some(before) if before.leader_epoch > learned.leader_epoch && learned.leader_epoch >= 0 => {
                model::mark!("metadata with an older leader epoch ignored");
                before.clone()
            }
            _ => partition(learned),
        };
    }
    TopicView { name: name.clone(), id: topic.topic_id, is_internal: topic.is_internal, partitions, learned_at: now }
}

fn partition(partition: &MetadataResponsePartition) -> PartitionView {
    PartitionView {
        leader: partition.leader_id,
        leader_epoch: partition.leader_epoch,
        replicas: partition.replica_nodes.clone(),
        in_sync: partition.isr_nodes.clone(),
        offline: partition.offline_replicas.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::messages::metadata::MetadataResponseBroker;

    fn answer(id: u8, leader_id: i32, leader_epoch: i32) -> MetadataResponse {
        let partition = MetadataResponsePartition { leader_id, leader_epoch, ..Default::default() };
        let topic = MetadataResponseTopic {
            name: Some("t".into()),
            topic_id: Uuid([id; 16]),
            partitions: vec![partition],
            ..Default::default()
        };
        let broker = |node_id| MetadataResponseBroker { node_id, host: "h".into(), port: 9, ..Default::default() };
        MetadataResponse { brokers: vec![broker(1), broker(2)], topics: vec![topic], ..Default::default() }
    }

    fn leader(view: &ClusterView) -> Option<(i32, i32)> {
        view.leader(&TopicPartition::new("t", 0)).map(|leader| (leader.node, leader.epoch))
    }

    #[test]
    fn a_lagging_broker_does_not_undo_a_leader_epoch() {
        let now = Instant::now();
        let view = ClusterView::default().after(Wanted::All, &answer(1, 1, 5), now);
        assert_eq!(leader(&view), Some((1, 5)));
        assert_eq!(leader(&view.after(Wanted::Brokers, &answer(1, 2, 4), now)), Some((1, 5)));
        assert_eq!(leader(&view.after(Wanted::All, &answer(1, 2, 6), now)), Some((2, 6)));
        assert_eq!(leader(&view.after(Wanted::All, &answer(2, 2, 0), now)), Some((2, 0)), "the topic was made anew");
    }

    #[test]
    fn a_hint_counts_when_its_epoch_is_later_and_its_leader_can_be_found() {
        let view = ClusterView::default().after(Wanted::All, &answer(1, 1, 5), Instant::now());
        let hint = |node, leader_epoch| LeaderHint { of: TopicPartition::new("t", 0), leader: node, leader_epoch };
        let brokers = BTreeMap::from([(9, BrokerView { host: "new".to_owned(), port: 1, rack: None })]);
        for stale in [hint(2, 5), hint(2, 4), hint(7, 6), hint(-1, 6)] {
            assert_eq!(view.hinted(&[stale], &brokers), None);
        }
        let elsewhere = LeaderHint { of: TopicPartition::new("u", 0), leader: 2, leader_epoch: 9 };
        assert_eq!(view.hinted(&[elsewhere], &brokers), None);
        assert_eq!(leader(&view.hinted(&[hint(2, 6)], &brokers).unwrap()), Some((2, 6)));
        let moved = view.hinted(&[hint(9, 7)], &brokers).unwrap();
        assert_eq!((leader(&moved), moved.brokers[&9].address().as_str()), (Some((9, 7)), "new:1"));
    }

    #[test]
    fn a_topic_that_is_gone_leaves_its_error() {
        let now = Instant::now();
        let view = ClusterView::default().after(Wanted::All, &answer(1, 1, 5), now);
        let mut gone = answer(1, 1, 5);
        gone.topics[0].error_code = ErrorCode::UnknownTopicOrPartition.code();
        let view = view.after(Wanted::Topics(&["t".into()]), &gone, now);
        assert_eq!((leader(&view), view.missing.get("t")), (None, Some(&ErrorCode::UnknownTopicOrPartition)));
    }

    #[test]
    fn a_leader_whose_broker_is_not_known_is_no_leader() {
        let view = ClusterView::default().after(Wanted::All, &answer(1, 7, 0), Instant::now());
        assert_eq!(leader(&view), None);
    }
}
