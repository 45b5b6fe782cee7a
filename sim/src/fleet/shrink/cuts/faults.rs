//! What goes wrong, and what operators do to the quorum.

use super::those;
use crate::plan::Plan;

/// How many of both there are.
pub fn count(plan: &Plan) -> usize {
    plan.faults.len() + plan.quorum.len()
}

/// The plan with some of them.
pub fn keep(plan: &Plan, kept: &[usize]) -> Plan {
    let (faults, deeds): (Vec<usize>, Vec<usize>) = kept.iter().partition(|place| **place < plan.faults.len());
    let deeds: Vec<usize> = deeds.iter().map(|place| place - plan.faults.len()).collect();
    Plan { faults: those(&plan.faults, &faults), quorum: those(&plan.quorum, &deeds), ..plan.clone() }
}
