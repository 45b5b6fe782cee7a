//! The brokers of a random cluster, and what is on their disks. What was committed is counted, and how much of it each
//! replica has; so every claim that the controller believes in can be held against the truth.

use crate::cluster::{CLUSTER, Cluster, error};
use controller::{Founding, Reply, Request};
use model::metadata_image::{MetadataImage, PartitionImage};
use model::{ErrorCode, NodeId, Offset, PartitionId, Uuid};
use protocol::messages::alter_partition::{AlterPartitionRequest, BrokerState, PartitionData, TopicData};
use protocol::messages::broker_heartbeat::BrokerHeartbeatRequest;
use protocol::messages::broker_registration::BrokerRegistrationRequest;
use std::collections::{BTreeMap, BTreeSet};

pub type Key = (Uuid, PartitionId);

/// One process, or its absence, and its disk.
#[derive(Clone, Debug, Default)]
pub struct Node {
    pub is_up: bool,
    /// The epoch under which this life is registered.
    pub epoch: Option<Offset>,
    pub directory: Uuid,
    pub stop_was_clean: bool,
    pub unusable: BTreeSet<Key>,
    /// Those that its disk has no space for.
    pub full: BTreeSet<Key>,
    /// It asked to stop.
    pub is_stopping: bool,
}

/// An ISR change on its way from a leader to the controller.
#[derive(Clone, Debug)]
pub struct Pending {
    pub key: Key,
    pub request: AlterPartitionRequest,
    /// The members with the epochs of their lives, as the leader saw them.
    pub members: Vec<(NodeId, Offset)>,
}

pub struct Nodes {
    pub cluster: Cluster,
    pub nodes: BTreeMap<NodeId, Node>,
    pub pending: Vec<Pending>,
    committed: BTreeMap<Key, u64>,
    has: BTreeMap<(Key, NodeId), u64>,
    directories: u64,
    /// The image that was checked last.
    pub checked: MetadataImage,
}

impl Nodes {
    /// This many brokers, all of them up.
    pub fn of(count: i32, founding: Founding) -> Nodes {
        let mut cluster = Cluster::empty(&[]);
        cluster.ask(Request::Found(Founding { cluster_id: CLUSTER.to_owned(), ..founding }));
        let mut all = Nodes {
            cluster,
            nodes: BTreeMap::new(),
            pending: Vec::new(),
            committed: BTreeMap::new(),
            has: BTreeMap::new(),
            directories: 0,
            checked: MetadataImage::default(),
        };
        for id in 1..=count {
            all.nodes.insert(id, Node { stop_was_clean: true, ..Node::default() });
            all.wipe(id);
            all.start(id);
            all.register(id);
            all.beat(id, 0);
        }
        all
    }

    pub fn image(&self) -> MetadataImage {
        self.cluster.image().clone()
    }

    /// Every partition there is.
    pub fn keys(&self) -> Vec<Key> {
        let topics = self.cluster.image().topics();
        topics.flat_map(|topic| topic.numbered_partitions().map(|(number, _)| (topic.id, number))).collect()
    }

    pub fn partition(&self, key: Key) -> Option<PartitionImage> {
        self.cluster.image().topic_by_id(key.0)?.partition(key.1).map(|partition| PartitionImage::clone(partition))
    }

    /// How much was committed, and how much of it a replica has.
    pub fn committed(&self, key: Key) -> u64 {
        self.committed.get(&key).copied().unwrap_or(0)
    }

    pub fn has(&self, key: Key, node: NodeId) -> u64 {
        self.has.get(&(key, node)).copied().unwrap_or(0)
    }

    /// Whether the life that runs is the one that the metadata has.
    pub fn is_registered(&self, id: NodeId) -> bool {
        let node = &self.nodes[&id];
        let known = self.cluster.image().broker(id).map(|broker| broker.epoch);
        node.is_up && node.epoch.is_some() && node.epoch == known
    }

    pub fn start(&mut self, id: NodeId) {
        let node = self.nodes.get_mut(&id).expect("a node");
        node.is_up = true;
        node.epoch = None;
        node.is_stopping = false;
        node.full.clear(); // it has not tried yet
    }

