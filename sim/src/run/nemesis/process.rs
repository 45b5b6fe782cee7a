//! Processes and machines that stop.

use super::{Victims, points};
use crate::plan::{PlannedFault, Target};
use crate::run::server_node::ServerNode;
use jepsen_lite::history::FaultKind;
use runtime::time::{Duration, Instant, sleep};

/// A node that was restarted has so long before the next one's turn comes, in a rolling restart.
const BACK_WITHIN: Duration = Duration::from_secs(8);

/// A fault that waits for a named point waits so long.
const POINT_WITHIN: Duration = Duration::from_secs(3);

impl Victims {
    /// Ends or pauses what the target names: all at once, one after the other, or one again and again.
    pub async fn processes(&self, planned: &PlannedFault, lasts: Duration) {
        let servers: Vec<ServerNode> = match planned.point {
            Some(api_key) => self.at_point(api_key, planned.amount).await.into_iter().collect(),
            None => self.servers(&planned.target).into_iter().cloned().collect(),
        };
        match &planned.target {
            _ if planned.point.is_some() => self.all_at_once(&servers, planned.kind, lasts).await,
            Target::Rolling => {
                for server in &servers {
                    let lasts = lasts.min(Duration::from_millis(500));
                    stop(server.clone(), self.chronicle.clone(), planned.kind, lasts).await;
                    is_back(server).await;
                }
            }
            Target::Loop(_, times) => {
                for turn in 0..u64::from(*times) {
                    let lasts = Duration::from_millis(50);
                    stop(servers[0].clone(), self.chronicle.clone(), planned.kind, lasts).await;
                    sleep(Duration::from_millis(100 + (planned.amount >> turn) % 1500)).await;
                }
            }
            Target::Heirs(place) => self.heirs(planned, *place, lasts).await,
            _ => self.all_at_once(&servers, planned.kind, lasts).await,
        }
    }

    /// Waits for a named point, and gives one of the two nodes that are at it: who sends, or who is about to receive.
    async fn at_point(&self, api_key: i16, amount: u64) -> Option<ServerNode> {
        let (from, to) = self.points.reached(api_key, POINT_WITHIN).await?;
        let both = if amount.is_multiple_of(2) { [from, to] } else { [to, from] };
        both.into_iter().find_map(|node| points::id_of(&self.cluster, node).and_then(|id| self.cluster.of(id))).cloned()
    }

    async fn all_at_once(&self, servers: &[ServerNode], kind: FaultKind, lasts: Duration) {
        let mut stopping = Vec::new();
        for (number, server) in (1..).zip(servers) {
            let (server, chronicle) = (server.clone(), self.chronicle.clone());
            // They come back one by one.
            let lasts = lasts + lasts / 7 * (number - 1);
            stopping.push(runtime::task::spawn("fault of one node", stop(server, chronicle, kind, lasts)));
        }
        for one in stopping {
            let _ = one.await; // nobody aborts one
        }
    }

    /// Takes all that a node has away, unless that may be the last copy of something.
    pub async fn wipe(&self, planned: &PlannedFault, lasts: Duration) {
        let server = self.server(&planned.target).clone();
        if server.node.is_running() && self.atlas.may_wipe(server.id) {
            self.atlas.wiped(server.id);
            server.end(FaultKind::WipedDisk, lasts).await;
        }
    }
}

/// Ends or pauses one node, until it is back.
pub async fn stop(server: ServerNode, chronicle: crate::clients::Chronicle, kind: FaultKind, lasts: Duration) {
    if kind == FaultKind::Pause {
        pause(&server, &chronicle, lasts).await;
    } else {
        server.end(kind, lasts).await;
    }
}

async fn pause(server: &ServerNode, chronicle: &crate::clients::Chronicle, lasts: Duration) {
    if !server.node.is_running() {
        return;
    }
    let fault = chronicle.fault_begins(server.nature(FaultKind::Pause, String::new()));
    server.node.pause();
    sleep(lasts).await;
    server.node.resume();
    chronicle.fault_ends(fault);
}

async fn is_back(server: &ServerNode) {
    let deadline = Instant::now() + BACK_WITHIN;
    while server.broker().is_none() && Instant::now() < deadline {
        sleep(Duration::from_millis(50)).await;
    }
}
