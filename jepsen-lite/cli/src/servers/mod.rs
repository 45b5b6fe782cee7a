//! The cluster under test: processes on this machine that can be harmed, or addresses of servers that cannot.

mod clocks;
mod disks;
mod kafka;
mod network;
mod node;
mod ready;
mod shell;
mod thalweg;

pub use network::Party;
pub use node::Node;
pub use ready::wait_until_ready;

use crate::command_line::{Run, System, Trouble};
use anyhow::{Context, bail};
use clocks::WallClock;
use disks::Volume;
use model::NodeId;
use network::Network;
use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// Silence after which the controller takes a broker for gone, in milliseconds.
pub const SESSION_MS: u32 = 3000;
/// Replicas that are behind for longer leave the in-sync set, in milliseconds.
pub const LAG_MS: u32 = 4000;
/// How much a node's volume holds where it is to be filled, in megabytes.
const VOLUME_MB: u32 = 512;

/// What is the same for all nodes of a cluster.
pub struct Layout {
    /// Where each controller listens.
    pub controllers: Vec<(NodeId, String)>,
}

impl Layout {
    /// What Thalweg and Kafka are told alike. Timeouts are short, for a run is short.
    pub fn properties_of(&self, node: &Node) -> Vec<(String, String)> {
        let replicas = self.controllers.len().min(3);
        let listeners = format!("PLAINTEXT://{},CONTROLLER://{}", node.address, node.controller);
        let (id, data) = (node.id.to_string(), node.data.to_string_lossy().into_owned());
        let (replicas, in_sync) = (replicas.to_string(), if replicas < 3 { "1" } else { "2" });
        let (session, lag) = (SESSION_MS.to_string(), LAG_MS.to_string());
        let properties = [
            ("process.roles", "broker,controller"),
            ("node.id", &id),
            ("listeners", &listeners),
            ("controller.listener.names", "CONTROLLER"),
            ("log.dirs", &data),
            ("auto.create.topics.enable", "false"),
            ("default.replication.factor", &replicas),
            ("min.insync.replicas", in_sync),
            ("offsets.topic.replication.factor", &replicas),
            ("offsets.topic.num.partitions", "3"),
            ("broker.session.timeout.ms", &session),
            ("broker.heartbeat.interval.ms", "500"),
            ("replica.lag.time.max.ms", &lag),
            ("group.initial.rebalance.delay.ms", "0"),
            ("group.consumer.min.session.timeout.ms", "6000"),
            ("group.consumer.session.timeout.ms", "6000"),
            ("group.consumer.min.heartbeat.interval.ms", "1000"),
            ("group.consumer.heartbeat.interval.ms", "1000"),
        ];
        properties.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec()
    }
}

/// The cluster. Dropped, its processes are killed, and what was set up for them is taken down.
pub struct Cluster {
    /// Its nodes by number; none where only addresses are known.
    pub nodes: BTreeMap<NodeId, Node>,
    /// Its network, where nodes have one of their own.
    pub network: Option<Network>,
    /// Volumes that can be filled.
    pub volumes: BTreeMap<NodeId, Volume>,
    /// Wall clocks that can be set.
    pub clocks: BTreeMap<NodeId, WallClock>,
    /// Troubles that were asked for and cannot be made here, with the reason.
    pub skipped: Vec<(Trouble, String)>,
    /// What clients ask first.
    pub bootstrap: String,
}

impl Cluster {
    /// Lays a cluster out in `out` and starts its processes; does not wait for them.
    ///
    /// # Errors
    /// The system's program is not there, or files cannot be written.
    pub fn start(run: &Run, out: &Path) -> anyhow::Result<Cluster> {
        let nothing = |bootstrap: String| Cluster {
            nodes: BTreeMap::new(),
            network: None,
            volumes: BTreeMap::new(),
            clocks: BTreeMap::new(),
            skipped: Vec::new(),
            bootstrap,
        };
        if let System::Addresses(addresses) = &run.system {
            let mut cluster = nothing(addresses.clone());
            for trouble in &run.nemesis {
                cluster.skipped.push((*trouble, "the servers are not processes that were started here".to_owned()));
            }
            return Ok(cluster);
        }
        let program = Program::of(run)?;
        let mut cluster = nothing(String::new());
        cluster.set_up_network(run);
        cluster.make_nodes(run, out)?;
        cluster.mount_volumes(run);
        let layout =
            Layout { controllers: cluster.nodes.values().map(|node| (node.id, node.controller.clone())).collect() };
        let ids: Vec<String> = (0..=run.nodes).map(|_| kafka::random_id()).collect();
        for node in cluster.nodes.values_mut() {
            node.launch = program.prepare(node, &layout, &ids)?;
            if let Some(network) = &cluster.network {
                node.launch.words.splice(0..0, network.within(node.id));
            }
        }
        cluster.install_clocks(run);
        for node in cluster.nodes.values_mut() {
            node.start()?;
        }
        let addresses: Vec<&str> = cluster.nodes.values().map(|node| node.address.as_str()).collect();
        cluster.bootstrap = addresses.join(",");
        Ok(cluster)
    }

