//! Stale commit read: a lookup was told a commit, or that there is none, that another commit had replaced before the lookup
//! began. Lost commit: the same, once all was well.
//!
//! A coordinator that was deposed and does not know may answer what is old by the session of a broker at most.

use super::evidence::{Group, Groups};
use super::register::{Register, Write};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Action, Answer, Index, Operation, OperationId};
use model::TopicPartition;

/// Looks at every lookup.
pub fn check(groups: &Groups<'_>, verdict: &mut Verdict) {
    for (name, group) in &groups.groups {
        for (partition, register) in &group.registers {
            let replaced = Replaced::of(register);
            for id in &register.reads {
                check_read(groups, (name, group, partition), register, &replaced, *id, verdict);
            }
        }
    }
}

fn check_read(
    groups: &Groups<'_>,
    (name, group, partition): (&str, &Group, &TopicPartition),
    register: &Register,
    replaced: &Replaced<'_>,
    id: OperationId,
    verdict: &mut Verdict,
) {
    let operation = groups.operation(id);
    let Some(Answer::CommittedOffset { offset, mark, .. }) = operation.answer() else { return };
    // The last event at which what was told can have been written.
    let written = match mark {
        Some(mark) => register.write_of(*mark).map(|write| write.until),
        None if *offset >= 0 => None, // by a member that commits by itself
        None => register.removals().filter(|write| write.from <= operation.last_effect()).map(|w| w.until).max(),
    };
    let (Some(written), Some(by)) = (written, replaced.before(operation)) else { return };
    if written >= by.from {
        return;
    }
    let healed = groups.log.history.healed.is_some_and(|healed| healed.index < operation.invoked.index);
    let class = if healed { Class::LostCommit } else { Class::StaleCommitRead };
    verdict.judged += 1;
    let Some(seen) = by.operation else { return };
    if let Some(because) = groups.may_be_forgotten(group, seen, operation.last_effect()) {
        verdict.allow(class, because);
        return;
    }
    let what = mark.map_or("that there is no commit".to_owned(), |mark| format!("commit {mark}, offset {offset}"));
    let newer = by.mark.map_or("was deleted".to_owned(), |mark| format!("had been replaced by commit {mark}"));
    let sentence = format!(
        "{} was told {what}, which {newer} before, {}",
        witness::operation(groups.log, id),
        witness::operation(groups.log, seen)
    );
    verdict.report(witness::anomaly(class, (name, Some(partition)), sentence, &[seen, id]));
}

/// Writes by the moment from which on they surely had taken effect, each with the one before it or at it that began last.
struct Replaced<'r> {
    shown: Vec<(Index, u64, &'r Write)>,
}

impl<'r> Replaced<'r> {
    fn of(register: &'r Register) -> Replaced<'r> {
        let shown = register.writes.iter().filter_map(|write| Some((write.shown?.index, write.shown?.at, write)));
        let mut shown: Vec<_> = shown.collect();
        shown.sort_by_key(|(index, ..)| *index);
        for place in 1..shown.len() {
            if shown[place - 1].2.from > shown[place].2.from {
                shown[place].2 = shown[place - 1].2;
            }
        }
        Replaced { shown }
    }

    /// The write that began last among those that a lookup had to see.
    fn before(&self, lookup: &Operation) -> Option<&'r Write> {
        let Action::FetchOffset(fetch) = &lookup.action else { return None };
        let old = u64::from(fetch.may_be_old_ms) * 1_000_000;
        let had_to_see =
            |(index, at, _): &(Index, u64, &Write)| *index < lookup.invoked.index && at + old <= lookup.invoked.at;
        let count = self.shown.partition_point(had_to_see);
        Some(self.shown.get(count.checked_sub(1)?)?.2)
    }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::group::story::{Story, classic};
    use crate::history::{FaultKind, Outcome};

    #[test]
    fn a_lookup_is_told_a_commit_that_was_replaced() {
        let mut story = Story::new();
        story.committed(None, 0, 5, 1);
        story.committed(None, 0, 9, 2);
        story.looked_up(0, 9, Some(2));
        story.assert_clean();
        story.looked_up(0, 5, Some(1));
        story.assert_only(Class::StaleCommitRead);
    }

