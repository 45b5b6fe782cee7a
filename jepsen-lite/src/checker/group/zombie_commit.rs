//! Zombie commit: a commit was taken that names an older generation than one that a member had been told of before the
//! commit was sent.
//!
//! Where the coordinator decides (KIP-848), epochs are a member's own, and one may commit in an epoch that it has left
//! while the partition has been its own all through since then. Then it is a zombie when another had been told in a later
//! epoch that the partition is its own, or when the member had gone on from an epoch in which it was without the partition.
//! In both protocols it is one when its place had been taken by a newer incarnation.

use super::evidence::{Group, Groups, Life};
use super::spans::{Span, Told};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Action, Answer, CommitOffset, GroupMember, Index, Moment, OperationId};
use model::TopicPartition;
use std::collections::BTreeMap;

/// Looks at every commit that was taken from a member.
pub fn check(groups: &Groups<'_>, verdict: &mut Verdict) {
    for (name, group) in &groups.groups {
        let known = Known::of(groups, group);
        let answered = group.members_commits.iter().filter_map(|id| Some((*id, groups.operation(*id).completed?)));
        for (id, done) in answered.chain(read_in_doubt(groups, group)) {
            let operation = groups.operation(id);
            let Action::CommitOffset(commit) = &operation.action else { continue };
            let Some(by) = &commit.by else { continue };
            let epoch = match operation.answer() {
                Some(Answer::Committed { epoch }) => by.epoch.max(*epoch),
                _ => by.epoch,
            };
            let life = group.epochs_at(operation.invoked).filter(|life| group.epochs_at(done) == Some(*life));
            let asked = Asked { by, epoch, partition: &commit.partition, at: operation.invoked.index, life };
            let Some((later, why)) = known.later(group, &asked) else { continue };
            match groups.may_be_forgotten(group, later, groups.log.until(id)) {
                Some(because) => verdict.allow(Class::ZombieCommit, because),
                None => report(groups, name, commit, (id, later), why, verdict),
            }
        }
    }
}

/// Commits of which nobody heard what came of them, and which were read, with the moment: they were taken. One that was sent again may have
/// been taken as what the member was by then.
fn read_in_doubt<'g>(groups: &'g Groups<'_>, group: &'g Group) -> impl Iterator<Item = (OperationId, Moment)> + 'g {
    let writes = group.registers.values().flat_map(|register| &register.writes);
    let read = writes.filter_map(|write| Some((write.operation?, write.shown?)));
    read.filter(|(id, _)| !groups.operation(*id).is_ok() && !groups.log.history.resent.contains(id))
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
    /// The life of the group in which it was taken, where that is clear.
    life: Option<Life>,
}

/// From which event on an epoch was known, and by which operation.
type KnownEpoch = (Index, i32, OperationId);

/// That a member was given a partition.
#[derive(Clone, Copy)]
struct Given<'g> {
    epoch: i32,
    member: &'g str,
    operation: OperationId,
}

impl Given<'_> {
    fn newer_of(self, other: Self) -> Self {
        if other.epoch > self.epoch { other } else { self }
    }
}

/// From which event on, who was given a partition in the newest epoch, and in the newest of all others.
type Newest<'g> = (Index, Given<'g>, Option<Given<'g>>);

/// Which epochs were known to somebody, by event.
#[derive(Default)]
struct Known<'g> {
    /// To anybody, by life of the group: grows.
    to_anybody: BTreeMap<Life, Vec<KnownEpoch>>,
    /// To each member: grows.
    to_member: BTreeMap<(Life, &'g str), Vec<KnownEpoch>>,
    /// Each partition: who was given it in the newest epoch, by event, and in the newest of all others.
    given: BTreeMap<(Life, &'g TopicPartition), Vec<Newest<'g>>>,
    /// What each member was told, in the order of events.
    told: BTreeMap<&'g str, Vec<&'g Told>>,
    /// By the name of a static place: who was told last, by event.
    in_place: BTreeMap<&'g str, Vec<(Index, &'g str, OperationId)>>,
}

impl<'g> Known<'g> {
    fn of(groups: &Groups<'g>, group: &'g Group) -> Known<'g> {
        let mut events: Vec<(Moment, &'g GroupMember, OperationId)> =
            group.spans.told.iter().map(|told| (told.at, &told.by, told.operation)).collect();
        for id in &group.members_commits {
            let operation = groups.operation(*id);
            if let (Action::CommitOffset(CommitOffset { by: Some(by), .. }), Some(done)) =
                (&operation.action, operation.completed)
            {
                events.push((done, by, *id));
            }
        }
        events.sort_by_key(|(at, ..)| *at);
        let mut known = Known::default();
        for (at, by, id) in events {
            let Some(life) = group.epochs_at(at) else { continue };
            grow(known.to_anybody.entry(life).or_default(), at.index, by.epoch, id);
            grow(known.to_member.entry((life, &by.id)).or_default(), at.index, by.epoch, id);
        }
        for (partition, spans) in &group.spans.by_partition {
            known.note_given(group, partition, spans);
        }
        for told in &group.spans.told {
            known.told.entry(&told.by.id).or_default().push(told);
            if let Some(instance) = &told.by.instance {
                known.in_place.entry(instance).or_default().push((told.at.index, &told.by.id, told.operation));
            }
        }
        known
    }

