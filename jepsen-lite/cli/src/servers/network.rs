//! A network for the nodes: a namespace for each, joined by a bridge. Who is cut off from whom is said in the tables of
//! neighbours: what goes to a hardware address that nobody has is lost without a word, one way only, which needs neither
//! a packet filter nor a queueing discipline.

use super::shell;
use model::NodeId;
use std::collections::BTreeSet;

/// A hardware address that nobody has.
const NOBODY: &str = "02:00:00:00:00:99";

/// An end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// All clients, which are on this machine's side of the bridge.
    Clients,
    /// A node.
    Node(NodeId),
}

/// See the module's text. Dropped, it is taken down.
#[derive(Debug)]
pub struct Network {
    tag: u32,
    nodes: NodeId,
    /// What is lost: from whom, to whom.
    cuts: BTreeSet<(Party, Party)>,
}

impl Network {
    /// Sets one up for nodes 1 to `nodes`.
    ///
    /// # Errors
    /// It takes root, `ip`, and a kernel with namespaces, bridges and virtual Ethernet.
    pub fn create(nodes: NodeId) -> anyhow::Result<Network> {
        let network = Network { tag: std::process::id(), nodes, cuts: BTreeSet::new() };
        network.set_up()?; // what was set up before a failure is taken down with it
        Ok(network)
    }

    fn set_up(&self) -> anyhow::Result<()> {
        let bridge = self.bridge();
        ip(&format!("link add {bridge} type bridge"))?;
        ip(&format!("addr add {}/24 dev {bridge}", self.address(Party::Clients)))?;
        ip(&format!("link set {bridge} up"))?;
        for node in 1..=self.nodes {
            let (space, link) = (self.namespace(node), self.link(node));
            ip(&format!("netns add {space}"))?;
            ip(&format!("link add {link} type veth peer name eth0 netns {space}"))?;
            ip(&format!("link set {link} master {bridge} up"))?;
            ip(&format!("-n {space} addr add {}/24 dev eth0", self.address(Party::Node(node))))?;
            ip(&format!("-n {space} link set eth0 up"))?;
            ip(&format!("-n {space} link set lo up"))?;
        }
        Ok(())
    }

    fn bridge(&self) -> String {
        format!("jl{}", self.tag)
    }

    fn link(&self, node: NodeId) -> String {
        format!("jl{}n{node}", self.tag)
    }

    fn namespace(&self, node: NodeId) -> String {
        format!("jepsen-lite-{}-{node}", self.tag)
    }

    /// Where somebody is reached. Two runs at a time have two networks.
    pub fn address(&self, of: Party) -> String {
        let host = match of {
            Party::Clients => 1,
            Party::Node(node) => 10 + node,
        };
        format!("10.{}.{}.{host}", 64 + self.tag % 64, self.tag / 64 % 256)
    }

    /// The words before a command that is to run where a node is.
    pub fn within(&self, node: NodeId) -> Vec<String> {
        let space = self.namespace(node);
        ["ip", "netns", "exec", &space].map(str::to_owned).to_vec()
    }

    /// Loses what goes from one to another, from now on.
    ///
    /// # Errors
    /// The kernel refuses it.
    pub fn cut(&mut self, from: Party, to: Party) -> anyhow::Result<()> {
        ip(&format!("{} lladdr {NOBODY} nud permanent", self.neighbour("replace", from, to)))?;
        self.cuts.insert((from, to));
        Ok(())
    }

    /// Everything passes again.
    ///
    /// # Errors
    /// The kernel refuses it.
    pub fn heal(&mut self) -> anyhow::Result<()> {
        while let Some((from, to)) = self.cuts.pop_first() {
            ip(&self.neighbour("del", from, to))?;
        }
        Ok(())
    }

    fn neighbour(&self, verb: &str, from: Party, to: Party) -> String {
        let address = self.address(to);
        match from {
            Party::Clients => format!("neigh {verb} {address} dev {}", self.bridge()),
            Party::Node(node) => format!("-n {} neigh {verb} {address} dev eth0", self.namespace(node)),
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // Some of it may never have been set up.
        for node in 1..=self.nodes {
            let _ = ip(&format!("netns del {}", self.namespace(node)));
        }
        let _ = ip(&format!("link del {}", self.bridge()));
    }
}

fn ip(arguments: &str) -> anyhow::Result<()> {
    shell::run("ip", &arguments.split(' ').collect::<Vec<_>>())
}