    pub fn register(&mut self, id: NodeId) -> ErrorCode {
        let node = self.nodes[&id].clone();
        let life = self.cluster.next_life(id);
        let request = BrokerRegistrationRequest { log_dirs: vec![node.directory], ..life };
        let answer = self.cluster.register_after(request, node.stop_was_clean, node.unusable.into_iter().collect());
        if answer.error_code == 0 {
            let node = self.nodes.get_mut(&id).expect("a node");
            node.epoch = Some(answer.broker_epoch);
        }
        error(answer.error_code)
    }

    /// A heartbeat of a broker that has folded all but the last `behind` entries.
    pub fn beat(&mut self, id: NodeId, behind: Offset) {
        let node = self.nodes[&id].clone();
        let Some(epoch) = node.epoch.filter(|_| node.is_up) else { return };
        let current_metadata_offset = self.cluster.image().end_offset() - 1 - behind;
        let was_unfenced = self.cluster.image().is_unfenced(id);
        let request = BrokerHeartbeatRequest {
            broker_id: id,
            broker_epoch: epoch,
            current_metadata_offset,
            want_shut_down: node.is_stopping,
            ..Default::default()
        };
        let (unusable, full) = (node.unusable.into_iter().collect(), node.full.into_iter().collect());
        let answer = self.cluster.beat_telling(request, unusable, full);
        let knows_itself = current_metadata_offset >= epoch;
        assert!(
            answer.is_fenced || was_unfenced || knows_itself,
            "broker {id} may lead before it knows that it is one"
        );
        if answer.should_shut_down {
            self.stop(id, true);
        }
    }

    /// The process ends. What it wrote stays in the page cache.
    pub fn stop(&mut self, id: NodeId, clean: bool) {
        let node = self.nodes.get_mut(&id).expect("a node");
        node.is_up = false;
        node.epoch = None;
        node.stop_was_clean = clean;
    }

    /// The process ends and its page cache goes: what is not journaled loses its end.
    pub fn lose_power(&mut self, id: NodeId, kept: impl Fn(u64) -> u64) {
        if self.nodes[&id].is_up {
            self.stop(id, false);
        }
        let node = self.nodes.get_mut(&id).expect("a node");
        if node.stop_was_clean {
            return; // all of it was written down
        }
        let image = self.cluster.image();
        for ((key, node), has) in &mut self.has {
            if *node == id && !image.topic_by_id(key.0).is_none_or(is_journaled) {
                *has = kept(*has).min(*has);
            }
        }
    }

    /// Its disk is replaced by an empty one.
    pub fn wipe(&mut self, id: NodeId) {
        self.directories += 1;
        let node = self.nodes.get_mut(&id).expect("a node");
        node.directory = Uuid(((0x80 << 120) | u128::from(self.directories)).to_be_bytes());
        node.unusable.clear();
        self.has.retain(|(_, node), _| *node != id);
    }

    /// Whether a replica can be read.
    fn serves(&self, id: NodeId, key: Key) -> bool {
        self.is_registered(id) && !self.nodes[&id].unusable.contains(&key)
    }

    /// Everyone who must have a record gets one more, if they are all there.
    pub fn write(&mut self, key: Key) {
        let Some(partition) = self.partition(key) else { return };
        let minimum = self.minimum(key).min(partition.replicas.len());
        let Some(leader) = partition.leader else { return };
        let mut members: BTreeSet<NodeId> = partition.isr.iter().copied().collect();
        for pending in self.pending.iter().filter(|pending| pending.key == key && self.is_of(pending, &partition)) {
            let lives = |(id, epoch): &(NodeId, Offset)| self.nodes[id].epoch == Some(*epoch);
            if !pending.members.iter().all(lives) {
                return;
            }
            members.extend(pending.members.iter().map(|(id, _)| *id));
        }
        let serves = |id: &NodeId| self.serves(*id, key) && !self.nodes[id].full.contains(&key);
        if partition.isr.len() < minimum || !serves(&leader) || !members.iter().all(serves) {
            return;
        }
        let committed = self.committed(key) + 1;
        self.committed.insert(key, committed);
        for member in members {
            self.has.insert((key, member), committed);
        }
    }

