//! Double owner: two members of a group were given the same partition in the same epoch; or one was given it while another
//! read it that had not given it up, and whom the group went on taking for a member.
//!
//! In the classic protocol whoever comes takes a static place; with KIP-848 only once the member before has left it, or the
//! group has gone on without it.
//!
//! A member that is silent for too long is put out without knowing, so that another may read what it still reads. It is
//! no member then, and nothing that it asks is granted.

use super::evidence::{Group, Groups, Life};
use super::spans::{Span, Told};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Action, GroupProtocol, Index, OperationId};
use model::TopicPartition;
use std::collections::BTreeMap;

/// Looks at every partition of every group.
pub fn check(groups: &Groups<'_>, verdict: &mut Verdict) {
    for (name, group) in &groups.groups {
        let granted = granted(groups, group);
        taken_places(groups, (name, group), verdict);
        for (partition, spans) in &group.spans.by_partition {
            let place = (*name, partition);
            same_epoch(groups, group, place, verdict);
            let mut open: Vec<&Span> = Vec::new(); // in the order of their beginnings
            for later in spans {
                open.retain(|earlier| earlier.until > later.from.index);
                for earlier in &open {
                    at_once(groups, group, place, (earlier, later), &granted, verdict);
                }
                open.push(later);
            }
        }
    }
}

/// Commits that were taken, by member.
fn granted<'g>(groups: &Groups<'g>, group: &Group) -> BTreeMap<&'g str, Vec<OperationId>> {
    let mut granted: BTreeMap<&str, Vec<OperationId>> = BTreeMap::new();
    for id in &group.members_commits {
        if let Action::CommitOffset(commit) = &groups.operation(*id).action
            && let Some(by) = &commit.by
        {
            granted.entry(&by.id).or_default().push(*id);
        }
    }
    granted
}

fn same_epoch(groups: &Groups<'_>, group: &Group, (name, partition): (&str, &TopicPartition), verdict: &mut Verdict) {
    let mut owners: BTreeMap<(Life, i32), &Span> = BTreeMap::new();
    for span in group.spans.of(partition) {
        for (at, epoch) in &span.epochs {
            let Some(life) = group.epochs_at(*at) else { continue };
            let owner = *owners.entry((life, *epoch)).or_insert(span);
            let same_place = owner.instance.is_some() && owner.instance == span.instance;
            if owner.member == span.member || same_place {
                continue;
            }
            if let Some(because) = groups.may_be_forgotten(group, owner.first, at.index) {
                verdict.allow(Class::DoubleOwner, because);
                continue;
            }
            let (one, other) = (witness::by_member(groups, owner.first), witness::by_member(groups, span.first));
            let what = format!("two were given it in epoch {epoch}: {one}; and {other}");
            let operations = [owner.first, span.first];
            verdict.report(witness::anomaly(Class::DoubleOwner, (name, Some(partition)), what, &operations));
        }
    }
}

/// With KIP-848 a static place is given to the next only once the member before has left it, or the group has gone on without
/// that member, in an epoch that it never knew.
fn taken_places(groups: &Groups<'_>, (name, group): (&str, &Group), verdict: &mut Verdict) {
    let known = known_epochs(groups, group);
    let mut last: BTreeMap<(&str, &str), &Told> = BTreeMap::new(); // by place and member
    for next in group.spans.told.iter().filter(|told| told.by.protocol == GroupProtocol::Consumer) {
        let Some(place) = next.by.instance.as_deref() else { continue };
        let is_new = last.insert((place, &next.by.id), next).is_none();
        if !is_new {
            continue;
        }
        let before = last.range((place, "")..).take_while(|((of, _), _)| *of == place);
        let others = before.filter(|((_, member), told)| **member != next.by.id && told.cut_short);
        for ((_, member), told) in others {
            let Some(life) = group.epochs_at(next.at).filter(|life| group.epochs_at(told.at) == Some(*life)) else {
                continue;
            };
            let known = known.get(&(life, *member)).copied().unwrap_or(-1);
            if known < next.by.epoch {
                continue;
            }
            if let Some(because) = groups.may_be_forgotten(group, told.operation, next.at.index) {
                verdict.allow(Class::DoubleOwner, because);
                continue;
            }
            let what = format!(
                "its place was given to {}, though {}, which had known epoch {known}, had not left it",
                witness::by_member(groups, next.operation),
                witness::by_member(groups, told.operation)
            );
            let operations = [told.operation, next.operation];
            verdict.report(witness::anomaly(Class::DoubleOwner, (name, None), what, &operations));
        }
    }
}

/// The newest epoch that each member knew of in a life of the group: it was told what to read in it, or committed in it.
fn known_epochs<'g>(groups: &Groups<'g>, group: &'g Group) -> BTreeMap<(Life, &'g str), i32> {
    let commits = group.members_commits.iter().filter_map(|id| match &groups.operation(*id).action {
        Action::CommitOffset(commit) => Some((groups.operation(*id).invoked, commit.by.as_ref()?)),
        _ => None,
    });
    let mut newest: BTreeMap<(Life, &str), i32> = BTreeMap::new();
    for (at, by) in group.spans.told.iter().map(|told| (told.at, &told.by)).chain(commits) {
        if let Some(life) = group.epochs_at(at) {
            let epoch = newest.entry((life, &by.id)).or_insert(by.epoch);
            *epoch = by.epoch.max(*epoch);
        }
    }
    newest
}

