//! Who fetches for which replica: one fetcher for each broker that leads something that is followed here.

use super::fetcher::{self, Fetcher};
use crate::metadata::Metadata;
use crate::partition::Partition;
use model::config::BrokerConfig;
use model::{NodeId, Offset};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// All fetchers of this broker. Clones share them.
#[derive(Clone, Debug)]
pub struct Fetchers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    by_leader: Mutex<BTreeMap<NodeId, Arc<Fetcher>>>,
    follower: FollowerBroker,
}

/// The broker that follows.
#[derive(Clone, Debug)]
pub(super) struct FollowerBroker {
    pub node_id: NodeId,
    pub epoch: Offset,
    pub metadata: Metadata,
    pub config: BrokerConfig,
}

impl Fetchers {
    /// Fetchers of the broker registered with `epoch`.
    pub fn new(config: &BrokerConfig, epoch: Offset, metadata: &Metadata) -> Fetchers {
        let follower =
            FollowerBroker { node_id: config.node_id, epoch, metadata: metadata.clone(), config: config.clone() };
        Fetchers(Arc::new(Shared { by_leader: Mutex::default(), follower }))
    }

    /// The partition's replica here is fetched from `leader` from now on.
    pub fn assign(&self, partition: &Arc<Partition>, leader: NodeId) {
        self.unassign(partition);
        let mut by_leader = self.0.by_leader.lock().expect("no panic inside");
        let fetcher = by_leader.entry(leader).or_insert_with(|| {
            let fetcher = Arc::new(Fetcher::new(leader));
            let (running, follower) = (Arc::downgrade(&fetcher), self.0.follower.clone());
            runtime::task::spawn("fetcher", fetcher::run(running, follower, fetcher.wake()));
            fetcher
        });
        fetcher.add(partition.clone());
        partition.set_fetcher(Some(fetcher.wake()));
    }

    /// The partition is not fetched any more.
    pub fn unassign(&self, partition: &Arc<Partition>) {
        partition.set_fetcher(None);
        let mut by_leader = self.0.by_leader.lock().expect("no panic inside");
        by_leader.retain(|_, fetcher| {
            fetcher.remove(partition);
            !fetcher.is_idle() // its task ends with it
        });
    }
}
