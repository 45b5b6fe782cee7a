//! Judges what happened to groups: who read what, and what was committed.

mod double_owner;
mod evidence;
mod excuse;
#[cfg(test)]
mod generated;
mod group_unavailable;
mod intrusion;
mod needless_eviction;
mod peace;
mod presence;
mod register;
mod skipped_record;
mod spans;
mod stale_commit_read;
#[cfg(test)]
mod story;
mod witness;
mod wrong_commit;
mod zombie_commit;

use super::Verdict;
use super::log::evidence::Evidence;
use crate::history::History;
use evidence::Groups;
pub(super) use evidence::{OFFSETS_TOPIC, group_of};

type Check = fn(&Groups<'_>, &mut Verdict);

const CHECKS: &[Check] = &[
    double_owner::check,
    zombie_commit::check,
    intrusion::check,
    stale_commit_read::check,
    wrong_commit::check,
    skipped_record::check,
    needless_eviction::check,
    group_unavailable::check,
];

/// Judges the groups of a history alone.
pub fn check(history: &History) -> Verdict {
    let mut verdict = Verdict::default();
    check_evidence(&Evidence::of(history), &mut verdict);
    verdict
}

pub(super) fn check_evidence(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    let groups = Groups::of(evidence);
    for check in CHECKS {
        check(&groups, verdict);
    }
}
