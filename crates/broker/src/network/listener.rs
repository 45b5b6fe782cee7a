//! Accepting connections, within `max.connections` and `max.connections.per.ip`.

use super::connection;
use super::connection_limits::Place;
use crate::broker::Broker;
use runtime::net::TcpListener;
use runtime::sync::{OwnedSemaphorePermit, select, watch};
use runtime::time::{Duration, sleep};
use std::sync::Arc;

/// How long accepting rests after an error such as "too many open files": the backlog keeps what comes.
const REST_AFTER_ERROR: Duration = Duration::from_millis(100);

/// Accepts until `stop` says so. `index` is the listener's place in the broker's list.
pub async fn accept(broker: Arc<Broker>, listener: TcpListener, index: usize, mut stop: watch::Receiver<bool>) {
    loop {
        let permit = select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            permit = broker.connections.wait() => permit,
        };
        let accepted = select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(place) = broker.connections.enter(peer.ip()) else {
                    model::mark!("too many connections from one address");
                    tracing::warn!("{peer}: refused: max.connections.per.ip is reached");
                    continue;
                };
                let broker = broker.clone();
                let stop = stop.clone();
                runtime::task::spawn("connection", run(broker, stream, index, stop, (permit, place)));
            }
            Err(error) => {
                tracing::warn!("cannot accept connections: {error}; trying again");
                sleep(REST_AFTER_ERROR).await;
            }
        }
    }
}

async fn run(
    broker: Arc<Broker>,
    stream: runtime::net::TcpStream,
    index: usize,
    mut stop: watch::Receiver<bool>,
    _held: (OwnedSemaphorePermit, Place),
) {
    select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => {}
        () = connection::serve(broker, stream, index) => {}
    }
}
