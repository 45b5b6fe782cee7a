//! Skipped record: an offset was committed, and a record before it, which the final log holds, had not been delivered to any
//! member of the group.
//!
//! Judged for groups whose members all begin at the start, at partitions for which nobody else committed.

use super::evidence::{Group, Groups};
use super::witness;
use crate::checker::log::evidence::Partition;
use crate::checker::log::excuse::Observation;
use crate::checker::{Class, Verdict};
use crate::history::{Acks, Action, Answer, Content, Index, Key, OperationId, RecordId};
use model::map::HashMap;
use model::{Offset, TopicPartition};

/// Looks at every commit and every lookup of one.
pub fn check(groups: &Groups<'_>, verdict: &mut Verdict) {
    for (name, group) in groups.groups.iter().filter(|(_, group)| group.from_start) {
        for (partition, register) in &group.registers {
            if register.set_from_outside {
                continue;
            }
            if let Some(log) = only_life(groups, partition) {
                check_partition(groups, (name, group), log, verdict);
            }
        }
    }
}

/// What is known of a partition whose topic had one life.
fn only_life<'g>(groups: &Groups<'g>, name: &TopicPartition) -> Option<&'g Partition> {
    let lives = groups.log.topics.of_name(&name.topic);
    let log = groups.log.partitions.iter().find(|partition| partition.name == *name)?;
    (lives.len() == 1 && log.scan.is_some()).then_some(log)
}

fn check_partition(groups: &Groups<'_>, (name, group): (&str, &Group), log: &Partition, verdict: &mut Verdict) {
    let delivered = delivered(groups, group, log);
    let Some(register) = group.registers.get(&log.name) else { return };
    let commits = register.writes.iter().filter_map(|write| write.operation);
    let claims = commits.chain(register.reads.iter().copied()).filter_map(|id| claim(groups, id));
    // What was delivered before the group was deleted was delivered; but what is committed beside that is of no known life.
    let is_of_a_life = |id: OperationId| {
        let operation = groups.operation(id);
        let life = group.life_at(operation.invoked);
        life.is_some() && operation.completed.and_then(|done| group.life_at(done)) == life
    };
    let claims = claims.filter(|(id, ..)| is_of_a_life(*id));
    for (id, offset, at) in claims {
        let count = delivered.partition_point(|(held, ..)| *held < offset);
        let Some((_, latest, missed)) = count.checked_sub(1).and_then(|last| delivered.get(last)) else { continue };
        if *latest <= at {
            continue;
        }
        let committed = Observation { from: groups.log.topics.lives[log.life].begins, to: at, acks: Acks::All };
        if let Some(because) = groups.log.may_be_gone(log, committed, groups.log.until(id)) {
            verdict.allow(Class::SkippedRecord, because);
            continue;
        }
        let sentence = format!(
            "offset {offset} was committed by {}, and no member had got the record at offset {missed}",
            witness::operation(groups.log, id)
        );
        let anomaly = witness::anomaly(Class::SkippedRecord, (name, Some(&log.name)), sentence, &[id]);
        verdict.report(anomaly);
        return; // one tells of all
    }
}

/// An offset that an operation shows to be committed, and the event before which all below it had to be delivered.
fn claim(groups: &Groups<'_>, id: OperationId) -> Option<(OperationId, Offset, Index)> {
    let operation = groups.operation(id);
    match (&operation.action, operation.answer()?) {
        (Action::CommitOffset(commit), Answer::Committed { .. }) => Some((id, commit.offset, operation.invoked.index)),
        (Action::FetchOffset(_), Answer::CommittedOffset { offset, .. }) => {
            Some((id, *offset, operation.last_effect()))
        }
        _ => None,
    }
}

/// What all who read from the start come by: the final log. In a compacted topic each replica cleans for itself: of what the
/// final log holds, another may be without all but the last record of each key, and without that if it deletes the key, or
/// if one that deleted it came later. Of that the replica which was read in the end may know nothing: it was away for longer
/// than such records are kept.
fn lasting(groups: &Groups<'_>, log: &Partition) -> Vec<Offset> {
    let is_compacted = groups.log.topics.lives[log.life].maybe(0, Index::MAX, |settings| settings.compacted);
    let key_of = |id: &RecordId| groups.log.sent.get(id).and_then(|sent| sent.key).filter(|_| is_compacted);
    let keyed = log.versions.iter().filter_map(|version| Some((key_of(&version.id)?.name, version.offset)));
    let last: HashMap<Content, Offset> = keyed.collect(); // in their order
    let lasts = |key: Key, offset: Offset| !key.deletes && last.get(&key.name) == Some(&offset);
    let all = log.final_log().map(|version| (key_of(&version.id), version.offset));
    all.filter(|(key, offset)| key.is_none_or(|key| lasts(key, *offset))).map(|(_, offset)| offset).collect()
}

