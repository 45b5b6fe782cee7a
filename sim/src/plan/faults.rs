//! The fault plan: what goes wrong when, for how long, and how much.

use super::weather::{Kind, Weather};
use super::world::stream;
use jepsen_lite::history::FaultKind;
use runtime::simulation::Stream;
use serde::{Deserialize, Serialize};

/// One fault that will be injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFault {
    /// When, in simulated milliseconds.
    pub at_ms: u64,
    /// For how long.
    pub lasts_ms: u64,
    /// What.
    pub kind: FaultKind,
    /// How much, or which of the things there are at that moment; what it means depends on the kind.
    pub amount: u64,
}

/// Draws the faults of a run.
pub fn draw(seed: u64, length_ms: u64, weather: &Weather, least: u64) -> Vec<PlannedFault> {
    let mut dice = stream(seed, "faults");
    let mut faults = Vec::new();
    for spell in weather.spells.iter().filter(|spell| !spell.kinds.is_empty()) {
        let mut at_ms = spell.from_ms;
        loop {
            at_ms += dice.between(1, 2 * spell.every_ms);
            if at_ms >= spell.to_ms {
                break;
            }
            faults.push(fault(&mut dice, at_ms, &spell.kinds));
        }
    }
    let usual: Vec<FaultKind> = weather.kinds.iter().copied().filter(|kind| !Kind::of(*kind).corrupts).collect();
    // Some planned faults find nothing to hit (a node that is down already): plan more than are asked for.
    while (faults.len() as u64) < least + least / 2 + 1 {
        let at_ms = dice.between(length_ms / 20, length_ms);
        faults.push(fault(&mut dice, at_ms, &usual));
    }
    for kind in weather.kinds.iter().filter(|kind| Kind::of(**kind).corrupts) {
        for _ in 0..dice.between(1, 4) {
            let at_ms = dice.between(length_ms / 2, length_ms);
            faults.push(fault(&mut dice, at_ms, &[*kind]));
        }
    }
    faults.sort_by_key(|fault| fault.at_ms);
    faults
}

fn fault(dice: &mut Stream, at_ms: u64, kinds: &[FaultKind]) -> PlannedFault {
    let total = kinds.iter().map(|kind| Kind::of(*kind).weight).sum();
    let mut ticket = dice.below(total);
    let mut chosen = kinds[0];
    for kind in kinds {
        chosen = *kind;
        let weight = Kind::of(*kind).weight;
        if ticket < weight {
            break;
        }
        ticket -= weight;
    }
    let (from, to) = Kind::of(chosen).lasts_ms;
    PlannedFault { at_ms, lasts_ms: skewed(dice, from, to), kind: chosen, amount: dice.u64() }
}

/// From `from` to `to`, the short more often than the long.
fn skewed(dice: &mut Stream, from: u64, to: u64) -> u64 {
    let unit = dice.unit();
    from + ((to - from) as f64 * unit * unit) as u64
}
