//! Stale commit read: a lookup was told a commit, or that there is none, that another commit had replaced before the lookup
//! began. Lost commit: the same, once all was well.
//!
//! A coordinator that was deposed and does not know may answer what is old by the session of a broker at most.

use super::evidence::{Group, Groups};
use super::presence::{Presence, presences};
use super::register::{Register, Write};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Action, Answer, History, Index, Moment, Operation, OperationId};
use model::TopicPartition;

/// Looks at every lookup.
pub fn check(groups: &Groups<'_>, verdict: &mut Verdict) {
    for (name, group) in &groups.groups {
        for (partition, register) in &group.registers {
            let place = Place { groups, group, partition, register, present: presences(groups, group) };
            let replaced = Replaced::by_writes(register);
            let (mut stale, mut right) = (Vec::new(), Vec::new());
            for id in &register.reads {
                match place.told_what_was_replaced(&replaced, *id) {
                    Some(by) => stale.push((*id, by)),
                    None => right.push(*id),
                }
            }
            let held = Replaced::by_reads(groups.log.history, &right);
            stale.extend(right.iter().filter_map(|id| Some((*id, place.told_what_was_replaced(&held, *id)?))));
            for (id, by) in stale {
                judge(groups, (name, group, partition), register, (id, by), verdict);
            }
        }
    }
}

/// The committed offset of one partition in one group.
struct Place<'g> {
    groups: &'g Groups<'g>,
    group: &'g Group,
    partition: &'g TopicPartition,
    register: &'g Register,
    present: Vec<Presence<'g>>,
}

impl Place<'_> {
    /// What had surely replaced what a lookup was told.
    fn told_what_was_replaced(&self, replaced: &Replaced, id: OperationId) -> Option<Write> {
        let (operation, register) = (self.groups.operation(id), self.register);
        let Some(Answer::CommittedOffset { offset, mark, .. }) = operation.answer() else { return None };
        let by = replaced.before(operation)?;
        // The last event at which what was told can have been written.
        let written = match mark {
            Some(mark) => register.write_of(*mark).map(|write| write.until),
            None if *offset >= 0 => None, // by a member that commits by itself
            None if self.may_have_expired(by, operation) => None,
            None => register.removals().filter(|write| write.from <= operation.last_effect()).map(|w| w.until).max(),
        };
        (written? < by.from && by.mark != *mark).then_some(by)
    }

    /// Whether what this wrote may be gone by itself when a lookup is answered: nobody was there who needed it.
    fn may_have_expired(&self, written: Write, lookup: &Operation) -> bool {
        let (Some(operation), Some(done)) = (written.operation, lookup.completed) else { return self.group.expires };
        let since = self.groups.operation(operation).invoked;
        let is_needed = |there: &Presence<'_>| {
            there.reads(self.group, &self.partition.topic) && there.lasts(self.groups, self.group, since, done)
        };
        self.group.expires && !self.present.iter().any(is_needed)
    }
}

