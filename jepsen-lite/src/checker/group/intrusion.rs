//! Intrusion: somebody who is no member changed a group that had members. An offset was committed, or the group was deleted;
//! or an offset of a topic that they read was.

use super::evidence::{Group, Groups};
use super::presence::{Presence, presences};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Action, CommitOffset, Operation, OperationId};
use std::collections::BTreeMap;

/// Looks at everything that was done from outside.
pub fn check(groups: &Groups<'_>, verdict: &mut Verdict) {
    let mut present: BTreeMap<&str, Vec<Presence<'_>>> = BTreeMap::new();
    for (id, operation) in groups.log.history.operations.iter().enumerate() {
        let (Some(name), true) = (outside(&operation.action), operation.is_ok()) else { continue };
        let Some((name, group)) = groups.groups.get_key_value(name) else { continue };
        let present = present.entry(name).or_insert_with(|| presences(groups, group));
        let id = id as OperationId;
        if let Some(there) = present.iter().find(|there| is_against(groups, group, operation, there)) {
            judge(groups, (name, group), there, id, verdict);
        }
    }
}

/// The group that an action of somebody who is no member would change.
fn outside(action: &Action) -> Option<&str> {
    match action {
        Action::CommitOffset(CommitOffset { group, by: None, .. })
        | Action::DeleteOffset { group, .. }
        | Action::DeleteGroup { group } => Some(group),
        _ => None,
    }
}

/// Whether an operation was done to a group in which this member was all the time.
fn is_against(groups: &Groups<'_>, group: &Group, operation: &Operation, there: &Presence<'_>) -> bool {
    let Some(done) = operation.completed else { return false };
    let may_be = match &operation.action {
        // Who decides for itself may have given the topic up, and not have been told to go on.
        Action::DeleteOffset { partition, .. } => !group.is_consumer && there.reads(group, &partition.topic),
        _ => true,
    };
    may_be && there.lasts(groups, group, operation.invoked, done)
}

fn judge(
    groups: &Groups<'_>,
    (name, group): (&str, &Group),
    there: &Presence<'_>,
    id: OperationId,
    verdict: &mut Verdict,
) {
    verdict.judged += 1;
    if let Some(because) = groups.may_be_forgotten(group, there.first, groups.log.until(id)) {
        verdict.allow(Class::Intrusion, because);
        return;
    }
    let (what, partition) = match &groups.operation(id).action {
        Action::CommitOffset(commit) => ("an offset was committed", Some(&commit.partition)),
        Action::DeleteOffset { partition, .. } => ("an offset was deleted", Some(partition)),
        _ => ("the group was deleted", None),
    };
    let sentence = format!(
        "{what} by somebody who is no member, {}, though there was {}, and again {}",
        witness::operation(groups.log, id),
        witness::by_member(groups, there.first),
        witness::operation(groups.log, there.last)
    );
    verdict.report(witness::anomaly(Class::Intrusion, (name, partition), sentence, &[there.first, id, there.last]));
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::group::story::{Story, classic, consumer};
    use crate::history::{FaultKind, GroupMember};

    /// What is done to a group whose member commits before and after.
    fn amid(by: &GroupMember, after: &GroupMember, deed: impl FnOnce(&mut Story)) -> Story {
        let mut story = Story::new();
        story.written(9);
        let own = story.owns_with(by, &[0], false, false);
        story.consumed(&by.id, 0, &[0, 1, 2]);
        story.committed(Some(by), 0, 1, 1);
        deed(&mut story);
        if by != after {
            story.gives_up(own);
            story.owns_with(after, &[0], false, false);
        }
        story.committed(Some(after), 0, 2, 2);
        story
    }

    #[test]
    fn a_group_with_a_member_takes_nothing_from_others() {
        for by in [classic("a", 1), consumer("a", 1)] {
            amid(&by, &by, |story| story.committed(None, 0, 7, 9)).assert_only(Class::Intrusion);
            amid(&by, &by, Story::deletes_group).assert_finds(Class::Intrusion);
        }
        amid(&classic("a", 1), &classic("a", 1), |story| story.deleted(0)).assert_only(Class::Intrusion);
    }

    #[test]
    fn what_is_refused_or_comes_between_two_generations_is_no_intrusion() {
        let (by, later) = (classic("a", 1), classic("a", 2));
        amid(&by, &by, |story| story.commit_refused(None, 0, 7, 9)).assert_clean();
        amid(&by, &later, |story| story.committed(None, 0, 7, 9)).assert_clean();
        amid(&consumer("a", 1), &consumer("a", 1), |story| story.deleted(0)).assert_clean();
    }

    /// It was silent for longer than its session, the group was deleted meanwhile, and it came to the same epoch again
    /// before it knew (groups seed 2005).
    #[test]
    fn who_has_its_name_and_epoch_again_need_not_have_been_there_all_the_time() {
        let (by, mut story) = (consumer("a", 2), Story::new());
        story.written(9);
        let own = story.owns_with(&by, &[0], false, false);
        story.committed(Some(&by), 0, 1, 1);
        story.deletes_group();
        story.loses(own);
        story.owns_with(&by, &[0], false, false);
        story.committed(Some(&by), 0, 2, 2);
        story.assert_clean();
    }

    #[test]
    fn a_group_that_may_be_forgotten_has_no_members() {
        for (kind, clean) in [(FaultKind::WipedDisk, true), (FaultKind::PowerFailure, false)] {
            let by = classic("a", 1);
            let story = amid(&by, &by, |story| {
                story.fault(kind);
                story.committed(None, 0, 7, 9);
            });
            if clean { story.assert_clean() } else { story.assert_finds(Class::Intrusion) }
        }
    }
}
