//! How long a run and its faults last.

use super::steps;
use crate::plan::Plan;

/// What a run is cut to, in parts of 16, the boldest first: while it is long, and a try takes its time; and later.
const PARTS: (&[u64], &[u64]) = (&[2, 6, 11], &[1, 2, 4, 8, 12, 15]);
/// How long after the moment of the anomaly a run may have to go on, in milliseconds.
const AFTER: [u64; 3] = [300, 2000, 8000];

/// Shorter plans, the shortest first.
pub fn shorter(plan: &Plan, round: u32) -> Vec<Plan> {
    let parts = if round == 1 { PARTS.0 } else { PARTS.1 };
    let mut all: Vec<Plan> = parts.iter().map(|part| ended_at(plan, plan.faults_for_ms * part / 16)).collect();
    all.push(trimmed(plan));
    if round > 1 {
        all.extend([0, 2, 4].map(|part| with_faults_of(plan, part)));
        all.extend([2, 4].map(|part| begun_sooner(plan, part)));
    }
    all.retain(|shorter| shorter != plan);
    all
}

/// The run until shortly after a moment, in milliseconds. Up to there it is the same run.
pub fn soon_after(plan: &Plan, moment_ms: u64) -> Vec<Plan> {
    let ends = AFTER.map(|after| moment_ms + after);
    ends.iter().filter(|end| **end < plan.faults_for_ms).map(|end| ended_at(plan, *end)).collect()
}

/// The same run until a moment.
fn ended_at(plan: &Plan, end_ms: u64) -> Plan {
    let mut plan = plan.clone();
    plan.faults_for_ms = end_ms;
    plan.faults.retain(|fault| fault.at_ms < end_ms);
    plan.quorum.retain(|deed| deed.at_ms < end_ms);
    if let Some(groups) = &mut plan.groups {
        groups.calm_from_ms = groups.calm_from_ms.min(end_ms);
    }
    steps::until(&mut plan, end_ms * 1000);
    plan
}

/// Without what clients only do once the faults are over, or would if there were more time.
fn trimmed(plan: &Plan) -> Plan {
    ended_at(plan, plan.faults_for_ms)
}

/// Each fault lasts so many eighths of what it did.
fn with_faults_of(plan: &Plan, eighths: u64) -> Plan {
    let mut plan = plan.clone();
    plan.faults.iter_mut().for_each(|fault| fault.lasts_ms = fault.lasts_ms * eighths / 8);
    plan
}

/// Everything happens sooner by so many quarters of the time until the first fault.
fn begun_sooner(plan: &Plan, quarters: u64) -> Plan {
    let mut plan = plan.clone();
    let first = plan.faults.iter().map(|fault| fault.at_ms).chain(plan.quorum.iter().map(|deed| deed.at_ms)).min();
    let by_ms = first.unwrap_or(0) * quarters / 4;
    plan.faults.iter_mut().for_each(|fault| fault.at_ms -= by_ms);
    plan.quorum.iter_mut().for_each(|deed| deed.at_ms -= by_ms);
    plan.faults_for_ms -= by_ms.min(plan.faults_for_ms);
    if let Some(groups) = &mut plan.groups {
        groups.calm_from_ms = groups.calm_from_ms.saturating_sub(by_ms);
    }
    steps::sooner(&mut plan, by_ms * 1000);
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;

    #[test]
    fn a_run_that_is_cut_short_has_nothing_after_its_end() {
        let plan = Plan::draw(3, Profile::named("groups").expect("a profile"));
        let short = ended_at(&plan, 5000);
        assert!(short.faults.iter().all(|fault| fault.at_ms < 5000));
        assert!(steps::count(&short) < steps::count(&plan) / 5);
        assert_eq!(short.groups.expect("groups").calm_from_ms, 5000);
    }

    #[test]
    fn nothing_begins_before_the_run() {
        let plan = Plan::draw(3, Profile::named("cluster").expect("a profile"));
        let sooner = begun_sooner(&plan, 4);
        assert_eq!(
            sooner.faults.iter().map(|fault| fault.at_ms).chain(sooner.quorum.iter().map(|d| d.at_ms)).min(),
            Some(0)
        );
        assert!(shorter(&plan, 2).iter().all(|shorter| shorter.faults_for_ms <= plan.faults_for_ms));
    }
}
