//! Zombie commit: a commit was taken that names an older generation than one that a member had been told of before the
//! commit was sent.
//!
//! Where the coordinator decides (KIP-848), epochs are a member's own, and one may commit in an epoch that it has left
//! while the partition has been its own all through since then. Then it is a zombie when another had been told in a later
//! epoch that the partition is its own, or when the member had gone on from an epoch in which it was without the partition.
//! In both protocols it is one when its place had been taken by a newer incarnation.

use super::evidence::{Group, Groups};
use super::spans::Told;
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Action, Answer, CommitOffset, GroupMember, Index, OperationId};
use model::TopicPartition;
use std::collections::BTreeMap;

/// Looks at every commit that was taken from a member.
pub fn check(groups: &Groups<'_>, verdict: &mut Verdict) {
    for (name, group) in &groups.groups {
        let known = Known::of(groups, group);
        for id in &group.members_commits {
            let operation = groups.operation(*id);
            let (Action::CommitOffset(commit), Some(Answer::Committed { epoch })) =
                (&operation.action, operation.answer())
            else {
                continue;
            };
            let Some(by) = &commit.by else { continue };
            let asked =
                Asked { by, epoch: by.epoch.max(*epoch), partition: &commit.partition, at: operation.invoked.index };
            let Some((later, why)) = known.later(group, &asked) else { continue };
            match groups.may_be_forgotten(group, later, groups.log.until(*id)) {
                Some(because) => verdict.allow(Class::ZombieCommit, because),
                None => report(groups, name, commit, (*id, later), why, verdict),
            }
        }
    }
}

fn report(
    groups: &Groups<'_>,
    name: &str,
    commit: &CommitOffset,
    (id, later): (OperationId, OperationId),
    why: &str,
    verdict: &mut Verdict,
) {
    let what = format!(
        "offset {} was committed by {}, though {why}: {}",
        commit.offset,
        witness::by_member(groups, id),
        witness::by_member(groups, later)
    );
    let place = (name, Some(&commit.partition));
    verdict.report(witness::anomaly(Class::ZombieCommit, place, what, &[later, id]));
}

/// A commit that was taken.
struct Asked<'a> {
    by: &'a GroupMember,
    /// The newest epoch that it can have named.
    epoch: i32,
    partition: &'a TopicPartition,
    at: Index,
}

/// Which epochs were known to somebody, by event.
#[derive(Default)]
struct Known<'g> {
    /// To anybody: grows.
    to_anybody: Vec<(Index, i32, OperationId)>,
    /// To each member: grows.
    to_member: BTreeMap<&'g str, Vec<(Index, i32, OperationId)>>,
    /// By the name of a static place: who was told last, by event.
    in_place: BTreeMap<&'g str, Vec<(Index, &'g str, OperationId)>>,
}

impl<'g> Known<'g> {
    fn of(groups: &Groups<'g>, group: &'g Group) -> Known<'g> {
        let mut events: Vec<(Index, &'g GroupMember, OperationId)> =
            group.spans.told.iter().map(|told| (told.at, &told.by, told.operation)).collect();
        for id in &group.members_commits {
            let operation = groups.operation(*id);
            if let (Action::CommitOffset(CommitOffset { by: Some(by), .. }), Some(done)) =
                (&operation.action, operation.completed)
            {
                events.push((done.index, by, *id));
            }
        }
        events.sort_by_key(|(at, ..)| *at);
        let mut known = Known::default();
        for (at, by, id) in events {
            grow(&mut known.to_anybody, at, by.epoch, id);
            grow(known.to_member.entry(&by.id).or_default(), at, by.epoch, id);
        }
        for told in &group.spans.told {
            if let Some(instance) = &told.by.instance {
                known.in_place.entry(instance).or_default().push((told.at, &told.by.id, told.operation));
            }
        }
        known
    }

