//! Networks that go wrong.

use super::{Latency, Node};
use crate::half::net::LATENCY;
use crate::half::world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How the network behaves.
#[derive(Clone, Debug)]
pub struct Weather {
    /// What one way between two nodes takes, where nothing else is said.
    pub usual: Latency,
    /// How likely a segment is lost and sent again.
    pub loss: f64,
    /// Bytes a second; none for no limit.
    pub bytes_per_second: Option<u64>,
    /// Bytes that a connection holds in one direction before its writer waits.
    pub buffer_bytes: usize,
    ways: BTreeMap<(Node, Node), Latency>,
    cuts: BTreeSet<(Node, Node)>,
    hanging: BTreeSet<Node>,
    refusing: BTreeSet<Node>,
}

impl Default for Weather {
    fn default() -> Self {
        Weather {
            usual: LATENCY,
            loss: 0.0,
            bytes_per_second: None,
            buffer_bytes: 64 << 10,
            ways: BTreeMap::new(),
            cuts: BTreeSet::new(),
            hanging: BTreeSet::new(),
            refusing: BTreeSet::new(),
        }
    }
}

impl Weather {
    pub(in crate::half) fn latency(&self, from: Node, to: Node) -> Latency {
        if from == to {
            return Latency::between(Duration::from_micros(5), Duration::from_micros(50));
        }
        self.ways.get(&(from, to)).copied().unwrap_or(self.usual)
    }

    pub(in crate::half) fn transfer(&self, bytes: usize) -> Duration {
        let rate = self.bytes_per_second.unwrap_or(u64::MAX);
        Duration::from_nanos((bytes as u64).saturating_mul(1_000_000_000) / rate.max(1))
    }

    pub(in crate::half) fn is_cut(&self, from: Node, to: Node) -> bool {
        self.cuts.contains(&(from, to))
    }

    pub(in crate::half) fn hangs(&self, node: Node) -> bool {
        self.hanging.contains(&node)
    }

    pub(in crate::half) fn refuses(&self, node: Node) -> bool {
        self.refusing.contains(&node)
    }
}

fn with(kind: &'static str, values: [u64; 3], change: impl FnOnce(&mut Weather)) {
    let world = World::current();
    change(&mut world.network().weather);
    world.event(Node::SUPERVISOR, kind, values);
    world.release_held();
}

/// Changes what holds everywhere: the usual latency, loss, bandwidth, buffers.
pub fn change(change: impl FnOnce(&mut Weather)) {
    with("weather changes", [0; 3], change);
}

/// Cuts the way from one node to another; not the way back.
pub fn cut(from: Node, to: Node) {
    with("way cut", [from.number(), to.number(), 0], |weather| _ = weather.cuts.insert((from, to)));
}

/// Heals it. What was held back arrives, late.
pub fn heal(from: Node, to: Node) {
    with("way healed", [from.number(), to.number(), 0], |weather| _ = weather.cuts.remove(&(from, to)));
}

/// Heals every cut, and lets connections to all nodes be made again.
pub fn heal_all() {
    with("all ways healed", [0; 3], |weather| {
        weather.cuts.clear();
        weather.hanging.clear();
        weather.refusing.clear();
        weather.ways.clear();
    });
}

/// What the way from one node to another takes from now on; none for the usual.
pub fn set_latency(from: Node, to: Node, latency: Option<Latency>) {
    with("way clogged", [from.number(), to.number(), 0], |weather| match latency {
        Some(latency) => _ = weather.ways.insert((from, to), latency),
        None => _ = weather.ways.remove(&(from, to)),
    });
}

/// Whether SYNs to a node are lost.
pub fn hang(node: Node, hangs: bool) {
    with("syn lost", [node.number(), u64::from(hangs), 0], |weather| match hangs {
        true => _ = weather.hanging.insert(node),
        false => _ = weather.hanging.remove(&node),
    });
}

/// Whether a node refuses new connections.
pub fn refuse(node: Node, refuses: bool) {
    with("syn refused", [node.number(), u64::from(refuses), 0], |weather| match refuses {
        true => _ = weather.refusing.insert(node),
        false => _ = weather.refusing.remove(&node),
    });
}

/// Resets every connection between two nodes, at both ends.
pub fn reset(one: Node, other: Node) {
    let world = World::current();
    world.event(Node::SUPERVISOR, "connections reset", [one.number(), other.number(), 0]);
    world.reset_between(one, other);
}

/// How many segments were sent so far.
pub fn segments() -> u64 {
    World::current().network().segments
}
