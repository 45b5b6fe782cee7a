//! Chance: what happens to a cluster besides what its nodes do.

use super::Cluster;
use super::dice::Dice;
use super::invariants::Violation;
use super::node::Node;
use model::{NodeId, Offset};
use raft::{Raft, ReplicaKey, Role, Voter, VoterChange, Voters};
use std::collections::BTreeMap;
use std::time::Duration;

/// Which things happen in a run, each with a weight; a run that has only some of them, or some far more often than others,
/// goes deeper into those.
#[derive(Clone, Debug)]
pub struct Chaos {
    weights: Vec<(Deed, u64)>,
    /// So many of a thousand steps pass without anything.
    quiet: u64,
    /// In thousandths, at each step.
    proposes: u64,
    /// At most so many at a time.
    burst: u64,
    moments: Moments,
}

/// When things happen, in thousandths of the steps; else at any time.
#[derive(Clone, Copy, Debug)]
struct Moments {
    /// Just when a leader was elected.
    elected: u64,
    /// Just when something was committed.
    committed: u64,
    /// While a replica catches up.
    catching_up: u64,
    /// After a long calm.
    calm: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Crash,
    CrashLeader,
    CrashAll,
    Start,
    Wipe,
    CutLink,
    Isolate,
    IsolateLeader,
    Halves,
    Mend,
    MendOne,
    Swizzle,
    Transfer,
    Resign,
    AddVoter,
    RemoveVoter,
    FalseAlarm,
}

const DEEDS: &[(Deed, u64)] = &[
    (Deed::Crash, 8),
    (Deed::CrashLeader, 6),
    (Deed::CrashAll, 3),
    (Deed::Start, 14),
    (Deed::Wipe, 9),
    (Deed::CutLink, 8),
    (Deed::Isolate, 4),
    (Deed::IsolateLeader, 5),
    (Deed::Halves, 4),
    (Deed::Mend, 8),
    (Deed::MendOne, 8),
    (Deed::Swizzle, 6),
    (Deed::Transfer, 3),
    (Deed::Resign, 2),
    (Deed::AddVoter, 5),
    (Deed::RemoveVoter, 3),
    (Deed::FalseAlarm, 2),
];

/// Some runs have one of these over and over, so that each new leader finds what the one before it left half done.
const AGAINST_LEADERS: [Deed; 3] = [Deed::CrashLeader, Deed::IsolateLeader, Deed::Swizzle];

impl Chaos {
    pub fn drawn(dice: &mut Dice) -> Chaos {
        let lasting = [Deed::Start, Deed::Mend, Deed::AddVoter]; // these undo others
        let mut weights = DEEDS.to_vec();
        weights.retain(|(deed, _)| lasting.contains(deed) || dice.chance(600));
        if dice.chance(200) {
            let only = dice.pick(&AGAINST_LEADERS).expect("there are some");
            weights.retain(|(deed, _)| lasting.contains(deed));
            weights.push((only, 300));
        }
        if dice.chance(500) {
            // Voters come and go: a word that was given outlives who gave it.
            weights.push((Deed::RemoveVoter, 80));
            weights.push((Deed::AddVoter, 80));
            weights.push((Deed::Wipe, 60));
        }
        for _ in 0..dice.below(4) {
            let favourite = dice.below(weights.len() as u64) as usize;
            weights[favourite].1 += 60;
        }
        Chaos {
            weights,
            quiet: dice.below(800),
            proposes: 200 + dice.below(800),
            burst: dice.pick(&[1, 2, 3, 3, 20]).unwrap_or(1),
            moments: Moments::drawn(dice),
        }
    }