    /// What shows that the group had gone on without whoever asked, and how.
    fn later(&self, group: &Group, asked: &Asked<'_>) -> Option<(OperationId, &'static str)> {
        if let Some(later) = self.incarnation(asked) {
            return Some((later, "its place had been taken by another incarnation"));
        }
        if group.may_begin_anew() {
            return None;
        }
        if !group.is_consumer {
            let (_, epoch, id) = before(&self.to_anybody, asked.at)?;
            return (epoch > asked.epoch).then_some((id, "a newer generation was known"));
        }
        let others = group.spans.of(asked.partition).iter().filter(|span| span.member != asked.by.id);
        let mut given =
            others.filter(|span| span.epochs.iter().any(|(at, epoch)| *at < asked.at && *epoch > asked.epoch));
        if let Some(span) = given.next_back() {
            return Some((span.first, "another had been given the partition in a newer epoch"));
        }
        let (_, newest, _) = before(self.to_member.get(asked.by.id.as_str())?, asked.at)?;
        let left_behind = |told: &&Told| {
            told.by.id == asked.by.id && told.at < asked.at && told.by.epoch >= asked.epoch && told.by.epoch < newest
        };
        // What it read when it went on from there.
        let told = group.spans.told.iter().rfind(left_behind)?;
        let without = !told.partitions.contains(asked.partition);
        without.then_some((told.operation, "it was without the partition in an epoch that it had left since"))
    }

    /// The operation that shows that another had taken the place of whoever asked.
    fn incarnation(&self, asked: &Asked<'_>) -> Option<OperationId> {
        let in_place = self.in_place.get(asked.by.instance.as_deref()?)?;
        let count = in_place.partition_point(|(at, ..)| *at < asked.at);
        let (_, member, id) = in_place.get(count.checked_sub(1)?)?;
        let was_there = in_place[..count].iter().any(|(_, member, _)| *member == asked.by.id);
        (*member != asked.by.id && was_there).then_some(*id)
    }
}

fn grow(known: &mut Vec<(Index, i32, OperationId)>, at: Index, epoch: i32, id: OperationId) {
    if known.last().is_none_or(|(_, last, _)| epoch > *last) {
        known.push((at, epoch, id));
    }
}

