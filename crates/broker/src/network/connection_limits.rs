//! How many connections there may be: `max.connections`, `max.connections.per.ip` and its overrides, which can change
//! while the broker runs.

use model::config::BrokerConfig;
use runtime::sync::{OwnedSemaphorePermit, Semaphore};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// The limits, and what of them is used. Clones share it.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    total: Arc<Semaphore>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    total: usize,
    per_ip: usize,
    overrides: BTreeMap<IpAddr, usize>,
    counts: BTreeMap<IpAddr, usize>,
}

/// One connection's place in the count of its address, given back when dropped.
#[derive(Debug)]
pub struct Place {
    limits: ConnectionLimits,
    ip: IpAddr,
}

impl ConnectionLimits {
    /// The limits that a configuration gives.
    pub fn new(config: &BrokerConfig) -> ConnectionLimits {
        let limits = ConnectionLimits { total: Arc::new(Semaphore::new(0)), state: Arc::default() };
        limits.set(config);
        limits
    }

    /// Follows a changed configuration. Connections that are too many now stay; new ones wait until they are not.
    pub fn set(&self, config: &BrokerConfig) {
        let mut state = self.state.lock().expect("no panic inside");
        let total = config.max_connections.min(u32::MAX as usize);
        if total > state.total {
            self.total.add_permits(total - state.total);
        } else if total < state.total {
            let less = state.total - total;
            self.take_when_free(less - self.total.forget_permits(less));
        }
        state.total = total;
        state.per_ip = config.max_connections_per_ip;
        state.overrides.clone_from(&config.max_connections_per_ip_overrides);
    }

    fn take_when_free(&self, permits: usize) {
        let permits = u32::try_from(permits).expect("limits are of 32 bits");
        let total = self.total.clone();
        if permits > 0 {
            runtime::task::spawn("fewer connections", async move {
                total.acquire_many_owned(permits).await.expect("never closed").forget();
            });
        }
    }

    /// Waits until one more connection is allowed.
    pub async fn wait(&self) -> OwnedSemaphorePermit {
        self.total.clone().acquire_owned().await.expect("never closed")
    }

    /// Counts a connection from this address; none when it has as many as it may.
    pub fn enter(&self, ip: IpAddr) -> Option<Place> {
        let mut state = self.state.lock().expect("no panic inside");
        let limit = state.overrides.get(&ip).copied().unwrap_or(state.per_ip);
        let count = state.counts.get(&ip).copied().unwrap_or(0);
        if count >= limit {
            return None;
        }
        state.counts.insert(ip, count + 1);
        Some(Place { limits: self.clone(), ip })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.limits.state.lock().expect("no panic inside");
        let left = state.counts.get(&self.ip).map_or(0, |count| count - 1);
        if left == 0 {
            state.counts.remove(&self.ip);
        } else {
            state.counts.insert(self.ip, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::config::{Layers, Origin, ServerConfig};
    use model::metadata_image::Configs;
    use runtime::time::{Duration, timeout};

    fn config(given: &[(&str, &str)]) -> BrokerConfig {
        let mut server = ServerConfig::new();
        for (name, value) in given {
            server.add(name, value, Origin::Program);
        }
        let nothing = Configs::new();
        let layers = Layers { server: &server, dynamic_broker: &nothing, dynamic_default: &nothing };
        BrokerConfig::resolve(&layers).expect("right configs")
    }

    #[test]
    fn places_are_counted_by_address_and_given_back_and_some_addresses_have_other_limits() {
        let given = [("max.connections.per.ip", "1"), ("max.connections.per.ip.overrides", "10.0.0.2:2")];
        let limits = ConnectionLimits::new(&config(&given));
        let [here, there]: [IpAddr; 2] = [[10, 0, 0, 1].into(), [10, 0, 0, 2].into()];
        let first = limits.enter(here).expect("a free place");
        assert!(limits.enter(here).is_none());
        let _two = (limits.enter(there).expect("one of two"), limits.enter(there).expect("two of two"));
        assert!(limits.enter(there).is_none());
        drop(first);
        assert!(limits.enter(here).is_some());
    }

    #[test]
    fn a_lowered_limit_closes_nothing_and_holds_new_connections_back() {
        let story = async {
            let limits = ConnectionLimits::new(&config(&[("max.connections", "3")]));
            let held = [limits.wait().await, limits.wait().await];
            limits.set(&config(&[("max.connections", "1")]));
            let soon = Duration::from_millis(20);
            assert!(timeout(soon, limits.wait()).await.is_err(), "two are there, and one may be");
            let [one, other] = held;
            drop(one);
            assert!(timeout(soon, limits.wait()).await.is_err(), "one is there, and one may be");
            drop(other);
            let again = limits.wait().await;
            limits.set(&config(&[("max.connections", "2")]));
            let _second = limits.wait().await;
            drop(again);
        };
        runtime::task::run(1, story).expect("a runtime");
    }
}
