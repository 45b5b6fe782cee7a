//! One seed: a cluster is drawn, chance plays with it, then all faults end and it has to recover.

use super::Cluster;
use super::chaos::Chaos;
use super::dice::Dice;
use super::invariants::{Violation, progress};
use super::network::Weather;
use super::shape::Shape;

/// What a run was like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub events: u64,
    pub committed: i64,
}

/// Plays one seed.
pub fn play(seed: u64) -> Result<Outcome, Violation> {
    let mut dice = Dice::seeded(seed);
    let (shape, chaos) = (Shape::drawn(&mut dice), Chaos::drawn(&mut dice));
    let mut cluster = Cluster::new(shape, dice.roll());
    for id in cluster.ids() {
        if dice.chance(900) {
            cluster.start(id);
        }
    }
    for _ in 0..STEPS {
        chaos.pause(&mut cluster)?;
        chaos.strike(&mut cluster);
    }
    cluster.network.weather = Weather::CALM;
    cluster.mend();
    cluster.start_all();
    progress::check(&mut cluster)?;
    Ok(Outcome { events: cluster.events, committed: cluster.invariants.history.end() })
}

/// How often chance strikes.
const STEPS: u64 = 1000;