    /// Waits for the next step.
    pub fn pause(&self, cluster: &mut Cluster) -> Result<(), Violation> {
        let (elected, committed) = (cluster.invariants.leaders.count(), cluster.invariants.history.end());
        let mut drawn = cluster.dice.below(1000);
        if drawn < self.moments.elected {
            let wait = cluster.dice.millis(500, 4000);
            return cluster.run_until(wait, |cluster| cluster.invariants.leaders.count() > elected).map(drop);
        }
        drawn -= self.moments.elected;
        if drawn < self.moments.committed {
            let wait = cluster.dice.millis(50, 1000);
            return cluster.run_until(wait, |cluster| cluster.invariants.history.end() > committed).map(drop);
        }
        drawn -= self.moments.committed;
        if drawn < self.moments.catching_up {
            let before = log_ends(cluster);
            let wait = cluster.dice.millis(500, 4000);
            return cluster.run_until(wait, |cluster| one_catches_up(cluster, &before)).map(drop);
        }
        let calm = drawn - self.moments.catching_up < self.moments.calm;
        let wait = if calm { cluster.dice.millis(500, 4000) } else { short(&mut cluster.dice) };
        cluster.run_for(wait)
    }

    /// One step.
    pub fn strike(&self, cluster: &mut Cluster) {
        for id in cluster.running() {
            if cluster.node(id).serves() && cluster.dice.chance(self.proposes) {
                for _ in 0..=cluster.dice.below(self.burst) {
                    cluster.propose(id);
                }
            }
        }
        if cluster.dice.chance(self.quiet) {
            return;
        }
        let all: u64 = self.weights.iter().map(|(_, weight)| weight).sum();
        let mut drawn = cluster.dice.below(all);
        for (deed, weight) in &self.weights {
            if drawn < *weight {
                return deed.befall(cluster);
            }
            drawn -= weight;
        }
    }
}

/// From a tenth of a millisecond to half a second, and as likely within any factor of two: faults come in clusters.
fn short(dice: &mut Dice) -> Duration {
    let scale = 100 << dice.below(12);
    dice.micros(scale, scale * 2)
}

fn log_ends(cluster: &Cluster) -> BTreeMap<NodeId, Offset> {
    cluster.running().into_iter().map(|id| (id, cluster.raft(id).log_end_offset())).collect()
}

/// Whether a replica has got something since then, and lacks much of what is committed.
fn one_catches_up(cluster: &Cluster, before: &BTreeMap<NodeId, Offset>) -> bool {
    let committed = cluster.invariants.history.end();
    log_ends(cluster).iter().any(|(id, end)| {
        let grown = *end > before.get(id).copied().unwrap_or(0);
        grown && *end + 1 < committed
    })
}

impl Moments {
    fn drawn(dice: &mut Dice) -> Moments {
        let [elected, committed, catching_up, calm] = [400, 250, 200, 150].map(|most| dice.below(most));
        Moments { elected, committed, catching_up, calm }
    }
}

impl Deed {
    fn befall(self, cluster: &mut Cluster) {
        let (ids, running) = (cluster.ids(), cluster.running());
        let any = cluster.dice.pick(&ids).expect("a cluster has nodes");
        let one = cluster.dice.pick(&running);
        let leader = cluster.leading();
        match self {
            Deed::Crash => one.into_iter().for_each(|id| crash(cluster, id)),
            Deed::CrashAll => running.iter().for_each(|id| crash(cluster, *id)),
            Deed::CrashLeader => leader.into_iter().for_each(|id| crash(cluster, id)),
            Deed::Start => start_one(cluster),
            Deed::Wipe => wipe(cluster, any),
            Deed::CutLink => cut_link(cluster, any),
            Deed::Isolate => cluster.isolate(any),
            Deed::IsolateLeader => leader.into_iter().for_each(|id| cluster.isolate(id)),
            Deed::Halves => halve(cluster),
            Deed::Mend => cluster.mend(),
            Deed::MendOne => cluster.mend_node(any),
            Deed::Swizzle => swizzle(cluster, leader),
            Deed::Transfer => {
                if let Some(id) = leader {
                    cluster.act(id, |raft, now| raft.transfer_leadership(now, any));
                }
            }
            Deed::Resign => leader.into_iter().for_each(|id| cluster.act(id, Raft::resign)),
            Deed::AddVoter => leader.into_iter().for_each(|id| add_voter(cluster, id)),
            Deed::RemoveVoter => leader.into_iter().for_each(|id| remove_voter(cluster, id, any)),
            Deed::FalseAlarm => one.into_iter().for_each(|id| cluster.act(id, |raft, now| raft.peer_died(now, any))),
        }
    }
}

fn crash(cluster: &mut Cluster, id: NodeId) {
    cluster.crash(id);
    if cluster.dice.chance(500) {
        cluster.refuse(id);
    }
}

