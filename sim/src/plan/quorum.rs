//! What operators do to the metadata quorum: the leadership is handed over, and voters go and come back. Drawn by itself, so
//! that seeds without it have the plans that they always had.

use super::target::NodePlace;
use super::world::{WorldShape, stream};
use runtime::simulation::Stream;
use serde::{Deserialize, Serialize};

/// One deed, at its time or when the one before is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuorumDeed {
    /// When, in simulated milliseconds.
    pub at_ms: u64,
    /// What.
    pub change: QuorumChange,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum QuorumChange {
    /// Whoever is the controller hands over to this voter.
    HandOver(NodePlace),
    /// A voter is taken out, and let in again after so many milliseconds.
    TakeOut(NodePlace, u32),
}

/// Draws the deeds of a run; in most there are none.
pub fn draw(seed: u64, length_ms: u64, world: &WorldShape) -> Vec<QuorumDeed> {
    let mut dice = stream(seed, "quorum");
    if !world.is_cluster() || dice.chance(0.6) {
        return Vec::new();
    }
    let voters = world.nodes.iter().filter(|node| node.votes).count() as u64;
    let every_ms = dice.between(2000, 10_000);
    let mut deeds = Vec::new();
    let mut at_ms = dice.between(500, 2 * every_ms);
    while at_ms < length_ms {
        deeds.push(QuorumDeed { at_ms, change: change(&mut dice, voters) });
        at_ms += dice.between(1, 2 * every_ms);
    }
    deeds
}

fn change(dice: &mut Stream, voters: u64) -> QuorumChange {
    let voter = dice.below(voters) as NodePlace;
    if dice.chance(0.5) {
        QuorumChange::HandOver(voter)
    } else {
        let gap_ms = if dice.chance(0.5) { dice.below(500) } else { dice.below(8000) };
        QuorumChange::TakeOut(voter, gap_ms as u32)
    }
}
