//! What happens after the faults: nodes that are held back, and the last restart.

use crate::plan::{LastRestart, Plan};

/// How many of the two a plan has.
pub fn count(plan: &Plan) -> usize {
    usize::from(!plan.held_back.is_empty()) + usize::from(plan.last_restart != LastRestart::None)
}

/// The plan with some of them.
pub fn keep(plan: &Plan, kept: &[usize]) -> Plan {
    let mut plan = plan.clone();
    let mut place = 0;
    if !plan.held_back.is_empty() {
        if !kept.contains(&place) {
            plan.held_back.clear();
        }
        place += 1;
    }
    if !kept.contains(&place) {
        plan.last_restart = LastRestart::None;
    }
    plan
}