    fn note_given(&mut self, group: &Group, partition: &'g TopicPartition, spans: &'g [Span]) {
        let mut events: Vec<(Moment, Given<'g>)> = Vec::new();
        for span in spans {
            let given = |epoch| Given { epoch, member: &span.member, operation: span.first };
            events.extend(span.epochs.iter().map(|(at, epoch)| (*at, given(*epoch))));
        }
        events.sort_by_key(|(at, _)| *at);
        for (at, given) in events {
            let Some(life) = group.epochs_at(at) else { continue };
            let newest = self.given.entry((life, partition)).or_default();
            let (first, second) = match newest.last() {
                None => (given, None),
                Some((_, first, _)) if first.member != given.member && given.epoch > first.epoch => {
                    (given, Some(*first))
                }
                Some((_, first, second)) if first.member == given.member => (first.newer_of(given), *second),
                Some((_, first, second)) => (*first, Some(second.map_or(given, |second| second.newer_of(given)))),
            };
            newest.push((at.index, first, second));
        }
    }

    /// What shows that the group had gone on without whoever asked, and how.
    fn later(&self, group: &Group, asked: &Asked<'_>) -> Option<(OperationId, &'static str)> {
        if let Some(later) = self.incarnation(asked) {
            return Some((later, "its place had been taken by another incarnation"));
        }
        let life = asked.life?;
        if !group.is_consumer {
            let (_, epoch, id) = before(self.to_anybody.get(&life)?, asked.at)?;
            return (epoch > asked.epoch).then_some((id, "a newer generation was known"));
        }
        let known = |at: Moment| at.index < asked.at && group.epochs_at(at) == Some(life);
        if let Some(given) = self.given_to_another(life, asked).filter(|given| given.epoch > asked.epoch) {
            return Some((given.operation, "another had been given the partition in a newer epoch"));
        }
        let (_, newest, _) = before(self.to_member.get(&(life, asked.by.id.as_str()))?, asked.at)?;
        let left_behind = |told: &&Told| {
            told.by.id == asked.by.id && known(told.at) && told.by.epoch >= asked.epoch && told.by.epoch < newest
        };
        // What it read when it went on from there.
        let told = self.told.get(asked.by.id.as_str())?.iter().copied().rfind(left_behind)?;
        let without = !told.partitions.contains(asked.partition);
        without.then_some((told.operation, "it was without the partition in an epoch that it had left since"))
    }

    /// The newest epoch in which another than who asked had been given the partition.
    fn given_to_another(&self, life: Life, asked: &Asked<'_>) -> Option<Given<'g>> {
        let newest = self.given.get(&(life, asked.partition))?;
        let count = newest.partition_point(|(at, ..)| *at < asked.at);
        let (_, first, second) = newest.get(count.checked_sub(1)?)?;
        if first.member == asked.by.id { *second } else { Some(*first) }
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

fn grow(known: &mut Vec<KnownEpoch>, at: Index, epoch: i32, id: OperationId) {
    if known.last().is_none_or(|(_, last, _)| epoch > *last) {
        known.push((at, epoch, id));
    }
}

fn before(known: &[KnownEpoch], at: Index) -> Option<KnownEpoch> {
    let count = known.partition_point(|(since, ..)| *since < at);
    known.get(count.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::group::story::{Story, classic, consumer, fixed};
    use crate::history::{FaultKind, GroupProtocol, Outcome};

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

    #[test]
    fn a_commit_that_nobody_heard_of_was_taken_when_it_is_read() {
        for (is_read, resent, clean) in [(true, false, false), (false, false, true), (true, true, true)] {
            let mut story = Story::new();
            let old = story.owns(&classic("a", 3), &[0]);
            story.loses(old);
            story.owns(&classic("b", 4), &[0]);
            let commit = story.commit(Some(&classic("a", 3)), 0, 7, 1);
            story.complete(commit, Outcome::Unknown("timed out".into()));
            if resent {
                story.resent(commit);
            }
            if is_read {
                story.looked_up(0, 7, Some(1));
            }
            if clean { story.assert_clean() } else { story.assert_only(Class::ZombieCommit) }
        }
    }

    #[test]
    fn generations_begin_anew_with_a_group_and_those_before_it_was_deleted_are_judged() {
        for (is_before, clean) in [(true, false), (false, true)] {
            let mut story = Story::new();
            let old = story.owns(&classic("a", 3), &[0]);
            story.loses(old);
            let next = story.owns(&classic("b", 4), &[0]);
            if is_before {
                story.committed(Some(&classic("a", 3)), 0, 7, 1);
            }
            story.gives_up(next);
            story.deletes_group();
            story.pass(60_000_000_000);
            story.owns(&classic("c", 1), &[0]);
            story.committed(Some(&classic("c", 1)), 0, 7, 2);
            if clean { story.assert_clean() } else { story.assert_only(Class::ZombieCommit) }
        }
    }
}
