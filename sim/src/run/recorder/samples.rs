//! What nodes and replicas are, looked at every few milliseconds and noted when it has changed.

use crate::report::recording::{Known, NodeState, PartitionTrack, ReplicaState};
use crate::run::Cluster;
use model::NodeId;
use model::metadata_image::MetadataImage;
use std::collections::{BTreeMap, BTreeSet};

/// What was seen so far.
#[derive(Default)]
pub struct Samples {
    /// By time.
    pub states: Vec<NodeState>,
    /// By name.
    pub partitions: BTreeMap<String, PartitionTrack>,
    last: BTreeMap<NodeId, NodeState>,
}

impl Samples {
    /// Looks at everything.
    pub fn look(&mut self, at: u64, cluster: &Cluster) {
        let image = cluster.image();
        for server in cluster.servers.iter() {
            let status = server.broker().map(|broker| broker.metadata.status());
            let registered = image.as_ref().and_then(|image| image.broker(server.id));
            self.state(NodeState {
                at,
                node: server.id,
                serves: status.is_some(),
                controls: status.as_ref().is_some_and(|status| status.leads),
                quorum_epoch: status.as_ref().map_or(-1, |status| status.epoch),
                fenced: registered.is_none_or(|broker| broker.fenced),
            });
        }
        if let Some(image) = image {
            self.metadata(at, &image);
        }
        self.replicas(at, cluster);
    }

    fn state(&mut self, state: NodeState) {
        let before = self.last.get(&state.node);
        if before.is_none_or(|before| NodeState { at: state.at, ..before.clone() } != state) {
            self.last.insert(state.node, state.clone());
            self.states.push(state);
        }
    }

    fn metadata(&mut self, at: u64, image: &MetadataImage) {
        for topic in image.topics() {
            for (number, partition) in topic.partitions.iter().enumerate() {
                let (leader, leader_epoch) = (partition.leader, partition.leader_epoch);
                let (isr, replicas) = (partition.isr.clone(), partition.replicas.clone());
                let known = Known { at, leader, leader_epoch, isr, replicas };
                let track = self.partitions.entry(format!("{}-{number}", topic.name)).or_default();
                if track.known.last().is_none_or(|before| Known { at, ..before.clone() } != known) {
                    track.known.push(known);
                }
            }
        }
    }

    fn replicas(&mut self, at: u64, cluster: &Cluster) {
        let mut open = BTreeSet::new();
        for (server, broker) in cluster.brokers() {
            for topic in broker.partitions.topics() {
                for partition in topic.online() {
                    let bounds = partition.reader.bounds();
                    let state = ReplicaState {
                        at,
                        open: true,
                        leads: partition.leads(),
                        epoch: partition.leader_epoch(),
                        start: bounds.log_start_offset,
                        end: bounds.log_end_offset,
                        high_watermark: partition.high_watermark(),
                    };
                    let name = partition.topic_partition.to_string();
                    note(self.partitions.entry(name.clone()).or_default(), server.id, state);
                    open.insert((name, server.id));
                }
            }
        }
        for (name, track) in &mut self.partitions {
            for (node, states) in &mut track.replicas {
                let before =
                    states.last().copied().filter(|before| before.open && !open.contains(&(name.clone(), *node)));
                states.extend(before.map(|before| ReplicaState { at, open: false, ..before }));
            }
        }
    }
}

fn note(track: &mut PartitionTrack, node: NodeId, state: ReplicaState) {
    let states = track.replicas.entry(node).or_default();
    if states.last().is_none_or(|before| ReplicaState { at: state.at, ..*before } != state) {
        states.push(state);
    }
}
