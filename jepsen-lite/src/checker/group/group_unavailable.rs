//! Group unavailable: once all was well, the members of a group did not come to read everything in time; or a coordinator was
//! not there, in peace.

use super::evidence::{Group, Groups, group_of};
use super::peace::is_peace;
use super::witness;
use crate::checker::log::excuse::Because;
use crate::checker::{Class, Verdict};
use crate::history::{OperationId, Outcome};
use model::ErrorCode;

/// Things take so long to be well again after a fault, in nanoseconds.
const AFTERMATH: u64 = 15_000_000_000;

/// Looks at what groups were waited for, and at refusals in peace.
pub fn check(groups: &Groups<'_>, verdict: &mut Verdict) {
    for (name, group) in &groups.groups {
        for id in &group.awaited {
            check_awaited(groups, (name, group), *id, verdict);
        }
    }
    for (id, operation) in groups.log.history.operations.iter().enumerate() {
        let (Outcome::Fail(error) | Outcome::Unknown(error)) = &operation.outcome else { continue };
        if says_that_it_is_away(groups, error) {
            check_refused(groups, id as OperationId, error, verdict);
        }
    }
}

/// Where there are several nodes, whoever asks the wrong one is sent away.
fn says_that_it_is_away(groups: &Groups<'_>, error: &str) -> bool {
    let alone = !groups.log.history.is_of_a_cluster();
    error == ErrorCode::CoordinatorLoadInProgress.name() || alone && error == ErrorCode::NotCoordinator.name()
}

fn check_awaited(groups: &Groups<'_>, (name, group): (&str, &Group), id: OperationId, verdict: &mut Verdict) {
    let operation = groups.operation(id);
    let Outcome::Fail(why) = &operation.outcome else { return };
    match groups.may_refuse(group).or_else(|| something_read_may_refuse(groups, group)) {
        Some(because) => verdict.allow(Class::GroupUnavailable, because),
        None => {
            let sentence = format!("{}: {why}", witness::operation(groups.log, id));
            verdict.report(witness::anomaly(Class::GroupUnavailable, (name, None), sentence, &[id]));
        }
    }
}

/// A member that cannot read a partition does not come to read everything.
fn something_read_may_refuse(groups: &Groups<'_>, group: &Group) -> Option<Because> {
    let read = groups
        .log
        .partitions
        .iter()
        .filter(|partition| group.spans.by_partition.keys().any(|read| read.topic == partition.name.topic));
    read.into_iter()
        .find_map(|partition| groups.log.may_refuse(partition, groups.log.topics.lives[partition.life].begins))
}

fn check_refused(groups: &Groups<'_>, id: OperationId, error: &str, verdict: &mut Verdict) {
    let operation = groups.operation(id);
    let (Some(name), Some(completed)) = (group_of(&operation.action), operation.completed) else { return };
    let Some(group) = groups.groups.get(name) else { return };
    let Some(home) = &group.home else { return };
    let made = groups.log.topics.lives[home.life].create.and_then(|create| groups.operation(create).completed);
    let Some(from) = operation.invoked.at.checked_sub(AFTERMATH) else { return };
    if made.is_none_or(|made| made.at > from) || !is_peace(groups.log.history, from, completed.at) {
        return;
    }
    if let Some(because) = groups.may_refuse(group) {
        return verdict.allow(Class::GroupUnavailable, because);
    }
    let sentence = format!(
        "{} was answered with {error}, though nothing but clocks had gone wrong for {} s",
        witness::operation(groups.log, id),
        AFTERMATH / 1_000_000_000
    );
    verdict.report(witness::anomaly(Class::GroupUnavailable, (name, None), sentence, &[id]));
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::group::story::Story;
    use crate::history::{FaultKind, Outcome};

    #[test]
    fn a_group_does_not_come_back_after_a_mere_power_failure() {
        for (kind, clean) in [(FaultKind::PowerFailure, false), (FaultKind::RotAtRest, true)] {
            let mut story = Story::new();
            story.fault(kind);
            story.awaited(Outcome::Fail("nobody reads t-0".into()));
            assert_eq!(story.verdict().is_clean(), clean, "{kind}");
        }
    }

    #[test]
    fn a_coordinator_loads_in_peace() {
        // What it should load may be rotten in the only copy that there is (groups seed 113).
        let (rot, crash) = (Some(FaultKind::MisdirectedWrite), Some(FaultKind::ProcessCrash));
        for (long_ago, just_now, clean) in [(None, None, false), (None, crash, true), (rot, None, true)] {
            let mut story = Story::new();
            long_ago.into_iter().for_each(|kind| story.fault(kind));
            story.pass(60_000_000_000);
            just_now.into_iter().for_each(|kind| story.fault(kind));
            let commit = story.commit(None, 0, 5, 1);
            story.complete(commit, Outcome::Fail("COORDINATOR_LOAD_IN_PROGRESS".into()));
            let verdict = story.verdict();
            assert_eq!(verdict.is_clean(), clean, "{:?}", verdict.anomalies);
            assert_eq!(verdict.counts.contains_key(&Class::GroupUnavailable), !clean);
        }
    }
}
