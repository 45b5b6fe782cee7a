//! Nodes that are away while the others have to get on without them: dead, silent or parted from everybody. Only of the
//! dead is there evidence; of the others the session has to tell.

use super::nemesis::{cut_both, heal_both};
use super::server_node::ServerNode;
use crate::clients::Chronicle;
use crate::plan::Absence;
use jepsen_lite::history::FaultKind;
use runtime::simulation::Node;

/// Nodes that are away.
pub struct Away {
    servers: Vec<ServerNode>,
    ways: Vec<(Node, Node)>,
    paused: Vec<Node>,
    faults: Vec<usize>,
}

impl Away {
    /// Takes `servers` away from all `others`.
    pub fn begin(servers: Vec<ServerNode>, others: Vec<Node>, absence: Absence, chronicle: &Chronicle) -> Away {
        let mut away = Away { servers, ways: Vec::new(), paused: Vec::new(), faults: Vec::new() };
        for server in &away.servers {
            match absence {
                Absence::Silent if server.node.is_running() => {
                    away.faults.push(chronicle.fault_begins(server.nature(FaultKind::Pause, "held back".into())));
                    server.node.pause();
                    away.paused.push(server.node);
                }
                // One that does not run yet would speak once it does.
                Absence::Dead | Absence::Silent => server.hold_back(),
                Absence::Parted => {
                    away.faults.push(chronicle.fault_begins(server.nature(FaultKind::Cut, "held back".into())));
                    away.ways.extend(others.iter().map(|other| (server.node, *other)));
                }
            }
        }
        away.ways.iter().for_each(cut_both);
        away
    }

    /// They are there again, or may come back.
    pub fn end(self, chronicle: &Chronicle) {
        self.servers.iter().for_each(ServerNode::let_go);
        self.ways.iter().for_each(heal_both);
        self.paused.into_iter().for_each(Node::resume);
        self.faults.into_iter().for_each(|fault| chronicle.fault_ends(fault));
    }
}
