//! While this node is the controller it looks for brokers that have died, by positive evidence alone: their address refuses
//! connections, twice. Silence, a timeout or a reset is no evidence: there the session timeout judges.

use crate::broker::Broker;
use crate::metadata::{address, is_refused};
use controller::Request;
use model::metadata_image::BrokerImage;
use model::{NodeId, mark};
use runtime::sync::{Mutex, select, watch};
use runtime::time::{Duration, sleep};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How often the connections of brokers are looked at.
const INTERVAL: Duration = Duration::from_millis(50);

/// Watches until the broker stops.
pub(crate) async fn watch(broker: Arc<Broker>, mut stop: watch::Receiver<bool>) {
    let mut statuses = broker.metadata.statuses();
    let probing: Arc<Mutex<BTreeSet<NodeId>>> = Arc::default();
    loop {
        let leads = statuses.borrow_and_update().leads && broker.metadata.image().brokers().len() > 1;
        select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            changed = statuses.changed(), if !leads => if changed.is_err() { return },
            () = sleep(INTERVAL), if leads => {}
            () = sleep(Duration::from_secs(1)), if !leads => {}
        }
        if leads {
            look(&broker, &probing).await;
        }
    }
}

/// Every live broker keeps a connection to every controller: one without is looked at.
async fn look(broker: &Arc<Broker>, probing: &Arc<Mutex<BTreeSet<NodeId>>>) {
    let image = broker.metadata.image();
    for other in image.brokers().filter(|other| other.id != broker.node_id && !other.fenced) {
        if broker.metadata.is_connected(other.id) || !probing.lock().await.insert(other.id) {
            continue;
        }
        let (broker, other, probing) = (broker.clone(), other.clone(), probing.clone());
        runtime::task::spawn("probe", async move {
            probe(&broker, &other).await;
            probing.lock().await.remove(&other.id);
        });
    }
}

async fn probe(broker: &Broker, other: &BrokerImage) {
    let Some(endpoint) = other.endpoints.first() else { return };
    let died = is_refused(&address(&endpoint.host, endpoint.port)).await;
    if died || model::planted!("a probe without an answer is taken for a death") {
        mark!("a broker was found dead");
        tracing::warn!("broker {} is dead: its address refuses connections", other.id);
        let request = Request::BrokerDied { id: other.id, epoch: other.epoch };
        let _ = broker.metadata.ask_here(request).await; // if another controller leads now, that one looks for itself
    } else {
        sleep(INTERVAL).await;
    }
}
