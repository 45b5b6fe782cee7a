//! Accepting connections, within `max.connections` and `max.connections.per.ip`.

use super::connection;
use crate::broker::Broker;
use runtime::net::TcpListener;
use runtime::sync::{OwnedSemaphorePermit, select, watch};
use runtime::time::{Duration, sleep};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// How long accepting rests after an error such as "too many open files": the backlog keeps what comes.
const REST_AFTER_ERROR: Duration = Duration::from_millis(100);

/// Accepts until `stop` says so. `index` is the listener's place in the broker's list.
pub async fn accept(broker: Arc<Broker>, listener: TcpListener, index: usize, mut stop: watch::Receiver<bool>) {
    loop {
        let permit = select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            permit = broker.connections.clone().acquire_owned() => permit.expect("never closed"),
        };
        let accepted = select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(place) = broker.per_ip.enter(peer.ip(), broker.limits.max_connections_per_ip) else {
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

/// Counts connections by address.
#[derive(Clone, Debug, Default)]
pub struct PerIp(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

/// One connection's place in the count, given back when dropped.
#[derive(Debug)]
pub struct Place {
    counts: PerIp,
    ip: IpAddr,
}

impl PerIp {
    fn enter(&self, ip: IpAddr, limit: usize) -> Option<Place> {
        let mut counts = self.0.lock().expect("no panic inside");
        let count = counts.entry(ip).or_insert(0);
        if *count >= limit {
            return None;
        }
        *count += 1;
        Some(Place { counts: self.clone(), ip })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.counts.0.lock().expect("no panic inside");
        if let Some(count) = counts.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_by_address_and_given_back() {
        let counts = PerIp::default();
        let (here, there): (IpAddr, IpAddr) = ([127, 0, 0, 1].into(), [10, 0, 0, 1].into());
        let first = counts.enter(here, 1).expect("a free place");
        assert!(counts.enter(here, 1).is_none());
        assert!(counts.enter(there, 1).is_some());
        drop(first);
        assert!(counts.enter(here, 1).is_some());
    }
}