/// Each of those offsets, with the event by which it and all before it were delivered, and the one that came last.
fn delivered(groups: &Groups<'_>, group: &Group, log: &Partition) -> Vec<(Offset, Index, Offset)> {
    let nothing = HashMap::default();
    let seen = group.delivered.get(&log.name).unwrap_or(&nothing);
    let mut latest = (0, 0);
    let of_offset = |offset: Offset| {
        let at = seen.get(&offset).copied().unwrap_or(Index::MAX);
        if at > latest.0 {
            latest = (at, offset);
        }
        (offset, latest.0, latest.1)
    };
    lasting(groups, log).into_iter().map(of_offset).collect()
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::group::story::{Story, classic};
    use crate::history::{FaultKind, Key};

    /// A topic whose first and third record have the same key; the second deletes its own.
    fn compacted() -> Story {
        let mut story = Story::with_topic(&[("cleanup.policy", "compact")]);
        for (name, deletes) in [(1, false), (2, true), (1, false), (3, false)] {
            story.writes(Some(Key { name, deletes }));
        }
        story
    }

    #[test]
    fn a_member_commits_behind_a_record_that_nobody_got() {
        let mut story = Story::new();
        story.written(4);
        story.owns(&classic("a", 1), &[0]);
        story.consumed("a", 0, &[0, 2]);
        story.committed(Some(&classic("a", 1)), 0, 3, 1);
        story.scan(4);
        story.assert_only(Class::SkippedRecord);
    }

    #[test]
    fn what_one_member_got_another_need_not_get() {
        let mut story = Story::new();
        story.written(4);
        story.consumed("a", 0, &[0, 1]);
        story.committed(Some(&classic("a", 1)), 0, 2, 1);
        story.consumed("b", 0, &[2]);
        story.committed(Some(&classic("b", 2)), 0, 3, 2);
        story.scan(4);
        story.assert_clean();
    }

    #[test]
    fn a_record_that_comes_after_the_commit_was_skipped_by_it() {
        let mut story = Story::new();
        story.written(2);
        story.committed(Some(&classic("a", 1)), 0, 1, 1);
        story.consumed("a", 0, &[0, 1]);
        story.scan(2);
        story.assert_only(Class::SkippedRecord);
    }

    #[test]
    fn what_is_committed_in_silence_shows_when_it_is_looked_up() {
        let mut story = Story::new();
        story.written(3);
        story.owns_with(&classic("a", 1), &[0], true, true);
        story.consumed("a", 0, &[0]);
        story.looked_up(0, 2, None);
        story.scan(3);
        story.assert_only(Class::SkippedRecord);
    }

    #[test]
    fn who_begins_at_the_end_or_is_moved_by_others_skips_on_purpose() {
        let mut story = Story::new();
        story.written(3);
        story.owns_with(&classic("a", 1), &[0], false, false);
        story.committed(Some(&classic("a", 1)), 0, 3, 1);
        story.scan(3);
        story.assert_clean();
        let mut story = Story::new();
        story.written(3);
        story.committed(None, 0, 2, 1);
        story.consumed("a", 0, &[2]);
        story.committed(Some(&classic("a", 1)), 0, 3, 2);
        story.scan(3);
        story.assert_clean();
    }

    /// The replica that a member read had let go of a deletion that the final log still had (seed 51 of groups).
    #[test]
    fn what_one_replica_of_a_compacted_topic_keeps_another_need_not_have() {
        let mut story = compacted();
        story.consumed("a", 0, &[2, 3]);
        story.committed(Some(&classic("a", 1)), 0, 4, 1);
        story.scan(4);
        story.assert_clean();
    }

    #[test]
    fn the_last_record_of_a_key_is_not_skipped() {
        let mut story = compacted();
        story.consumed("a", 0, &[0, 1, 3]);
        story.committed(Some(&classic("a", 1)), 0, 4, 1);
        story.scan(4);
        story.assert_only(Class::SkippedRecord);
    }

    /// A replica was away for longer than the deletion of a key was kept, and led when the final log was read (seed 271 of
    /// groups).
    #[test]
    fn a_record_whose_key_was_deleted_since_need_not_be_had() {
        let mut story = Story::with_topic(&[("cleanup.policy", "compact"), ("delete.retention.ms", "0")]);
        for (name, deletes) in [(1, false), (2, false), (1, false), (3, false), (3, true)] {
            story.writes(Some(Key { name, deletes }));
        }
        story.consumed("a", 0, &[1, 2]);
        story.committed(Some(&classic("a", 1)), 0, 5, 1);
        story.scan(4);
        story.assert_clean();
    }

    #[test]
    fn a_record_in_the_place_of_one_that_was_allowed_to_go_may_be_skipped() {
        for (kind, clean) in [(FaultKind::WipedDisk, true), (FaultKind::PowerFailure, false)] {
            let mut story = Story::new();
            story.written(2);
            story.consumed("a", 0, &[0]);
            story.fault(kind);
            story.committed(Some(&classic("a", 1)), 0, 2, 1);
            story.scan(2);
            assert_eq!(story.verdict().is_clean(), clean, "{kind}");
        }
    }

    #[test]
    fn what_was_skipped_before_the_group_was_deleted_was_skipped() {
        let mut story = Story::new();
        story.written(2);
        story.consumed("a", 0, &[0]);
        story.committed(Some(&classic("a", 1)), 0, 2, 1);
        story.deletes_group();
        story.scan(2);
        story.assert_only(Class::SkippedRecord);
    }
}
