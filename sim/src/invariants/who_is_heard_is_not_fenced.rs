//! A broker that the controller hears is not fenced: links that fail for a moment, resets, and probes that nobody answers are
//! no evidence of a death.
//!
//! Refused connections are, and a world may have them refused although somebody is there: that world is not looked at.

use super::violated;
use crate::plan::{Plan, WorldShape};
use crate::run::Cluster;
use jepsen_lite::history::FaultKind;
use model::{LeaderEpoch, NodeId, Offset};
use runtime::time::{Duration, Instant};
use std::collections::BTreeMap;

/// Who has been seen to be let in, and not to stop since.
pub struct WhoIsHeard {
    session_timeout: Option<Duration>,
    let_in: BTreeMap<NodeId, Offset>,
    controller: (LeaderEpoch, Instant),
}

impl WhoIsHeard {
    /// Looks at the nodes of this plan.
    pub fn new(plan: &Plan) -> WhoIsHeard {
        let refused = plan.faults.iter().any(|fault| fault.kind == FaultKind::ConnectRefused);
        let session_timeout = if refused { None } else { session_timeout(&plan.world) };
        WhoIsHeard { session_timeout, let_in: BTreeMap::new(), controller: (-1, Instant::now()) }
    }

    /// Looks at every broker. A controller that was deposed answers for a while, and a new one hears nobody at first: only
    /// while one controller has been there for a whole session.
    pub fn check(&mut self, cluster: &Cluster) {
        let (Some(session_timeout), Some(image)) = (self.session_timeout, cluster.image()) else { return };
        let epoch = cluster.brokers().map(|(_, broker)| broker.metadata.status().epoch).max().unwrap_or(-1);
        if epoch > self.controller.0 {
            self.controller = (epoch, Instant::now());
        }
        let settled = self.controller.1.elapsed() > session_timeout;
        for (server, broker) in cluster.brokers() {
            let seen = image.broker(server.id).filter(|seen| seen.epoch == broker.epoch);
            let Some(seen) = seen.filter(|seen| !seen.in_controlled_shutdown && !server.is_ending()) else {
                self.let_in.remove(&server.id);
                continue;
            };
            if !seen.fenced {
                self.let_in.insert(server.id, seen.epoch);
            } else if self.let_in.remove(&server.id) == Some(seen.epoch) {
                let silence = broker.last_heard();
                if settled && silence < session_timeout / 2 {
                    violated!("node {} is fenced, and the controller heard it {silence:?} ago", server.id);
                }
            }
        }
    }
}

fn session_timeout(world: &WorldShape) -> Option<Duration> {
    let text = world.nodes.first()?.configs.get("broker.session.timeout.ms")?;
    text.parse().ok().map(Duration::from_millis)
}
