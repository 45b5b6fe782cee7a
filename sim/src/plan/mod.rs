//! What a run will do, as data, drawn up front from the seed: the world's shape, the faults, and every client's
//! operations. Each part has a stream of random numbers of its own, so that a change in one leaves the others as they
//! were. Nothing here looks at the run; shrinking and replay rest on that.

mod faults;
mod weather;
mod workload;
mod world;

pub use faults::PlannedFault;
pub use weather::Weather;
pub use workload::{
    AdminStep, ClientPlan, FollowerHabit, Habit, Identity, LibraryHabit, LookupQuery, LookupStep, Pause, Place,
    ProducerHabit, ReadStep, WriteStep,
};
pub use world::{TopicShape, WorldShape};

use crate::profile::Profile;
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
    /// How the broker ends before the final reads, so that they see what its disk holds.
    pub last_restart: LastRestart,
}

/// How the broker is restarted once all faults are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LastRestart {
    /// Not at all.
    None,
    /// It is asked to stop.
    Graceful,
    /// It is killed.
    Crash,
    /// It loses power.
    PowerFailure,
}

impl Plan {
    /// The plan of a seed.
    pub fn draw(seed: u64, profile: &Profile) -> Plan {
        let world = WorldShape::draw(seed);
        let faults_for_ms = profile.faults_for.as_millis() as u64;
        let weather = Weather::draw(seed, faults_for_ms);
        let faults = faults::draw(seed, faults_for_ms, &weather, profile.least_faults);
        let clients = workload::draw(seed, faults_for_ms, &world);
        let endings = [LastRestart::None, LastRestart::Graceful, LastRestart::Crash, LastRestart::PowerFailure];
        let last_restart = *world::stream(seed, "last restart").pick(&endings);
        Plan { seed, faults_for_ms, world, faults, clients, last_restart }
    }
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
        let mut kinds = std::collections::BTreeSet::new();
        for seed in 0..300 {
            let plan = Plan::draw(seed, &PROFILES[0]);
            assert!(plan.faults.len() as u64 >= PROFILES[0].least_faults, "seed {seed}: {}", plan.faults.len());
            assert!(plan.faults.is_sorted_by_key(|fault| fault.at_ms));
            assert!(plan.faults.iter().all(|fault| fault.at_ms < plan.faults_for_ms));
            kinds.extend(plan.faults.iter().map(|fault| fault.kind));
        }
        let missing: Vec<_> = weather::KINDS.iter().filter(|kind| !kinds.contains(&kind.kind)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
