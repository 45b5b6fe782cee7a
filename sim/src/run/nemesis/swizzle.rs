//! Swizzled faults of the network: nodes are parted from the others one by one, and joined again in another order.

use super::links::Way;
use super::{Victims, net};
use crate::plan::{NodePlace, PlannedFault, Target};
use jepsen_lite::history::FaultKind;
use runtime::simulation::Stream;
use runtime::time::{Duration, sleep};

/// What is done to a way.
type Change = fn(&Way);

impl Victims {
    /// Takes `lasts` in all.
    pub async fn swizzle(&self, planned: &PlannedFault, places: &[NodePlace], lasts: Duration) {
        let mut dice = Stream::new(planned.amount, "swizzle");
        let (mut parting, mut joining) = (places.to_vec(), places.to_vec());
        shuffle(&mut dice, &mut parting);
        shuffle(&mut dice, &mut joining);
        let (begin, end): (Change, Change) = match planned.kind {
            FaultKind::Clog => (net::clog, net::unclog),
            _ => (net::cut_both, net::heal_both),
        };
        let step = lasts / (2 * places.len().max(1) as u32);
        for (place, change) in parting.iter().map(|p| (p, begin)).chain(joining.iter().map(|p| (p, end))) {
            self.ways(&Target::Isolated(*place), planned.amount).iter().for_each(change);
            sleep(step).await;
        }
        for place in places {
            self.ways(&Target::Isolated(*place), planned.amount).iter().for_each(end);
        }
    }
}

fn shuffle(dice: &mut Stream, places: &mut [NodePlace]) {
    for last in (1..places.len()).rev() {
        places.swap(last, dice.below(last as u64 + 1) as usize);
    }
}
