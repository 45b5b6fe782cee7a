//! The shape of a world: its nodes and topics. Small sizes, so that segments roll, journals go round and numbers wrap
//! in every run.

use super::cluster;
use super::node::{self, NodeShape};
use super::topic::{self, TopicShape};
use crate::profile::Size;
use runtime::simulation::Stream;
use serde::{Deserialize, Serialize};

/// What there is before anything goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorldShape {
    /// Microseconds that one way over the network takes in good weather: at least, and usually at most.
    pub network_us: (u64, u64),
    /// The machines that brokers and controllers run on; the node at place `n` has the id `n + 1`.
    pub nodes: Vec<NodeShape>,
    /// The topics that are made first.
    pub topics: Vec<TopicShape>,
}

/// The stream of random numbers of one part of the plan.
pub fn stream(seed: u64, part: &str) -> Stream {
    Stream::new(seed, &format!("plan: {part}"))
}

impl WorldShape {
    /// The world of a seed.
    pub fn draw(seed: u64, size: Size) -> WorldShape {
        match size {
            Size::OneNode => WorldShape::one_node(seed),
            Size::Cluster => cluster::draw(seed, None),
            Size::Groups => match *stream(seed, "size").pick(&[1, 1, 3, 3, 3, 4, 5]) {
                1 => WorldShape::one_node(seed),
                nodes => cluster::draw(seed, Some(nodes)),
            },
            Size::Exactly { nodes, .. } => cluster::draw(seed, Some(nodes)),
        }
    }

    fn one_node(seed: u64) -> WorldShape {
        let mut dice = stream(seed, "world");
        let count = dice.between(2, 5);
        let topics = (0..count).map(|number| topic::draw(&mut dice, number, number + 1 == count)).collect();
        let sector_bytes = if dice.chance(0.5) { 512 } else { 4096 };
        let network_us = network(&mut dice);
        let sync_us = node::sync(&mut dice);
        let configs = node::configs(&mut dice, 1);
        let node = NodeShape { rack: None, votes: true, sector_bytes, sync_us, clock_ahead_ms: 0, configs };
        WorldShape { network_us, nodes: vec![node], topics }
    }

    /// Most disks have a snapshot of the metadata too, which could rot.
    pub fn take_snapshots(&mut self, seed: u64) {
        let mut dice = stream(seed, "snapshots");
        for node in self.nodes.iter_mut().filter(|_| dice.chance(0.7)) {
            node.configs.insert("metadata.log.max.record.bytes.between.snapshots".into(), "1000".into());
        }
    }

    /// Whether there is more than one node.
    pub fn is_cluster(&self) -> bool {
        self.nodes.len() > 1
    }
}

/// Draws how fast the network is.
pub fn network(dice: &mut Stream) -> (u64, u64) {
    *dice.pick(&[(20, 200), (100, 1000), (300, 3000)])
}
