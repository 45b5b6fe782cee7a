//! Networks that go wrong.

use super::{Latency, Node};
use crate::half::network::LATENCY;
use crate::half::task::JoinHandle;
use crate::half::world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use crate::half::network::{Watcher, Written};

/// How the network behaves.
#[derive(Clone, Debug)]
pub struct Weather {
    /// What one way between two nodes takes, where nothing else is said.
    pub usual: Latency,
    /// How likely a segment is lost and sent again.
    pub loss: f64,
    /// Bytes a second that one way between two nodes carries, all connections together; none for no limit.
    pub bytes_per_second: Option<u64>,
    /// Bytes that a connection holds in one direction before its writer waits: half of them at each end.
    pub buffer_bytes: usize,
    /// The longest that a kernel waits before it sends again what was not acknowledged. After a cut of a while, traffic
    /// goes on up to this much later.
    pub longest_retransmission: Duration,
    /// How long a kernel sends again and again before it tells the program that the connection is dead.
    pub gives_up_after: Duration,
    ways: BTreeMap<(Node, Node), Latency>,
    bandwidths: BTreeMap<(Node, Node), u64>,
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
            longest_retransmission: Duration::from_secs(3),
            gives_up_after: Duration::from_secs(15 * 60), // Linux: 15 retransmissions, about 15 minutes
            ways: BTreeMap::new(),
            bandwidths: BTreeMap::new(),
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

    /// How long the way is taken by so many bytes.
    pub(in crate::half) fn transfer(&self, from: Node, to: Node, bytes: usize) -> Duration {
        let rate = self.bandwidths.get(&(from, to)).copied().or(self.bytes_per_second.filter(|_| from != to));
        rate.map_or(Duration::ZERO, |rate| {
            Duration::from_nanos((bytes as u64).saturating_mul(1_000_000_000) / rate.max(1))
        })
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
    world.retransmit();
}

/// Changes what holds everywhere: the usual latency, loss, bandwidth, buffers.
pub fn change(change: impl FnOnce(&mut Weather)) {
    with("weather changes", [0; 3], change);
}

/// Cuts the way from one node to another; not the way back.
pub fn cut(from: Node, to: Node) {
    with("way cut", [from.number(), to.number(), 0], |weather| _ = weather.cuts.insert((from, to)));
}

/// Heals it. What was held back is sent again.
pub fn heal(from: Node, to: Node) {
    with("way healed", [from.number(), to.number(), 0], |weather| _ = weather.cuts.remove(&(from, to)));
}

/// Heals every cut, and lets connections to all nodes be made again, at the usual speed.
pub fn heal_all() {
    with("all ways healed", [0; 3], |weather| {
        weather.cuts.clear();
        weather.hanging.clear();
        weather.refusing.clear();
        weather.ways.clear();
        weather.bandwidths.clear();
    });
}

/// Cuts and heals a way in turns, each turn between `shortest` and `longest`, until the handle is aborted; then it is as
/// it happens to be. To be called by the simulation itself.
///
/// # Panics
/// When a node calls it, whose death would end the flapping.
pub fn flap(from: Node, to: Node, shortest: Duration, longest: Duration) -> JoinHandle<()> {
    assert!(World::current().current_node().is_supervisor(), "only the simulation itself makes a way flap");
    crate::half::task::spawn("flapping way", async move {
        loop {
            for turn in [cut, heal] {
                turn(from, to);
                let lasts = World::current().network().dice.duration(shortest, longest);
                crate::half::time::sleep(lasts).await;
            }
        }
    })
}

/// What the way from one node to another takes from now on; none for the usual.
pub fn set_latency(from: Node, to: Node, latency: Option<Latency>) {
    with("way clogged", [from.number(), to.number(), 0], |weather| match latency {
        Some(latency) => _ = weather.ways.insert((from, to), latency),
        None => _ = weather.ways.remove(&(from, to)),
    });
}

/// Bytes a second that the way from one node to another carries; none for as many as everywhere.
pub fn set_bandwidth(from: Node, to: Node, bytes_per_second: Option<u64>) {
    with("way narrowed", [from.number(), to.number(), 0], |weather| match bytes_per_second {
        Some(rate) => _ = weather.bandwidths.insert((from, to), rate),
        None => _ = weather.bandwidths.remove(&(from, to)),
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

/// Resets every connection between two nodes, at both ends, as a box between them would.
pub fn reset(one: Node, other: Node) {
    let world = World::current();
    world.event(Node::SUPERVISOR, "connections reset", [one.number(), other.number(), 0]);
    world.reset_between(one, other);
}

/// Has `watcher` see all bytes that are written to connections, before they are sent, so that a fault can wait for what
/// they say. It may use all of the simulation's controls, also to kill the writer or cut its way; what it changes holds
/// for these bytes. There is one watcher; `None` takes it away.
pub fn watch(watcher: Option<Watcher>) {
    World::current().network().watcher = watcher;
}

/// How many segments were sent so far.
pub fn segments() -> u64 {
    World::current().network().segments
}
