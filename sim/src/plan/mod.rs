//! What a run will do, as data, drawn up front from the seed: the world's shape, the faults, and every client's
//! operations. Each part has a stream of random numbers of its own, so that a change in one leaves the others as they
//! were. Nothing here looks at the run; shrinking and replay rest on that.

mod administration;
mod cluster;
mod faults;
mod groups;
mod node;
mod quorum;
mod reading;
mod target;
mod topic;
mod weather;
mod workload;
mod world;

pub use administration::AdminStep;
pub use faults::PlannedFault;
pub use groups::{CommitterDeed, GroupsPlan, MemberDeed, MemberHabit, OFFSETS_TOPIC, Speaks};
pub use node::NodeShape;
pub use quorum::{QuorumChange, QuorumDeed};
pub use target::{NodePlace, Target};
pub use topic::TopicShape;
pub use weather::{Weather, kinds};
pub use workload::{
    ClientPlan, FollowerHabit, Habit, Identity, LibraryHabit, LookupQuery, LookupStep, Pause, Place, ProducerHabit,
    ReadStep, WriteStep,
};
pub use world::WorldShape;

use crate::profile::{Mood, Profile, Size};
use serde::{Deserialize, Serialize};

/// Everything that a run will do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What it was drawn from.
    pub seed: u64,
    /// Simulated milliseconds under faults.
    pub faults_for_ms: u64,
    /// What there is.
    pub world: WorldShape,
    /// What goes wrong, by time.
    pub faults: Vec<PlannedFault>,
    /// What clients do.
    pub clients: Vec<ClientPlan>,
    /// How all nodes end before the final reads, so that they see what disks hold.
    pub last_restart: LastRestart,
    /// Whether disks of several nodes may be damaged at a time, so that something that was promised may be lost.
    #[serde(default)]
    pub loss_allowed: bool,
    /// Nodes that are down, once all faults are over, until the others have shown that they get on without them.
    #[serde(default)]
    pub held_back: Vec<NodePlace>,
    /// How they are away.
    #[serde(default)]
    pub absence: Absence,
    /// A node that is asked to stop once all is well.
    #[serde(default)]
    pub stopped_in_peace: Option<NodePlace>,
    /// Consumer groups, where there are any.
    #[serde(default)]
    pub groups: Option<GroupsPlan>,
    /// What operators do to the metadata quorum.
    #[serde(default)]
    pub quorum: Vec<QuorumDeed>,
}

/// How nodes are away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Absence {
    /// Their processes are killed: whoever asks for them is refused.
    #[default]
    Dead,
    /// They stand still, and nobody hears why.
    Silent,
    /// Nothing passes between them and anybody else.
    Parted,
}

/// How nodes are restarted once all faults are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LastRestart {
    /// Not at all.
    None,
    /// They are asked to stop.
    Graceful,
    /// They are killed.
    Crash,
    /// They lose power.
    PowerFailure,
}

impl Plan {
    /// The plan of a seed.
    pub fn draw(seed: u64, profile: &Profile) -> Plan {
        let mut world = WorldShape::draw(seed, profile.size);
        if profile.mood == Mood::BadDisks {
            world.take_snapshots(seed);
        }
        let faults_for_ms = profile.faults_for.as_millis() as u64;
        let groups = (profile.size == Size::Groups).then(|| groups::draw(seed, faults_for_ms, &mut world));
        let weather = Weather::draw(seed, faults_for_ms, world.is_cluster(), profile.mood);
        let mut faults = faults::draw(seed, faults_for_ms, &weather, &world, profile.least_faults);
        let exactly = if let Size::Exactly { clients, .. } = profile.size { Some(clients) } else { None };
        let mut clients = workload::draw(seed, faults_for_ms, &world, exactly);
        if let Some(groups) = &groups {
            groups::aim(seed, faults_for_ms, &world, groups, &mut faults);
            clients.extend(groups::clients(seed, faults_for_ms, &world, groups));
        }
        let endings = [LastRestart::None, LastRestart::Graceful, LastRestart::Crash, LastRestart::PowerFailure];
        let last_restart = *world::stream(seed, "last restart").pick(&endings);
        let held_back = held_back(seed, &world);
        let absence = *world::stream(seed, "absence").pick(&[Absence::Dead, Absence::Silent, Absence::Parted]);
        let loss_allowed = world.is_cluster() && world::stream(seed, "loss").chance(0.1);
        let drawn = profile.size == Size::Cluster;
        let quorum = if drawn { quorum::draw(seed, faults_for_ms, &world) } else { Vec::new() };
        let stopped_in_peace = if drawn { stopped_in_peace(seed, &world) } else { None };
        Plan {
            seed,
            faults_for_ms,
            world,
            faults,
            clients,
            last_restart,
            loss_allowed,
            held_back,
            absence,
            stopped_in_peace,
            groups,
            quorum,
        }
    }
}

/// Fewer than half of the voters, and fewer than half of all; often none.
fn held_back(seed: u64, world: &WorldShape) -> Vec<NodePlace> {
    let mut dice = world::stream(seed, "held back");
    if !world.is_cluster() || dice.chance(0.6) {
        return Vec::new();
    }
    let voters = world.nodes.iter().filter(|node| node.votes).count() as u64;
    let count = dice.between(1, (voters - 1) / 2 + 1) as usize;
    let mut some: Vec<NodePlace> = Vec::new();
    while some.len() < count {
        let node = dice.below(world.nodes.len() as u64) as NodePlace;
        if !some.contains(&node) {
            some.push(node);
        }
    }
    some
}

fn stopped_in_peace(seed: u64, world: &WorldShape) -> Option<NodePlace> {
    let mut dice = world::stream(seed, "stopped in peace");
    dice.chance(0.5).then(|| dice.below(world.nodes.len() as u64) as NodePlace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::PROFILES;

    #[test]
    fn a_seed_gives_the_same_plan_each_time_and_another_seed_another() {
        assert_eq!(Plan::draw(7, &PROFILES[0]), Plan::draw(7, &PROFILES[0]));
        assert_ne!(Plan::draw(7, &PROFILES[0]).faults, Plan::draw(8, &PROFILES[0]).faults);
    }

    #[test]
    fn a_plan_reads_back_from_its_text() {
        let plan = Plan::draw(3, &PROFILES[0]);
        let text = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    }

    #[test]
    fn every_plan_has_enough_faults_in_time_order_and_every_kind_comes_up() {
        for (profile, cluster) in [(&PROFILES[0], false), (Profile::named("cluster").unwrap(), true)] {
            let mut kinds = std::collections::BTreeSet::new();
            for seed in 0..300 {
                let plan = Plan::draw(seed, profile);
                assert!(plan.faults.len() as u64 >= profile.least_faults, "seed {seed}: {}", plan.faults.len());
                assert!(plan.faults.is_sorted_by_key(|fault| fault.at_ms));
                assert!(plan.faults.iter().all(|fault| fault.at_ms < plan.faults_for_ms));
                kinds.extend(plan.faults.iter().map(|fault| fault.kind));
            }
            let missing: Vec<_> = weather::kinds(cluster).iter().filter(|kind| !kinds.contains(&kind.kind)).collect();
            assert!(missing.is_empty(), "{missing:?}");
        }
    }

    #[test]
    fn those_that_are_held_back_leave_a_quorum() {
        for seed in 0..200 {
            let plan = Plan::draw(seed, Profile::named("cluster").unwrap());
            let voters = plan.world.nodes.iter().filter(|node| node.votes).count();
            assert!(plan.held_back.len() * 2 < voters, "seed {seed}: {:?}", plan.held_back);
        }
    }
}