fn before(known: &[(Index, i32, OperationId)], at: Index) -> Option<(Index, i32, OperationId)> {
    let count = known.partition_point(|(since, ..)| *since < at);
    known.get(count.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::group::story::{Story, classic, consumer, fixed};
    use crate::history::{FaultKind, GroupProtocol};

    #[test]
    fn a_commit_of_an_older_generation_is_taken() {
        let mut story = Story::new();
        let old = story.owns(&classic("a", 3), &[0]);
        story.loses(old);
        story.owns(&classic("b", 4), &[0]);
        story.committed(Some(&classic("a", 3)), 0, 7, 1);
        story.assert_only(Class::ZombieCommit);
    }

    #[test]
    fn the_same_generation_may_commit_and_an_older_one_may_be_refused() {
        let mut story = Story::new();
        let old = story.owns(&classic("a", 3), &[0]);
        story.committed(Some(&classic("a", 3)), 0, 6, 1);
        story.gives_up(old);
        story.owns(&classic("a", 4), &[0]);
        story.commit_refused(Some(&classic("a", 3)), 0, 7, 2);
        story.committed(Some(&classic("a", 4)), 0, 7, 3);
        story.assert_clean();
    }

    #[test]
    fn a_commit_that_was_sent_before_anybody_knew_of_the_next_generation_may_be_taken() {
        let mut story = Story::new();
        let old = story.owns(&classic("a", 3), &[0]);
        let commit = story.commit(Some(&classic("a", 3)), 0, 7, 1);
        story.gives_up(old);
        story.owns(&classic("a", 4), &[0]);
        story.takes(commit, 3);
        story.assert_clean();
    }

    #[test]
    fn a_client_may_send_a_commit_again_as_what_it_has_become() {
        let mut story = Story::new();
        let old = story.owns(&classic("a", 3), &[0]);
        story.gives_up(old);
        story.owns(&classic("a", 4), &[0]);
        let commit = story.commit(Some(&classic("a", 3)), 0, 7, 1);
        story.takes(commit, 4);
        story.assert_clean();
    }

    #[test]
    fn with_the_consumer_protocol_a_kept_partition_may_be_committed_in_an_epoch_left_behind() {
        let mut story = Story::new();
        let first = story.owns(&consumer("a", 3), &[0, 1]);
        story.gives_up(first);
        story.owns(&consumer("a", 5), &[0, 1]);
        story.owns(&consumer("b", 5), &[2]);
        story.committed(Some(&consumer("a", 3)), 0, 7, 1);
        story.assert_clean();
    }

    #[test]
    fn with_the_consumer_protocol_the_next_owner_ends_it() {
        let mut story = Story::new();
        let first = story.owns(&consumer("a", 3), &[0, 1]);
        story.gives_up(first);
        story.owns(&consumer("b", 4), &[0]);
        story.committed(Some(&consumer("a", 3)), 0, 7, 1);
        story.assert_only(Class::ZombieCommit);
    }

    #[test]
    fn with_the_consumer_protocol_a_partition_given_up_and_left_behind_is_not_committed_in_the_old_epoch() {
        let mut story = Story::new();
        let first = story.owns(&consumer("a", 3), &[0, 1]);
        story.gives_up(first);
        let second = story.owns(&consumer("a", 3), &[1]);
        story.committed(Some(&consumer("a", 3)), 0, 7, 1);
        story.gives_up(second);
        story.assert_clean();
        story.owns(&consumer("a", 4), &[1]);
        story.committed(Some(&consumer("a", 3)), 0, 7, 2);
        story.assert_only(Class::ZombieCommit);
    }

    #[test]
    fn with_the_consumer_protocol_a_partition_may_come_later_in_an_epoch() {
        let mut story = Story::new();
        let first = story.owns(&consumer("a", 5), &[1]);
        story.gives_up(first);
        let second = story.owns(&consumer("a", 5), &[0, 1]);
        story.gives_up(second);
        story.owns(&consumer("a", 6), &[0, 1]);
        story.committed(Some(&consumer("a", 5)), 0, 7, 1);
        story.assert_clean();
    }

    #[test]
    fn epochs_of_a_group_that_goes_over_to_the_other_protocol_may_begin_anew() {
        let mut story = Story::new();
        let old = story.owns(&consumer("a", 5), &[0]);
        story.gives_up(old);
        story.owns(&classic("b", 1), &[0]);
        story.committed(Some(&classic("b", 1)), 0, 7, 1);
        story.assert_clean();
    }

    #[test]
    fn a_member_that_was_given_nothing_may_have_had_the_group_go_over_to_its_protocol() {
        for (joins, clean) in [(GroupProtocol::Classic, false), (GroupProtocol::Consumer, true)] {
            let mut story = Story::new();
            let old = story.owns(&classic("a", 1), &[0]);
            story.joins(joins);
            story.gives_up(old);
            story.owns(&classic("a", 3), &[0]);
            story.committed(Some(&classic("a", 1)), 0, 7, 1);
            assert_eq!(story.verdict().is_clean(), clean, "{joins:?}");
        }
    }

    #[test]
    fn an_incarnation_that_was_replaced_is_a_zombie() {
        let mut story = Story::new();
        let old = story.owns(&fixed(classic("a-1", 3)), &[0]);
        story.loses(old);
        story.owns(&fixed(classic("a-2", 3)), &[0]);
        story.committed(Some(&fixed(classic("a-1", 3))), 0, 7, 1);
        story.assert_only(Class::ZombieCommit);
    }

    #[test]
    fn a_group_whose_log_may_have_lost_its_tail_may_have_forgotten_the_generation() {
        for (configs, clean) in [(&[("flush.messages", "100")][..], true), (&[], false)] {
            let mut story = Story::with_offsets_topic(configs);
            let old = story.owns(&classic("a", 3), &[0]);
            story.loses(old);
            story.owns(&classic("b", 4), &[0]);
            story.fault(FaultKind::PowerFailure);
            story.committed(Some(&classic("a", 3)), 0, 7, 1);
            assert_eq!(story.verdict().is_clean(), clean, "{configs:?}");
        }
    }
}
