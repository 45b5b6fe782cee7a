//! Where disks may be damaged. What is committed lies on as many nodes as must be in sync; while one of them lacks some of
//! it, no other may lose any: unless the plan allows for loss, or there is one node, whose promises are smaller.

use crate::plan::{Plan, QuorumChange};
use crate::run::cluster::Cluster;
use model::NodeId;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

/// Clones share it.
#[derive(Clone)]
pub struct Atlas {
    loss_allowed: bool,
    voters: Vec<NodeId>,
    /// Voters are taken out and let in: at times so few are left that none may lose anything.
    voters_change: bool,
    alone: bool,
    damage: Arc<Mutex<Damage>>,
}

#[derive(Default)]
struct Damage {
    /// Nodes that lack something, or hold something wrong.
    damaged: BTreeSet<NodeId>,
    /// Voters that were wiped, ever.
    wiped_voters: BTreeSet<NodeId>,
}

impl Atlas {
    /// Nothing is damaged yet.
    pub fn new(plan: &Plan, cluster: &Cluster) -> Atlas {
        let voters = (1..).zip(&plan.world.nodes).filter(|(_, node)| node.votes).map(|(id, _)| id).collect();
        let voters_change = plan.quorum.iter().any(|deed| matches!(deed.change, QuorumChange::TakeOut(..)));
        let (loss_allowed, alone) = (plan.loss_allowed, !cluster.is_many());
        Atlas { loss_allowed, voters, voters_change, alone, damage: Arc::default() }
    }

    fn damage(&self) -> MutexGuard<'_, Damage> {
        self.damage.lock().expect("no panic inside")
    }

    /// Whether something that was promised may be lost.
    pub fn is_loss_allowed(&self) -> bool {
        self.loss_allowed
    }

    /// Whether this node lacks something, or holds something wrong, that is not repaired yet.
    pub fn is_damaged(&self, id: NodeId) -> bool {
        self.damage().damaged.contains(&id)
    }

    /// Whether this node's disk may hold something wrong from now on.
    pub fn may_damage(&self, id: NodeId) -> bool {
        let keeps_quorum = !self.voters_change || !self.voters.contains(&id);
        let nobody_else = || self.damage().damaged.iter().all(|damaged| *damaged == id);
        keeps_quorum && (self.loss_allowed || self.alone || nobody_else())
    }

    /// Whether this node may lose all it has: nobody else lacks anything. Of the voters fewer than half are ever wiped,
    /// since one that is replaced cannot be told, from outside, from one that is not yet.
    pub fn may_wipe(&self, id: NodeId) -> bool {
        let others = self.damage().wiped_voters.iter().filter(|wiped| **wiped != id).count();
        let quorum_holds = !self.voters.contains(&id) || (others + 1) * 2 < self.voters.len();
        !self.alone && self.may_damage(id) && quorum_holds
    }

    /// This node's disk is about to hold nothing.
    pub fn wiped(&self, id: NodeId) {
        self.damaged(id);
        if self.voters.contains(&id) {
            self.damage().wiped_voters.insert(id);
        }
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
