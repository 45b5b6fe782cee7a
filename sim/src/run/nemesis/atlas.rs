//! Where disks may be damaged. What is committed lies on as many nodes as must be in sync; while one of them lacks some of
//! it, no other may lose any: unless the plan allows for loss, or there is one node, whose promises are smaller.

use crate::plan::Plan;
use crate::run::cluster::Cluster;
use model::NodeId;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

/// Clones share it.
#[derive(Clone)]
pub struct Atlas {
    loss_allowed: bool,
    cluster: Cluster,
    damage: Arc<Mutex<Damage>>,
}

#[derive(Default)]
struct Damage {
    /// Nodes that lack something, or hold something wrong.
    damaged: BTreeSet<NodeId>,
}

impl Atlas {
    /// Nothing is damaged yet.
    pub fn new(plan: &Plan, cluster: &Cluster) -> Atlas {
        Atlas { loss_allowed: plan.loss_allowed, cluster: cluster.clone(), damage: Arc::default() }
    }

    fn damage(&self) -> MutexGuard<'_, Damage> {
        self.damage.lock().expect("no panic inside")
    }

    /// Whether this node's disk may hold something wrong from now on.
    pub fn may_damage(&self, id: NodeId) -> bool {
        let alone = !self.cluster.is_many();
        self.loss_allowed || alone || self.damage().damaged.iter().all(|damaged| *damaged == id)
    }

    /// Whether this node may lose all it has: nobody else lacks anything, and the voters are who they should be.
    pub fn may_wipe(&self, id: NodeId) -> bool {
        self.cluster.is_many() && self.may_damage(id) && self.cluster.voters_are_well()
    }

    /// This node's disk holds something wrong, or nothing.
    pub fn damaged(&self, id: NodeId) {
        self.damage().damaged.insert(id);
    }

    /// It holds again what it should.
    pub fn repaired(&self, id: NodeId) {
        self.damage().damaged.remove(&id);
    }
}