    fn set_up_network(&mut self, run: &Run) {
        if run.nemesis.contains(&Trouble::Partition) {
            match Network::create(i32::from(run.nodes)) {
                Ok(network) => self.network = Some(network),
                Err(error) => self.skipped.push((Trouble::Partition, format!("{error:#}"))),
            }
        }
    }

    fn make_nodes(&mut self, run: &Run, out: &Path) -> anyhow::Result<()> {
        let count = usize::from(run.nodes);
        let places: Vec<(String, String)> = match &self.network {
            Some(network) => (1..=i32::from(run.nodes))
                .map(|node| network.address(Party::Node(node)))
                .map(|host| (format!("{host}:9092"), format!("{host}:9093")))
                .collect(),
            None => free_places(count)?,
        };
        for (id, place) in (1..).zip(places) {
            self.nodes.insert(id, Node::new(id, out.join(format!("node-{id}")), place)?);
        }
        Ok(())
    }

    fn mount_volumes(&mut self, run: &Run) {
        if !run.nemesis.contains(&Trouble::DiskFull) {
            return;
        }
        for node in self.nodes.values_mut() {
            let mounted = Volume::mount(&node.data, VOLUME_MB).and_then(|volume| Ok((volume.data()?, volume)));
            match mounted {
                Ok((data, volume)) => {
                    node.data = data;
                    self.volumes.insert(node.id, volume);
                }
                Err(error) => return self.skipped.push((Trouble::DiskFull, format!("{error:#}"))),
            }
        }
    }

    fn install_clocks(&mut self, run: &Run) {
        if !run.nemesis.contains(&Trouble::Clock) {
            return;
        }
        let installed = clocks::library(run.faketime.as_deref()).and_then(|library| {
            let nodes = self.nodes.values_mut();
            let install =
                |node: &mut Node| Ok((node.id, WallClock::install(&node.folder, &library, &mut node.launch)?));
            nodes.map(install).collect::<anyhow::Result<_>>()
        });
        match installed {
            Ok(clocks) => self.clocks = clocks,
            Err(error) => self.skipped.push((Trouble::Clock, format!("{error:#}"))),
        }
    }

    /// The troubles that were asked for and can be made.
    pub fn troubles(&self, run: &Run) -> Vec<Trouble> {
        let is_skipped = |trouble: &Trouble| self.skipped.iter().any(|(skipped, _)| skipped == trouble);
        run.nemesis.iter().copied().filter(|trouble| !is_skipped(trouble)).collect()
    }

    /// Which planted bug was reached on which nodes, as their logs say.
    pub fn reached_bugs(&self) -> Vec<(NodeId, String)> {
        let reached = |node: &Node| {
            let log = fs::read_to_string(node.log()).unwrap_or_default();
            let bug = log.lines().find_map(|line| line.strip_prefix("thalweg: planted bug reached: "))?;
            Some((node.id, bug.to_owned()))
        };
        self.nodes.values().filter_map(reached).collect()
    }
}

/// What the nodes run.
enum Program {
    Thalweg(PathBuf),
    Kafka(PathBuf),
}

impl Program {
    fn of(run: &Run) -> anyhow::Result<Program> {
        match run.system {
            System::Thalweg => Ok(Program::Thalweg(thalweg::binary(run.binary.as_deref())?)),
            System::Kafka => Ok(Program::Kafka(kafka::jars(run.kafka_home.as_deref())?)),
            System::Addresses(_) => bail!("servers at addresses are not started"),
        }
    }

    fn prepare(&self, node: &Node, layout: &Layout, ids: &[String]) -> anyhow::Result<node::Launch> {
        match self {
            Program::Thalweg(binary) => thalweg::prepare(binary, node, layout),
            Program::Kafka(jars) => kafka::prepare(jars, node, layout, ids),
        }
    }
}

/// For each node two ports of this machine that nobody uses.
fn free_places(count: usize) -> anyhow::Result<Vec<(String, String)>> {
    let listen = || TcpListener::bind("127.0.0.1:0").context("there is no free port");
    let held: Vec<TcpListener> = (0..2 * count).map(|_| listen()).collect::<anyhow::Result<_>>()?;
    let address = |listener: &TcpListener| anyhow::Ok(listener.local_addr()?.to_string());
    held.chunks(2).map(|pair| Ok((address(&pair[0])?, address(&pair[1])?))).collect()
}
