//! A cluster of machines in memory, under a seed: time, a network, disks, drivers, and invariants that are looked at after
//! every step. Stories play it by hand; [`seeds`] lets chance play.

pub mod chaos;
pub mod dice;
pub mod disk;
pub mod driver;
pub mod invariants;
pub mod network;
pub mod node;
pub mod seeds;
pub mod shape;
pub mod state;

use dice::Dice;
use disk::Disk;
use invariants::{Invariants, Violation};
use model::state_machine::Instant;
use model::{NodeId, Offset, Uuid};
use network::{Event, Network};
use node::{Node, Running};
use raft::{Config, Raft, Role};
use shape::Shape;
use state::State;
use std::fmt::Write;
use std::time::Duration;

#[derive(Debug)]
pub struct Cluster {
    pub shape: Shape,
    pub now: Instant,
    pub dice: Dice,
    pub nodes: Vec<Node>,
    pub network: Network,
    pub invariants: Invariants,
    /// The first thing that was found to be wrong by a call that cannot say so itself.
    wrong: Option<Violation>,
    /// Makes every proposal another one.
    proposals: u64,
    /// Things that happened so far.
    pub events: u64,
}

impl Cluster {
    /// Blank nodes that do not run yet.
    pub fn new(shape: Shape, seed: u64) -> Cluster {
        let mut dice = Dice::seeded(seed);
        let node = |id| {
            let (directory, disk) = (directory(&mut dice), Disk::default());
            Node { id, directory, disk, incarnation: 0, running: None, unsent_until: None, checked: 0 }
        };
        let nodes = (1..=shape.nodes()).map(node).collect();
        let network = Network::new(shape.weather);
        let (now, invariants) = (Instant::default(), Invariants::default());
        Cluster { shape, now, dice, nodes, network, invariants, wrong: None, proposals: 0, events: 0 }
    }