    /// Whether a change is of the leader that leads now, and not yet answered.
    fn is_of(&self, pending: &Pending, partition: &PartitionImage) -> bool {
        pending.request.topics[0].partitions[0].leader_epoch == partition.leader_epoch
    }

    /// A follower fetches all that its leader has.
    pub fn catch_up(&mut self, key: Key, id: NodeId) -> bool {
        let Some(partition) = self.partition(key) else { return false };
        let Some(leader) = partition.leader.filter(|leader| *leader != id) else { return false };
        let takes_more = self.serves(id, key) && !self.nodes[&id].full.contains(&key);
        if !partition.replicas.contains(&id) || !self.serves(leader, key) || !takes_more {
            return false;
        }
        self.has.insert((key, id), self.has(key, leader));
        true
    }

    /// The leader of a partition asks for an ISR.
    pub fn ask_for_isr(&mut self, key: Key, isr: &[NodeId]) {
        let Some(partition) = self.partition(key) else { return };
        let Some(leader) = partition.leader.filter(|leader| self.is_registered(*leader)) else { return };
        let epoch = |id: &NodeId| self.cluster.image().broker(*id).map(|broker| (*id, broker.epoch));
        let members: Vec<(NodeId, Offset)> = isr.iter().filter_map(epoch).collect();
        let state = |(broker_id, broker_epoch): &(NodeId, Offset)| BrokerState {
            broker_id: *broker_id,
            broker_epoch: *broker_epoch,
            ..Default::default()
        };
        let data = PartitionData {
            partition_index: key.1,
            leader_epoch: partition.leader_epoch,
            partition_epoch: partition.partition_epoch,
            new_isr_with_epochs: members.iter().map(state).collect(),
            ..Default::default()
        };
        let topics = vec![TopicData { topic_id: key.0, partitions: vec![data], ..Default::default() }];
        let broker_epoch = self.nodes[&leader].epoch.expect("registered");
        let request = AlterPartitionRequest { broker_id: leader, broker_epoch, topics, ..Default::default() };
        self.pending.push(Pending { key, request, members });
    }

    /// An ISR change arrives.
    pub fn deliver(&mut self, pending: Pending) {
        let Reply::AlterPartition(_) = self.cluster.ask(Request::AlterPartition(pending.request)) else {
            panic!("another kind of reply");
        };
    }

    /// `min.insync.replicas` of a topic.
    pub fn minimum(&self, key: Key) -> usize {
        let topic = self.cluster.image().topic_by_id(key.0).expect("a topic");
        topic.configs.get("min.insync.replicas").map_or(1, |value| value.parse().expect("a number"))
    }

    /// Whoever leads now without having had a claim may lack records: they are not committed any more.
    pub fn give_up(&mut self, key: Key, leader: NodeId) {
        let left = self.has(key, leader);
        self.committed.insert(key, left);
        for ((other, _), has) in &mut self.has {
            if *other == key {
                *has = left.min(*has);
            }
        }
    }

    /// Replicas that are no more, and partitions that are no more, hold nothing.
    pub fn sweep(&mut self) {
        let image = self.cluster.image().clone();
        let partition = |key: &Key| image.topic_by_id(key.0).and_then(|topic| topic.partition(key.1).cloned());
        self.has.retain(|(key, node), _| partition(key).is_some_and(|known| known.replicas.contains(node)));
        self.committed.retain(|key, _| partition(key).is_some());
        for node in self.nodes.values_mut() {
            node.unusable.retain(|key| partition(key).is_some());
            node.full.retain(|key| partition(key).is_some());
        }
    }
}

/// Whether what the topic acknowledges is on stable storage.
pub fn is_journaled(topic: &std::sync::Arc<model::metadata_image::TopicImage>) -> bool {
    topic.configs.get("flush.messages").is_none_or(|value| value == "1")
}
