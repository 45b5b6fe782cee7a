//! The fault plan: what goes wrong when, for how long, and how much.

use super::target::{self, Target};
use super::weather::{Kind, Weather, is_seldom_let};
use super::world::{WorldShape, stream};
use jepsen_lite::history::FaultKind;
use runtime::simulation::Stream;
use serde::{Deserialize, Serialize};

/// One fault that will be injected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFault {
    /// When, in simulated milliseconds.
    pub at_ms: u64,
    /// For how long.
    pub lasts_ms: u64,
    /// What.
    pub kind: FaultKind,
    /// Whom.
    pub target: Target,
    /// It waits for a request of this API (by key) to be sent, and hits one of its two ends in place of the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<i16>,
    /// How much, or which of the things there are at that moment; what it means depends on the kind.
    pub amount: u64,
}

/// Draws the faults of a run.
pub fn draw(seed: u64, length_ms: u64, weather: &Weather, world: &WorldShape, least: u64) -> Vec<PlannedFault> {
    let mut draws = Draws { dice: stream(seed, "faults"), targets: stream(seed, "targets"), world };
    let mut faults = Vec::new();
    for spell in weather.spells.iter().filter(|spell| !spell.kinds.is_empty()) {
        let mut at_ms = spell.from_ms;
        loop {
            at_ms += draws.dice.between(1, 2 * spell.every_ms);
            if at_ms >= spell.to_ms {
                break;
            }
            faults.push(draws.fault(at_ms, &spell.kinds));
        }
    }
    let corrupts = |kind: &FaultKind| Kind::of(*kind, world.is_cluster()).corrupts;
    let usual: Vec<FaultKind> =
        weather.kinds.iter().copied().filter(|kind| !corrupts(kind) && !is_seldom_let(*kind)).collect();
    let let_through = |faults: &[PlannedFault]| faults.iter().filter(|fault| !is_seldom_let(fault.kind)).count() as u64;
    // Some planned faults find nothing to hit (a node that is down already): plan more than are asked for.
    while let_through(&faults) < least + least / 2 + 1 {
        let at_ms = draws.dice.between(length_ms / 20, length_ms);
        faults.push(draws.fault(at_ms, &usual));
    }
    for kind in weather.kinds.iter().filter(|kind| corrupts(kind)) {
        for _ in 0..draws.dice.between(1, 4) {
            let at_ms = draws.dice.between(length_ms / 2, length_ms);
            faults.push(draws.fault(at_ms, &[*kind]));
        }
    }
    faults.sort_by_key(|fault| fault.at_ms);
    faults
}

struct Draws<'w> {
    dice: Stream,
    targets: Stream,
    world: &'w WorldShape,
}

impl Draws<'_> {
    fn fault(&mut self, at_ms: u64, kinds: &[FaultKind]) -> PlannedFault {
        let of = |kind: FaultKind| Kind::of(kind, self.world.is_cluster());
        let mut ticket = self.dice.below(kinds.iter().map(|kind| of(*kind).weight).sum());
        let mut chosen = of(kinds[0]);
        for kind in kinds {
            chosen = of(*kind);
            if ticket < chosen.weight {
                break;
            }
            ticket -= chosen.weight;
        }
        let (from, to) = chosen.lasts_ms;
        let lasts_ms = skewed(&mut self.dice, from, to);
        let target = target::draw(&mut self.targets, chosen, self.world);
        let point = target::point(&mut self.targets, chosen.kind, self.world);
        PlannedFault { at_ms, lasts_ms, kind: chosen.kind, target, point, amount: self.dice.u64() }
    }
}

/// From `from` to `to`, the short more often than the long.
fn skewed(dice: &mut Stream, from: u64, to: u64) -> u64 {
    let unit = dice.unit();
    from + ((to - from) as f64 * unit * unit) as u64
}