fn at_once(
    groups: &Groups<'_>,
    group: &Group,
    (name, partition): (&str, &TopicPartition),
    (earlier, later): (&Span, &Span),
    granted: &BTreeMap<&str, Vec<OperationId>>,
    verdict: &mut Verdict,
) {
    if earlier.member == later.member {
        return;
    }
    let within = |id: &&OperationId| {
        let invoked: Index = groups.operation(**id).invoked.index;
        invoked > later.from.index && invoked < earlier.until
    };
    let Some(proof) = granted.get(earlier.member.as_str()).and_then(|taken| taken.iter().find(within)) else { return };
    if let Some(because) = groups.may_be_forgotten(group, later.first, groups.log.until(*proof)) {
        verdict.allow(Class::DoubleOwner, because);
        return;
    }
    let what = format!(
        "{} was given it while another read it, {}, who had not given it up and of whom a commit was taken after that, {}",
        witness::by_member(groups, later.first),
        witness::by_member(groups, earlier.last),
        witness::operation(groups.log, *proof)
    );
    let operations = [earlier.last, later.first, *proof];
    verdict.report(witness::anomaly(Class::DoubleOwner, (name, Some(partition)), what, &operations));
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::group::story::{Story, classic, consumer, fixed};

    #[test]
    fn two_members_are_given_a_partition_in_one_generation() {
        let mut story = Story::new();
        story.owns(&classic("a", 3), &[0]);
        story.owns(&classic("b", 3), &[0, 1]);
        story.assert_only(Class::DoubleOwner);
    }

    #[test]
    fn one_after_the_other_may_have_it_and_one_may_keep_it() {
        let mut story = Story::new();
        let first = story.owns(&classic("a", 3), &[0, 1]);
        story.gives_up(first);
        story.owns(&classic("a", 4), &[1]);
        story.owns(&classic("b", 4), &[0]);
        story.assert_clean();
    }

    #[test]
    fn a_partition_that_was_kept_counts_in_the_later_epoch_too() {
        let mut story = Story::new();
        let first = story.owns(&consumer("a", 3), &[0]);
        story.gives_up(first);
        story.owns(&consumer("a", 5), &[0]);
        story.owns(&consumer("b", 5), &[0]);
        story.assert_only(Class::DoubleOwner);
    }

    #[test]
    fn a_member_that_was_put_out_may_not_know_yet() {
        let mut story = Story::new();
        let old = story.owns(&classic("a", 3), &[0]);
        story.owns(&classic("b", 4), &[0]);
        story.commit_refused(Some(&classic("a", 3)), 0, 7, 1);
        story.loses(old);
        story.assert_clean();
    }

    /// Nothing else happened between its loss and its return, and both were taken for one reading.
    #[test]
    fn a_member_that_comes_back_at_once_has_not_read_in_between() {
        let mut story = Story::new();
        let old = story.owns(&consumer("a", 3), &[0]);
        let other = story.owns(&consumer("b", 4), &[0]);
        story.gives_up(other);
        story.loses(old);
        story.owns(&consumer("a", 5), &[0]);
        story.committed(Some(&consumer("a", 5)), 0, 7, 1);
        story.assert_clean();
    }

    #[test]
    fn a_member_that_still_counts_as_one_has_not_given_its_partition_up() {
        let mut story = Story::new();
        let old = story.owns(&consumer("a", 3), &[0, 1]);
        story.owns(&consumer("b", 4), &[0]);
        story.committed(Some(&consumer("a", 3)), 1, 7, 1);
        story.loses(old);
        story.assert_only(Class::DoubleOwner);
    }

    #[test]
    fn a_static_place_of_the_consumer_protocol_is_given_to_the_next_once_it_was_left() {
        for (left, epoch, clean) in [(true, 4, true), (false, 5, true), (false, 4, false)] {
            let mut story = Story::new();
            let old = story.owns(&fixed(consumer("a-1", 3)), &[0]);
            story.committed(Some(&fixed(consumer("a-1", 4))), 0, 7, 1);
            if left {
                story.gives_up(old);
            } else {
                story.crashes(old);
            }
            story.owns(&fixed(consumer("a-2", epoch)), &[0]);
            assert_eq!(story.verdict().is_clean(), clean, "left {left}, epoch {epoch}");
            if !clean {
                story.assert_only(Class::DoubleOwner);
            }
        }
    }

    #[test]
    fn a_static_member_that_came_back_replaces_itself() {
        let mut story = Story::new();
        story.owns(&fixed(classic("a-1", 3)), &[0]);
        story.owns(&fixed(classic("a-2", 3)), &[0]);
        story.committed(Some(&fixed(classic("a-2", 3))), 0, 7, 1);
        story.assert_clean();
        story.committed(Some(&fixed(classic("a-1", 3))), 0, 8, 2);
        story.assert_finds(Class::DoubleOwner);
    }

    #[test]
    fn what_a_group_was_before_it_was_deleted_is_judged_and_what_it_has_been_since() {
        for (deletes_between, clean) in [(true, true), (false, false)] {
            let mut story = Story::new();
            let one = story.owns(&classic("a", 3), &[0]);
            if deletes_between {
                story.gives_up(one);
                story.deletes_group();
                story.pass(60_000_000_000);
            }
            story.owns(&classic("b", 3), &[0]);
            if !deletes_between {
                story.deletes_group();
            }
            if clean {
                story.assert_clean()
            } else {
                story.assert_only(Class::DoubleOwner)
            }
            if deletes_between {
                story.owns(&classic("c", 3), &[0]);
                story.assert_only(Class::DoubleOwner);
            }
        }
    }
}
