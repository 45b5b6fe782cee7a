//! Points of a run that have a name: some node is just sending a request of some kind. A fault can wait for one.

use model::NodeId;
use runtime::simulation::Node;
use runtime::simulation::net::{self, Written};
use runtime::sync::oneshot;
use runtime::time::{Duration, timeout};
use std::sync::{Arc, Mutex};

/// Ports of brokers and controllers.
const PORTS: [u16; 2] = [9092, 9093];

/// Whoever waits.
#[derive(Clone, Default)]
pub struct Points(Arc<Mutex<Vec<Armed>>>);

struct Armed {
    api_key: i16,
    reached: oneshot::Sender<(Node, Node)>,
}

impl Points {
    /// Watches the network from now on.
    pub fn watch(&self) {
        let points = self.clone();
        net::watch(Some(Arc::new(move |written| points.look(written))));
    }

    fn look(&self, written: &Written<'_>) {
        let mut armed = self.0.lock().expect("no panic inside");
        if armed.is_empty() || !written.from_client || !PORTS.contains(&written.port) {
            return;
        }
        // A request begins with its length and the key of its API.
        let Some([_, _, _, _, high, low]) = written.bytes.first_chunk() else { return };
        let api_key = i16::from_be_bytes([*high, *low]);
        while let Some(place) = armed.iter().position(|waits| waits.api_key == api_key) {
            let _ = armed.swap_remove(place).reached.send((written.from, written.to)); // it may have given up
        }
    }

    /// Waits until a request of this kind is sent, at most for `within`: who sends it, and to whom.
    pub async fn reached(&self, api_key: i16, within: Duration) -> Option<(Node, Node)> {
        let (reached, waits) = oneshot::channel();
        self.0.lock().expect("no panic inside").push(Armed { api_key, reached });
        timeout(within, waits).await.ok()?.ok()
    }
}

/// The number of a node among the machines, where it is one.
pub fn id_of(cluster: &crate::run::Cluster, node: Node) -> Option<NodeId> {
    cluster.servers.iter().find(|server| server.node == node).map(|server| server.id)
}