    /// Its first try was held up by the network, and came when the second had been answered (groups seed 253).
    #[test]
    fn a_commit_that_was_sent_again_may_come_again() {
        for resent in [true, false] {
            let mut story = Story::new();
            let first = story.commit(None, 0, 5, 1);
            if resent {
                story.resent(first);
            }
            story.complete(first, Outcome::Ok(crate::history::Answer::Committed { epoch: 0 }));
            story.committed(None, 0, 9, 2);
            story.looked_up(0, 5, Some(1));
            if resent { story.assert_clean() } else { story.assert_only(Class::StaleCommitRead) }
        }
    }

    #[test]
    fn a_lookup_is_told_that_there_is_none_though_there_is_one() {
        let mut story = Story::new();
        story.looked_up(0, -1, None);
        story.committed(Some(&classic("a", 1)), 0, 5, 1);
        story.assert_clean();
        story.looked_up(0, -1, None);
        story.assert_only(Class::StaleCommitRead);
    }

    #[test]
    fn what_is_gone_in_the_end_is_lost() {
        let mut story = Story::new();
        story.committed(None, 0, 5, 1);
        story.committed(None, 0, 9, 2);
        story.healed();
        story.looked_up(0, 5, Some(1));
        story.assert_only(Class::LostCommit);
    }

    #[test]
    fn commits_that_overlap_may_take_effect_in_either_order() {
        let mut story = Story::new();
        let one = story.commit(None, 0, 5, 1);
        let other = story.commit(None, 0, 9, 2);
        story.takes(one, -1);
        story.takes(other, -1);
        story.looked_up(0, 5, Some(1));
        story.looked_up(0, 9, Some(2));
        story.assert_clean();
    }

    #[test]
    fn a_commit_of_unknown_outcome_may_come_late_and_once_seen_it_counts() {
        let mut story = Story::new();
        let doubtful = story.commit(None, 0, 5, 1);
        story.complete(doubtful, Outcome::Unknown("timed out".into()));
        story.committed(None, 0, 9, 2);
        story.looked_up(0, 5, Some(1));
        story.assert_clean();
        let late = story.commit(None, 0, 12, 3);
        story.complete(late, Outcome::Unknown("timed out".into()));
        story.looked_up(0, 12, Some(3));
        story.looked_up(0, 9, Some(2));
        story.assert_only(Class::StaleCommitRead);
    }

    #[test]
    fn a_commit_that_was_sent_once_takes_effect_once_and_one_sent_again_may_do_so_again() {
        for (resent, clean) in [(false, false), (true, true)] {
            let mut story = Story::new();
            let doubtful = story.commit(None, 0, 5, 1);
            story.complete(doubtful, Outcome::Unknown("timed out".into()));
            if resent {
                story.resent(doubtful);
            }
            story.looked_up(0, 5, Some(1));
            story.committed(None, 0, 9, 2);
            story.looked_up(0, 5, Some(1));
            assert_eq!(story.verdict().is_clean(), clean);
        }
    }

    #[test]
    fn a_deleted_offset_does_not_return() {
        let mut story = Story::new();
        story.committed(None, 0, 5, 1);
        story.deleted(0);
        story.looked_up(0, -1, None);
        story.assert_clean();
        story.looked_up(0, 5, Some(1));
        story.assert_only(Class::StaleCommitRead);
    }

    #[test]
    fn a_deposed_coordinator_may_be_a_session_behind_and_no_more() {
        // Each operation takes two milliseconds in a story.
        for (may_be_old_ms, clean) in [(0, false), (1, false), (4, true)] {
            let mut story = Story::new();
            story.committed(None, 0, 5, 1);
            story.committed(None, 0, 9, 2);
            story.looked_up_at_old(0, 5, Some(1), may_be_old_ms);
            assert_eq!(story.verdict().is_clean(), clean, "{may_be_old_ms}");
        }
    }

    #[test]
    fn only_what_the_table_lets_go_may_be_gone() {
        for (kind, clean) in [(FaultKind::WipedDisk, true), (FaultKind::PowerFailure, false)] {
            let mut story = Story::new();
            story.committed(None, 0, 5, 1);
            story.committed(None, 0, 9, 2);
            story.fault(kind);
            story.looked_up(0, 5, Some(1));
            assert_eq!(story.verdict().is_clean(), clean, "{kind}");
        }
    }
}