fn start_one(cluster: &mut Cluster) {
    let down: Vec<NodeId> = cluster.ids().into_iter().filter(|id| cluster.node(*id).running.is_none()).collect();
    if let Some(id) = cluster.dice.pick(&down) {
        cluster.start(id);
    }
}

fn cut_link(cluster: &mut Cluster, from: NodeId) {
    let to = cluster.dice.pick(&cluster.ids()).expect("a cluster has nodes");
    cluster.network.cut(from, to);
    if cluster.dice.chance(500) {
        cluster.network.cut(to, from);
    }
}

fn halve(cluster: &mut Cluster) {
    let sides = cluster.dice.roll();
    for one in cluster.ids() {
        for other in cluster.ids() {
            if (sides >> one) & 1 != (sides >> other) & 1 {
                cluster.network.cut(one, other);
            }
        }
    }
}

/// One that was away is back, and just then the leader goes.
fn swizzle(cluster: &mut Cluster, leader: Option<NodeId>) {
    let away = |id: &NodeId| {
        let cut = cluster.ids().into_iter().any(|other| cluster.network.is_cut(other, *id));
        cut || cluster.node(*id).running.is_none()
    };
    let away: Vec<NodeId> = cluster.ids().into_iter().filter(away).collect();
    if let Some(id) = cluster.dice.pick(&away) {
        cluster.start(id);
        cluster.mend_node(id);
    }
    if let Some(id) = leader {
        if cluster.dice.chance(700) { cluster.isolate(id) } else { crash(cluster, id) }
    }
}

/// A disk is lost, where the others still have all that was promised.
fn wipe(cluster: &mut Cluster, id: NodeId) {
    if may_be_wiped(cluster, id) {
        cluster.crash(id);
        cluster.wipe(id);
        if cluster.dice.chance(700) {
            cluster.start(id);
        }
    }
}

/// In every voter set that anybody still holds, less than a majority would be gone.
fn may_be_wiped(cluster: &Cluster, id: NodeId) -> bool {
    let dies = |key: ReplicaKey| key.id == id || cluster.node(key.id).key() != key;
    let bears = |voters: &Voters| {
        let gone = voters.keys().filter(|key| dies(*key)).count();
        gone <= voters.len().saturating_sub(1) / 2
    };
    let sets: Vec<&Voters> = cluster.nodes.iter().flat_map(sets_of).collect();
    // Before that those are taken for voters that answered, perhaps just before they were wiped: only one may be.
    let founded = !sets.is_empty() || id == 1;
    founded && sets.into_iter().all(bears)
}

fn sets_of(node: &Node) -> Vec<&Voters> {
    let stored = node.disk.stored.entries.iter().filter_map(|entry| match &entry.payload {
        raft::Payload::Voters(voters) => Some(voters),
        _ => None,
    });
    let snapshot = node.disk.stored.snapshot.iter().map(|snapshot| &snapshot.voters);
    stored.chain(snapshot).chain(node.raft().map(Raft::voters).filter(|voters| !voters.is_empty())).collect()
}

fn add_voter(cluster: &mut Cluster, leader: NodeId) {
    let others = cluster.raft(leader).replicas();
    let observers: Vec<NodeId> = others.iter().filter(|other| !other.is_voter).map(|other| other.key.id).collect();
    if let Some(id) = cluster.dice.pick(&observers) {
        let voter = Voter { key: cluster.node(id).key(), endpoint: super::shape::endpoint(id) };
        let _ = cluster.act(leader, |raft, now| raft.change_voters(now, VoterChange::Add(voter)));
    }
}

/// An operator takes a voter out, where no other one is gone for good.
fn remove_voter(cluster: &mut Cluster, leader: NodeId, id: NodeId) {
    let voters = cluster.raft(leader).voters();
    let whole = voters.len() > 2 && voters.keys().all(|key| cluster.node(key.id).key() == key);
    let Some(key) = voters.get(id).map(|voter| voter.key).filter(|_| whole) else { return };
    if cluster.raft(leader).role() == Role::Leader {
        let _ = cluster.act(leader, |raft, now| raft.change_voters(now, VoterChange::Remove(key)));
    }
}
