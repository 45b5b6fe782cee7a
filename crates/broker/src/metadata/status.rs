//! What the rest of the node knows of the quorum.

use model::{LeaderEpoch, NodeId};
use raft::{Founding, Obstacle, Raft};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One moment of the quorum, as this node sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuorumStatus {
    /// Who leads, as far as this node knows.
    pub leader: Option<NodeId>,
    /// In which epoch.
    pub epoch: LeaderEpoch,
    /// This node leads and may decide.
    pub leads: bool,
    /// Where each voter's controller listens, as `host:port`.
    pub voters: BTreeMap<NodeId, String>,
    /// What founding waits for, in words; none when there is a cluster.
    pub waits_for: Option<String>,
}

impl QuorumStatus {
    pub(super) fn of(raft: &Raft, leads: bool) -> Arc<QuorumStatus> {
        let voters = raft.voters();
        Arc::new(QuorumStatus {
            leader: raft.leader(),
            epoch: raft.epoch(),
            leads,
            voters: voters
                .iter()
                .map(|voter| (voter.key.id, address(&voter.endpoint.host, voter.endpoint.port)))
                .collect(),
            waits_for: raft.founding().map(|waiting| described(&waiting)),
        })
    }

    /// Where the leader's controller listens.
    pub fn leader_address(&self) -> Option<&str> {
        self.leader.and_then(|leader| self.voters.get(&leader)).map(String::as_str)
    }

    pub(super) fn addresses_of_others(&self, me: NodeId) -> Vec<String> {
        self.voters.iter().filter(|(id, _)| **id != me).map(|(_, address)| address.clone()).collect()
    }
}

/// `host:port`, with brackets around an IPv6 address.
pub(crate) fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn described(founding: &Founding) -> String {
    let each = founding.waits_for.iter().map(|(node, obstacle)| match obstacle {
        Obstacle::Unreachable => format!("voter {node} does not answer"),
        Obstacle::OtherList => format!("voter {node} has another controller.quorum.voters"),
        Obstacle::Member => format!("voter {node} belongs to a cluster already"),
    });
    each.collect::<Vec<_>>().join(", ")
}
