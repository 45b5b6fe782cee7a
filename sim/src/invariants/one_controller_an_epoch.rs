//! In one epoch of the metadata quorum one controller decides.

use super::violated;
use crate::run::Cluster;
use model::{LeaderEpoch, NodeId};
use std::collections::BTreeMap;

/// Who was seen to decide.
#[derive(Default)]
pub struct OneControllerAnEpoch {
    controllers: BTreeMap<LeaderEpoch, NodeId>,
}

impl OneControllerAnEpoch {
    /// Looks at every node.
    pub fn check(&mut self, cluster: &Cluster) {
        for (server, broker) in cluster.brokers() {
            let status = broker.metadata.status();
            if status.leads {
                let controller = *self.controllers.entry(status.epoch).or_insert(server.id);
                if controller != server.id {
                    violated!("nodes {controller} and {} both are the controller of epoch {}", server.id, status.epoch);
                }
            }
        }
    }
}
