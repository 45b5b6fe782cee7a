//! Wrong commit: a lookup was told a commit that nobody sent, that was refused, that was sent later, or another offset or
//! leader epoch than was committed with it.

use super::evidence::{Group, Groups};
use super::register::Register;
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Action, Answer, OperationId};
use model::{LeaderEpoch, Offset};

/// Looks at every lookup.
pub fn check(groups: &Groups<'_>, verdict: &mut Verdict) {
    for (name, group) in &groups.groups {
        for (partition, register) in &group.registers {
            for id in &register.reads {
                let Some(wrong) = wrong(groups, group, register, *id) else { continue };
                let sentence = format!("{} was told {wrong}", witness::operation(groups.log, *id));
                verdict.report(witness::anomaly(Class::WrongCommit, (name, Some(partition)), sentence, &[*id]));
            }
        }
    }
}

fn wrong(groups: &Groups<'_>, group: &Group, register: &Register, id: OperationId) -> Option<String> {
    let operation = groups.operation(id);
    let Some(Answer::CommittedOffset { offset, leader_epoch, mark }) = operation.answer() else { return None };
    let Some(mark) = mark else {
        let unheard_of = *offset >= 0 && !group.commits_itself;
        return unheard_of.then(|| format!("offset {offset} without a mark, and all commits have one"));
    };
    if let Some(refused) = register.refused.get(mark) {
        return Some(format!("commit {mark}, which was refused: {}", witness::operation(groups.log, *refused)));
    }
    let write = register.write_of(*mark).and_then(|write| Some((write, write.operation?)));
    let Some((write, by)) = write else { return Some(format!("commit {mark}, which nobody sent")) };
    let sent = witness::operation(groups.log, by);
    if write.from > operation.last_effect() {
        return Some(format!("commit {mark}, which was sent later: {sent}"));
    }
    let (offset, leader_epoch): (Offset, LeaderEpoch) = (*offset, *leader_epoch);
    match &groups.operation(by).action {
        Action::CommitOffset(commit) if (commit.offset, commit.leader_epoch) != (offset, leader_epoch) => {
            let (sent_offset, sent_epoch) = (commit.offset, commit.leader_epoch);
            Some(format!(
                "offset {offset} of leader epoch {leader_epoch} for commit {mark}, which said {sent_offset} of {sent_epoch}: {sent}"
            ))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::group::story::{Story, classic};
    use crate::history::Answer;

    #[test]
    fn a_lookup_is_told_what_nobody_committed() {
        let mut story = Story::new();
        story.committed(None, 0, 5, 1);
        story.looked_up(0, 5, Some(8));
        story.assert_only(Class::WrongCommit);
    }

    #[test]
    fn a_refused_commit_is_read() {
        let mut story = Story::new();
        story.commit_refused(Some(&classic("a", 1)), 0, 5, 1);
        story.looked_up(0, -1, None);
        story.assert_clean();
        story.looked_up(0, 5, Some(1));
        story.assert_only(Class::WrongCommit);
    }

    #[test]
    fn a_commit_comes_back_with_another_offset_or_without_its_leader_epoch() {
        let mut story = Story::new();
        story.committed(None, 0, 5, 1);
        story.looked_up(0, 6, Some(1));
        story.assert_only(Class::WrongCommit);
        let mut story = Story::new();
        story.committed(None, 0, 5, 1);
        let answer = Answer::CommittedOffset { offset: 5, leader_epoch: -1, mark: Some(1) };
        story.looked_up_answered(0, answer, 0);
        story.assert_only(Class::WrongCommit);
    }

    #[test]
    fn an_offset_without_a_mark_is_right_only_where_members_commit_by_themselves() {
        for (commits_itself, clean) in [(false, false), (true, true)] {
            let mut story = Story::new();
            story.owns_with(&classic("a", 1), &[0], commits_itself, true);
            story.looked_up(0, 0, None);
            assert_eq!(story.verdict().is_clean(), clean);
        }
    }
}
