//! What one client believes of who leads what, and its connections. Beliefs come from any node and may be old; whoever is
//! sent away forgets them and asks again. Where there is one node, there is nothing to ask.

use super::surroundings::Client;
use super::wire::Wire;
use crate::plan::Place;
use model::{LeaderEpoch, NodeId};
use protocol::messages::MetadataRequest;
use protocol::messages::metadata::MetadataRequestTopic;
use runtime::time::Duration;
use std::collections::BTreeMap;

const WITHIN: Duration = Duration::from_secs(2);

/// See the module's text.
pub struct Routes {
    client: Client,
    known: BTreeMap<Place, Known>,
    wires: BTreeMap<NodeId, Wire>,
}

/// What was told of a partition.
#[derive(Clone, Debug)]
struct Known {
    leader: NodeId,
    epoch: LeaderEpoch,
    replicas: Vec<NodeId>,
}

impl Routes {
    /// Nothing is known yet.
    pub fn new(client: Client) -> Routes {
        Routes { client, known: BTreeMap::new(), wires: BTreeMap::new() }
    }

    /// Who leads a partition, as far as is known or can be found out at once.
    pub async fn leader(&mut self, place: Place) -> Option<NodeId> {
        if !self.client.around.is_cluster() {
            return Some(self.client.around.only_node());
        }
        if !self.known.contains_key(&place) {
            self.ask(place).await;
        }
        self.known.get(&place).map(|known| known.leader)
    }

    /// The epoch in which a node is believed to lead a partition; none where it is not.
    pub fn leader_epoch(&self, place: Place, node: NodeId) -> Option<LeaderEpoch> {
        self.known.get(&place).filter(|known| known.leader == node && known.epoch >= 0).map(|known| known.epoch)
    }

    /// One of those that hold a partition, by its number in their order.
    pub async fn replica(&mut self, place: Place, number: u8) -> Option<NodeId> {
        let leader = self.leader(place).await?;
        let replicas = self.known.get(&place).map_or(&[][..], |known| &known.replicas);
        Some(replicas.get(usize::from(number) % replicas.len().max(1)).copied().unwrap_or(leader))
    }

    /// What was believed of a partition has proved wrong.
    pub fn forget(&mut self, place: Place) {
        self.known.remove(&place);
    }

    /// The connection to a node, new if there is none. After a vain attempt nothing is believed of the node any more.
    pub async fn wire(&mut self, node: NodeId) -> Option<&mut Wire> {
        if !self.wires.contains_key(&node) {
            match self.client.connect_to(node).await {
                Ok(wire) => drop(self.wires.insert(node, wire)),
                Err(_) => {
                    self.drop_wire(node);
                    self.client.back_off().await;
                }
            }
        }
        self.wires.get_mut(&node)
    }

    /// A connection of the caller's own to the leader of a partition.
    pub async fn connect_to_leader(&mut self, place: Place) -> Option<Wire> {
        let leader = self.leader(place).await?;
        match self.client.connect_to(leader).await {
            Ok(wire) => Some(wire),
            Err(_) => {
                self.drop_wire(leader);
                self.client.back_off().await;
                None
            }
        }
    }

    /// The connection to a node has failed; somebody else may lead by now.
    pub fn drop_wire(&mut self, node: NodeId) {
        self.wires.remove(&node);
        self.known.retain(|_, known| known.leader != node);
    }

    /// Asks any node who holds the partitions of a topic.
    async fn ask(&mut self, place: Place) {
        let topic = self.client.around.topics[usize::from(place.topic)].name.clone();
        let wanted = MetadataRequestTopic { name: Some(topic.as_str().into()), ..Default::default() };
        let request =
            MetadataRequest { topics: Some(vec![wanted]), allow_auto_topic_creation: false, ..Default::default() };
        let answer = match self.client.connect().await {
            Ok(mut wire) => wire.call(&request, 12, WITHIN).await,
            Err(failure) => Err(failure),
        };
        let told = answer.ok().and_then(|response| response.topics.into_iter().find(|topic| topic.error_code == 0));
        let partitions = told.into_iter().flat_map(|topic| topic.partitions);
        for partition in partitions.filter(|partition| partition.leader_id >= 0) {
            let place = Place { topic: place.topic, partition: partition.partition_index as u8 };
            let (leader, epoch) = (partition.leader_id, partition.leader_epoch);
            self.known.insert(place, Known { leader, epoch, replicas: partition.replica_nodes });
        }
        if !self.known.contains_key(&place) {
            self.client.back_off().await;
        }
    }
}
