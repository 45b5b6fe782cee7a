//! All machines of a run, and what can be seen of the cluster from outside of it.

use super::server_node::ServerNode;
use crate::clients::Chronicle;
use crate::plan::{NodePlace, Place, WorldShape};
use broker::Broker;
use jepsen_lite::history::Member;
use model::NodeId;
use model::metadata_image::{MetadataImage, PartitionImage};
use std::sync::Arc;

/// The machines, by place. Clones share them.
#[derive(Clone)]
pub struct Cluster {
    /// By place: the node at place `n` has the id `n + 1`.
    pub servers: Arc<Vec<ServerNode>>,
}

impl Cluster {
    /// Makes the machines. Nothing runs yet.
    pub fn create(world: &WorldShape, chronicle: &Chronicle) -> Cluster {
        let many = world.is_cluster();
        if many {
            let member = |(id, shape): (NodeId, &crate::plan::NodeShape)| Member {
                node: id,
                votes: shape.votes,
                rack: shape.rack.clone(),
            };
            chronicle.members((1..).zip(&world.nodes).map(member).collect());
        }
        let ids = (1..).zip(&world.nodes).map(|(id, _)| ServerNode::create(id, chronicle.clone(), many));
        Cluster { servers: Arc::new(ids.collect()) }
    }

    /// Starts what runs on them.
    pub fn start(&self, world: &WorldShape) {
        self.servers.iter().zip(&world.nodes).for_each(|(server, shape)| server.start(shape));
    }

    /// Where clients find them, by place.
    pub fn addresses(&self) -> Vec<String> {
        self.servers.iter().map(|server| format!("{}:9092", server.node.address())).collect()
    }

    /// Whether there is more than one.
    pub fn is_many(&self) -> bool {
        self.servers.len() > 1
    }

    /// The machine at a place.
    pub fn at(&self, place: NodePlace) -> &ServerNode {
        &self.servers[usize::from(place) % self.servers.len()]
    }

    /// The machine with this id.
    pub fn of(&self, id: NodeId) -> Option<&ServerNode> {
        usize::try_from(id - 1).ok().and_then(|place| self.servers.get(place))
    }

    /// The brokers that serve.
    pub fn brokers(&self) -> impl Iterator<Item = (&ServerNode, Arc<Broker>)> {
        self.servers.iter().filter_map(|server| Some((server, server.broker()?)))
    }

    /// The newest metadata that any broker has.
    pub fn image(&self) -> Option<Arc<MetadataImage>> {
        self.brokers().map(|(_, broker)| broker.metadata.image()).max_by_key(|image| image.end_offset())
    }

    /// The newest that any broker knows of a partition.
    pub fn partition(&self, topic: &str, place: Place) -> Option<Arc<PartitionImage>> {
        self.image()?.partition(topic, i32::from(place.partition)).cloned()
    }

    /// Who is the controller: the one that leads in the last epoch that any node knows.
    pub fn controller(&self) -> Option<NodeId> {
        let statuses = self.brokers().map(|(_, broker)| broker.metadata.status());
        statuses.filter(|status| status.leader.is_some()).max_by_key(|status| status.epoch)?.leader
    }
}
