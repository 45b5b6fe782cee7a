//! Which ways of the network a target means.

use super::Victims;
use crate::plan::Target;
use crate::run::server_node::ServerNode;
use model::NodeId;
use runtime::simulation::Node;

/// Two nodes and the ways between them. Where a fault hits one way only, it is the one from the first to the second.
pub type Way = (Node, Node);

/// Whether the clients of the nodes that are parted from the others are parted from them, too.
const WITH_CLIENTS: u64 = 1 << 61;
/// Whether, where it is a coordinator that is parted, some clients are: others go on believing it.
const WITH_SOME_CLIENTS: u64 = 1 << 62;
/// Whether a fault of one way hits what comes to a node, not what goes from it.
const INWARD: u64 = 1 << 60;

impl Victims {
    /// The ways that a target means now.
    pub fn ways(&self, target: &Target, amount: u64) -> Vec<Way> {
        let ways = match target {
            Target::Node(_) => {
                some_clients(&self.clients, amount).map(|client| (self.server(target).node, client)).collect()
            }
            Target::Controller => self.controller_from_voters(),
            Target::Ring => self.not_neighbours(),
            Target::Bridge(bridge, half) => {
                let bridge = self.cluster.at(*bridge).id;
                let half: Vec<NodeId> = half.iter().map(|place| self.cluster.at(*place).id).collect();
                self.pairs(|one, other| {
                    one != bridge && other != bridge && half.contains(&one) && !half.contains(&other)
                })
            }
            _ => self.parted_from_others(target, amount),
        };
        if amount & INWARD == 0 { ways } else { ways.into_iter().map(|(one, other)| (other, one)).collect() }
    }

    fn pairs(&self, hit: impl Fn(NodeId, NodeId) -> bool) -> Vec<Way> {
        let servers = &self.cluster.servers;
        let each = servers.iter().flat_map(|one| servers.iter().map(move |other| (one, other)));
        each.filter(|(one, other)| one.id != other.id && hit(one.id, other.id)).map(|(a, b)| (a.node, b.node)).collect()
    }

    fn parted_from_others(&self, target: &Target, amount: u64) -> Vec<Way> {
        let parted: Vec<&ServerNode> = self.servers(target);
        let is_parted = |id: NodeId| parted.iter().any(|server| server.id == id);
        let mut ways = self.pairs(|one, other| is_parted(one) && !is_parted(other));
        let some = matches!(target, Target::Coordinator(_)) && amount & WITH_SOME_CLIENTS != 0;
        let hit = |number: usize| if some { (amount >> (number % 48)) & 1 == 1 } else { amount & WITH_CLIENTS != 0 };
        let clients = self.clients.iter().enumerate().filter(|(number, _)| hit(*number)).map(|(_, client)| *client);
        let clients: Vec<Node> = clients.collect();
        ways.extend(parted.iter().flat_map(|server| clients.iter().map(|client| (server.node, *client))));
        ways
    }

    /// The controller is cut off from those who could depose it, and not from those who believe in it.
    fn controller_from_voters(&self) -> Vec<Way> {
        let controller = self.server(&Target::Controller).id;
        let votes = |id: NodeId| self.world.nodes[id as usize - 1].votes;
        self.pairs(|one, other| one == controller && votes(other))
    }

    fn not_neighbours(&self) -> Vec<Way> {
        let count = self.cluster.servers.len() as NodeId;
        self.pairs(|one, other| {
            let distance = (one - other).rem_euclid(count);
            one < other && distance != 1 && distance != count - 1
        })
    }
}

/// The clients that a fault hits: one, some or all.
fn some_clients(clients: &[Node], amount: u64) -> impl Iterator<Item = Node> {
    let hit = move |number: usize| match amount % 4 {
        0 => true,
        1 => (amount >> (8 + number % 48)) & 1 == 1,
        _ => number == (amount >> 8) as usize % clients.len().max(1),
    };
    clients.iter().enumerate().filter(move |(number, _)| hit(*number)).map(|(_, node)| *node)
}