    /// The same, running.
    pub fn started(shape: Shape, seed: u64) -> Cluster {
        let mut cluster = Cluster::new(shape, seed);
        cluster.start_all();
        cluster
    }

    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize - 1]
    }

    pub fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id as usize - 1]
    }

    /// The machine of a node that runs.
    pub fn raft(&self, id: NodeId) -> &Raft {
        self.node(id).raft().expect("the node runs")
    }

    pub fn ids(&self) -> Vec<NodeId> {
        (1..=self.shape.nodes()).collect()
    }

    pub fn running(&self) -> Vec<NodeId> {
        self.nodes.iter().filter(|node| node.running.is_some()).map(|node| node.id).collect()
    }

    /// The node that serves as the leader of the newest epoch.
    pub fn serving(&self) -> Option<NodeId> {
        let serving = self.nodes.iter().filter(|node| node.serves());
        serving.max_by_key(|node| node.raft().map(Raft::epoch)).map(|node| node.id)
    }

    /// The node that leads the newest epoch, whether or not it may serve.
    pub fn leading(&self) -> Option<NodeId> {
        let leads = |node: &&Node| node.raft().is_some_and(|raft| raft.role() == Role::Leader);
        self.nodes.iter().filter(leads).max_by_key(|node| node.raft().map(Raft::epoch)).map(|node| node.id)
    }

    pub fn start_all(&mut self) {
        for id in self.ids() {
            self.start(id);
        }
    }

    /// Starts a node with what its disk holds.
    pub fn start(&mut self, id: NodeId) {
        if self.node(id).running.is_some() {
            return;
        }
        let (now, config) = (self.now, self.config(id));
        let nodes = self.nodes.len();
        let node = self.node_mut(id);
        node.incarnation += 1;
        let stored = node.disk.stored.clone();
        let state = stored.snapshot.as_ref().and_then(|snapshot| State::decode(&snapshot.state)).unwrap_or_default();
        node.running = Some(Running::started(Raft::new(config, now, stored), state, now, nodes));
        self.drive(id);
        for peer in self.running() {
            self.connect(id, peer);
        }
    }

    fn config(&mut self, id: NodeId) -> Config {
        let shape = &self.shape;
        Config {
            me: self.nodes[id as usize - 1].key(),
            endpoint: shape::endpoint(id),
            configured: shape.configured(),
            may_vote: shape.may_vote(id),
            election_timeout: shape.election_timeout,
            fetch_timeout: shape.fetch_timeout,
            heartbeat_interval: shape.heartbeat_interval,
            max_append_bytes: shape.max_append_bytes,
            snapshot_chunk_bytes: shape.snapshot_chunk_bytes,
            seed: self.dice.roll(),
        }
    }

    /// Both hear of their connection a moment later.
    pub fn connect(&mut self, one: NodeId, other: NodeId) {
        if one == other || self.network.is_cut(one, other) || self.network.is_cut(other, one) {
            return;
        }
        for (node, peer) in [(one, other), (other, one)] {
            let at = self.now + self.dice.micros(self.shape.weather.latency.0, self.shape.weather.latency.1);
            self.network.schedule(at, Event::Connected { node, peer });
        }
    }

    /// Ends a node's process; with the power, what its disk was writing is lost but for a first part.
    pub fn crash(&mut self, id: NodeId) {
        let now = self.now;
        let node = &mut self.nodes[id as usize - 1];
        if node.running.take().is_some() {
            node.disk.fail(&mut self.dice);
            node.checked = 0;
            if self.dice.chance(500) {
                node.unsent_until = Some(now);
            }
            self.check_stored(id);
        }
    }

    /// Others find that connects to that node are refused.
    pub fn refuse(&mut self, peer: NodeId) {
        for node in self.running() {
            let at = self.now + self.dice.millis(50, 120);
            self.network.schedule(at, Event::Refused { node, peer });
        }
    }

    /// A node that does not run loses its disk, and its directory with it.
    pub fn wipe(&mut self, id: NodeId) {
        let directory = directory(&mut self.dice);
        let node = self.node_mut(id);
        assert!(node.running.is_none(), "a node is stopped before it is wiped");
        (node.disk, node.directory, node.checked) = (Disk::default(), directory, 0);
    }

    /// Cuts a node off from all others, both ways.
    pub fn isolate(&mut self, id: NodeId) {
        for other in self.ids() {
            self.network.cut(id, other);
            self.network.cut(other, id);
        }
    }

    /// All links work again.
    pub fn mend(&mut self) {
        self.network.mend();
        self.connect_all();
    }

    /// The links of a node work again.
    pub fn mend_node(&mut self, id: NodeId) {
        self.network.mend_node(id);
        self.connect_all();
    }

    fn connect_all(&mut self) {
        let running = self.running();
        for one in &running {
            for other in running.iter().filter(|other| one < other) {
                self.connect(*one, *other);
            }
        }
    }

    /// Proposes something new, on a node that runs; its offset when it was taken.
    pub fn propose(&mut self, id: NodeId) -> Option<Offset> {
        self.proposals += 1;
        let data = self.proposals.to_le_bytes().repeat(1 + self.dice.below(8) as usize);
        self.act(id, |raft, now| raft.propose(now, data.into())).ok()
    }

    /// Lets time pass.
    pub fn run_for(&mut self, time: Duration) -> Result<(), Violation> {
        self.run_until(time, |_| false).map(|_| ())
    }

    /// Lets time pass until something is so; `false` when it never was.
    pub fn run_until(
        &mut self,
        at_most: Duration,
        mut so: impl FnMut(&mut Cluster) -> bool,
    ) -> Result<bool, Violation> {
        let end = self.now + at_most;
        loop {
            if let Some(wrong) = self.wrong.take() {
                return Err(wrong);
            }
            if so(self) {
                return Ok(true);
            }
            let Some((at, event)) = self.network.next(end) else { break };
            self.now = self.now.max(at);
            self.events += 1;
            self.happen(event);
        }
        self.now = end;
        Ok(false)
    }

    pub fn violated(&mut self, result: Result<(), Violation>) {
        if let Err(violation) = result {
            self.wrong.get_or_insert(violation);
        }
    }

    /// One line about every node.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        for node in &self.nodes {
            let Some(running) = &node.running else {
                let _ = write!(text, "[{} down] ", node.id);
                continue;
            };
            let (raft, key) = (&running.raft, node.key());
            let voters: Vec<_> =
                raft.voters().keys().map(|voter| (voter.id, self.node(voter.id).key() == voter)).collect();
            let _ = write!(
                text,
                "[{} {:?} epoch {} leader {:?} log {}..{} committed {} applied {} member {} voters {voters:?}] ",
                node.id,
                raft.role(),
                raft.epoch(),
                raft.leader(),
                raft.log_start_offset(),
                raft.log_end_offset(),
                raft.high_watermark(),
                running.state.end,
                raft.voters().contains(key),
            );
        }
        text
    }
}

fn directory(dice: &mut Dice) -> Uuid {
    Uuid::from_random_bits(dice.roll(), dice.roll())
}