fn judge(
    groups: &Groups<'_>,
    (name, group, partition): (&str, &Group, &TopicPartition),
    register: &Register,
    (id, by): (OperationId, Write),
    verdict: &mut Verdict,
) {
    let operation = groups.operation(id);
    let Some(Answer::CommittedOffset { offset, mark, .. }) = operation.answer() else { return };
    let healed = groups.log.history.healed.is_some_and(|healed| healed.index < operation.invoked.index);
    let class = if healed { Class::LostCommit } else { Class::StaleCommitRead };
    verdict.judged += 1;
    let Some(seen) = by.operation else { return };
    // Of what was read the commit may have been lost before a coordinator of old told of it.
    let commit = by.mark.and_then(|mark| register.write_of(mark)?.operation);
    let mut excuses = [Some(seen), commit].into_iter().flatten();
    if let Some(because) = excuses.find_map(|seen| groups.may_be_forgotten(group, seen, operation.last_effect())) {
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
struct Replaced {
    shown: Vec<(Moment, Write)>,
}

impl Replaced {
    fn by_writes(register: &Register) -> Replaced {
        Replaced::of(register.writes.iter().filter_map(|write| Some((write.shown?, *write))).collect())
    }

    /// What was read was what there was at some time from the beginning of the lookup to its end, or a little before where a
    /// coordinator of old may have answered: what cannot have been written after that was replaced.
    fn by_reads(history: &History, reads: &[OperationId]) -> Replaced {
        let held = |id: &OperationId| {
            let operation = &history.operations[*id as usize];
            let (Action::FetchOffset(fetch), Some(Answer::CommittedOffset { mark: mark @ Some(_), .. }), Some(shown)) =
                (&operation.action, operation.answer(), operation.completed)
            else {
                return None;
            };
            let from = match fetch.may_be_old_ms {
                0 => operation.invoked.index,
                old => first_event_at(history, operation.invoked.at.saturating_sub(u64::from(old) * 1_000_000)),
            };
            let (operation, mark, until) = (Some(*id), *mark, shown.index);
            Some((shown, Write { operation, mark, from, until, shown: Some(shown) }))
        };
        Replaced::of(reads.iter().filter_map(held).collect())
    }

    fn of(mut shown: Vec<(Moment, Write)>) -> Replaced {
        shown.sort_by_key(|(at, _)| *at);
        for place in 1..shown.len() {
            if shown[place - 1].1.from > shown[place].1.from {
                shown[place].1 = shown[place - 1].1;
            }
        }
        Replaced { shown }
    }

    /// The write that began last among those that a lookup had to see.
    fn before(&self, lookup: &Operation) -> Option<Write> {
        let Action::FetchOffset(fetch) = &lookup.action else { return None };
        let old = u64::from(fetch.may_be_old_ms) * 1_000_000;
        let had_to_see =
            |(at, _): &(Moment, Write)| at.index < lookup.invoked.index && at.at + old <= lookup.invoked.at;
        let count = self.shown.partition_point(had_to_see);
        Some(self.shown.get(count.checked_sub(1)?)?.1)
    }
}

/// An event all before which were earlier than this, in nanoseconds.
fn first_event_at(history: &History, at: u64) -> Index {
    let count = history.operations.partition_point(|operation| operation.invoked.at < at);
    count.checked_sub(1).map_or(0, |last| history.operations[last].invoked.index + 1)
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
    fn what_nobody_needs_may_expire_and_what_a_member_reads_may_not() {
        for (is_there, clean) in [(true, false), (false, true)] {
            let (by, mut story) = (classic("a", 1), Story::new());
            story.written(9);
            story.owns_with(&by, &[0], false, false);
            story.committed(Some(&by), 0, 1, 1);
            story.committed(Some(&by), 0, 2, 2);
            story.looked_up_where_offsets_expire(0, -1, None);
            if is_there {
                story.committed(Some(&by), 0, 3, 3);
            }
            if clean { story.assert_clean() } else { story.assert_only(Class::StaleCommitRead) }
        }
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
        for (offset, mark) in [(5, 1), (9, 2)] {
            let mut story = Story::new();
            let one = story.commit(None, 0, 5, 1);
            let other = story.commit(None, 0, 9, 2);
            story.takes(one, -1);
            story.takes(other, -1);
            story.looked_up(0, offset, Some(mark));
            story.looked_up(0, offset, Some(mark));
            story.assert_clean();
        }
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

    /// Two commits at once may come in either order, and then that is the order.
    #[test]
    fn what_was_read_in_place_of_a_commit_has_replaced_it() {
        // Each operation takes two milliseconds in a story.
        for (told, may_be_old_ms, clean) in
            [(&[1, 1][..], 0, true), (&[1, 2], 0, false), (&[2, 1], 0, false), (&[1, 2, 1], 20, true)]
        {
            let mut story = Story::new();
            let (one, other) = (story.commit(None, 0, 1, 1), story.commit(None, 0, 2, 2));
            story.takes(one, -1);
            story.takes(other, -1);
            for mark in told {
                story.looked_up_at_old(0, i64::from(*mark), Some(u64::from(*mark as u32)), may_be_old_ms);
            }
            if clean { story.assert_clean() } else { story.assert_only(Class::StaleCommitRead) }
        }
    }

    #[test]
    fn how_offsets_are_kept_that_were_there_before_the_history_is_not_known() {
        for (kind, clean) in [(Some(FaultKind::PowerFailure), true), (Some(FaultKind::WipedDisk), true), (None, false)]
        {
            let mut story = Story::without_topics();
            story.committed(None, 0, 5, 1);
            story.committed(None, 0, 9, 2);
            kind.into_iter().for_each(|kind| story.fault(kind));
            story.looked_up(0, 5, Some(1));
            assert_eq!(story.verdict().is_clean(), clean, "{kind:?}");
        }
    }
}
