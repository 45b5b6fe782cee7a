//! Inconsistent offsets: two different records were seen at one offset.

use super::evidence::{Evidence, Partition, Version};
use super::excuse::Observation;
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::Index;

/// Looks at every offset at which more than one record was seen.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        for pair in partition.versions.windows(2) {
            let [before, after] = pair else { continue };
            if before.offset != after.offset || before.id == after.id {
                continue; // the same record with other bytes is corruption
            }
            match evidence.may_be_overwritten(partition, before, after) {
                Some(because) if !in_one_epoch(before, after) => verdict.allow(Class::InconsistentOffsets, because),
                excuse => {
                    let epoch = if excuse.is_some() { ", both in one leader epoch" } else { "" };
                    let sentence = format!(
                        "{}, is record {} to {}{epoch}",
                        witness::shown(evidence, before),
                        after.id,
                        witness::operation(evidence, after.first)
                    );
                    let operations = [before.first, after.first];
                    verdict.report(witness::anomaly(Class::InconsistentOffsets, partition, sentence, &operations));
                }
            }
        }
    }
    check_consumed(evidence, verdict);
}

/// Compares what members of groups were given with what others saw there, and with each other.
fn check_consumed(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for consumed in &evidence.consumed {
        let of_it = |log: &&Partition| log.life == consumed.life && log.name == consumed.name;
        let log = evidence.partitions.iter().find(of_it).map_or(&[][..], |log| &log.versions);
        for same in consumed.versions.chunk_by(|a, b| a.offset == b.offset) {
            let offset = same[0].offset;
            let (from, to) = (
                log.partition_point(|version| version.offset < offset),
                log.partition_point(|version| version.offset <= offset),
            );
            let mut known: Vec<&Version> = log[from..to].iter().collect();
            for version in same {
                if let (false, Some(other)) = (known.iter().any(|other| other.id == version.id), known.first()) {
                    judge_consumed(evidence, consumed, version, other, verdict);
                }
                known.push(version);
            }
        }
    }
}

/// When what was delivered was there nobody knows, so any loss in the life of the topic excuses.
fn judge_consumed(
    evidence: &Evidence<'_>,
    consumed: &Partition,
    version: &Version,
    other: &Version,
    verdict: &mut Verdict,
) {
    let from = evidence.topics.lives[consumed.life].begins;
    let of = |version| Observation { from, ..Observation::of(evidence, version) };
    let mut excuses = [version, other].into_iter().map(|one| evidence.may_be_gone(consumed, of(one), Index::MAX));
    match excuses.find_map(|excuse| excuse) {
        Some(because) if !in_one_epoch(version, other) => verdict.allow(Class::InconsistentOffsets, because),
        _ => {
            let sentence = format!(
                "{} was given record {} at offset {}, and {}",
                witness::operation(evidence, version.first),
                version.id,
                version.offset,
                witness::shown(evidence, other)
            );
            let operations = [version.first, other.first];
            verdict.report(witness::anomaly(Class::InconsistentOffsets, consumed, sentence, &operations));
        }
    }
}

/// Whether both were appended in one leader epoch. A start raises the epoch before anything is served (KIP-101), so even
/// where a tail may be lost no epoch writes an offset twice.
fn in_one_epoch(a: &Version, b: &Version) -> bool {
    matches!((a.read, b.read), (Some(a), Some(b)) if a.epoch == b.epoch)
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::{Story, received, sent};
    use crate::history::{Answer, FaultKind, Outcome, Received, RecordId, Sent, Session};

    #[test]
    fn two_records_are_acknowledged_at_one_offset() {
        let mut story = Story::with_topic(&[]);
        let (a, b) = (story.produce(0, 1), story.produce(1, 1));
        story.acknowledge(a, 0);
        story.acknowledge(b, 0);
        story.assert_only(Class::InconsistentOffsets);
    }

    #[test]
    fn two_readers_see_two_records_at_one_offset() {
        let mut story = Story::with_topic(&[]);
        story.produce(0, 1);
        story.produce(1, 1);
        story.poll(1, 0, &[(0, 0)], 1);
        story.poll(2, 0, &[(0, 1)], 1);
        story.assert_only(Class::InconsistentOffsets);
    }

    #[test]
    fn a_lost_tail_is_written_over_when_the_page_cache_was_lost() {
        for (kind, clean) in [(FaultKind::PowerFailure, true), (FaultKind::ProcessCrash, false)] {
            let mut story = Story::with_topic(&[("flush.messages", "50")]);
            story.acknowledged(0, 2);
            story.fault(kind, None);
            let next = story.produce(2, 1);
            story.acknowledge(next, 1);
            story.scan(0, 2, &[(0, 0), (1, 2)]);
            assert_eq!(story.verdict().is_clean(), clean, "{kind}");
        }
    }

    #[test]
    fn even_a_lost_tail_is_written_over_in_another_epoch() {
        for (epoch, clean) in [(0, false), (1, true)] {
            let mut story = Story::with_topic(&[("flush.messages", "50")]);
            story.produce(0, 1);
            story.produce(1, 1);
            story.poll(1, 0, &[(0, 0)], 1);
            story.fault(FaultKind::PowerFailure, None);
            let other = Received { epoch, ..received(0, 1) };
            story.scanned(Answer::Scanned { log_start: 0, end: 1, records: vec![other] });
            assert_eq!(story.verdict().is_clean(), clean, "epoch {epoch}");
        }
    }

    #[test]
    fn a_lost_tail_does_not_come_back() {
        let mut story = Story::with_topic(&[("flush.messages", "50")]);
        story.acknowledged(0, 2);
        story.fault(FaultKind::PowerFailure, None);
        let next = story.produce(2, 1);
        story.acknowledge(next, 1);
        story.poll(1, 1, &[(1, 1)], 2);
        story.assert_finds(Class::InconsistentOffsets);
    }

    /// Page cache: four were written, one timed out, and the power failed.
    fn after_the_power_failed(final_log: &[(i64, u32)]) -> Story {
        let mut story = Story::with_topic(&[("flush.messages", "50")]);
        story.acknowledged(0, 4);
        let doubtful = story.produce(9, 1);
        story.complete(doubtful, Outcome::Unknown("timed out".into()));
        story.fault(FaultKind::PowerFailure, None);
        let records = final_log.iter().map(|(offset, number)| received(*offset, *number)).collect();
        story.scanned(Answer::Scanned { log_start: 0, end: final_log.len() as i64, records });
        story
    }

    #[test]
    fn a_lost_tail_is_no_hole_in_the_middle() {
        after_the_power_failed(&[(0, 0), (1, 9)]).assert_clean();
        let story = after_the_power_failed(&[(0, 0), (1, 9), (2, 2), (3, 3)]);
        story.assert_finds(Class::InconsistentOffsets);
        story.assert_finds(Class::LostWrite);
    }

    /// What had been read and not answered was lost, too, and sent again by its producer.
    #[test]
    fn what_came_again_in_its_old_place_proves_nothing() {
        let mut story = Story::with_topic(&[("flush.messages", "50")]);
        story.acknowledged(0, 2);
        let again = story.produce(2, 1);
        story.poll(1, 2, &[(2, 2)], 3);
        let session =
            story.recorder.session(Session { process: 0, idempotent: true, may_resend: true, producer: None });
        let id = RecordId::new(session, 0);
        let other = story.produce_records(vec![Sent { id, ..sent(9) }]);
        story.fault(FaultKind::PowerFailure, None);
        let in_epoch_1 = |offset, number| Received { epoch: 1, ..received(offset, number) };
        story.acknowledge(other, 1);
        story.acknowledge(again, 2);
        let records = vec![received(0, 0), Received { id, ..in_epoch_1(1, 9) }, in_epoch_1(2, 2)];
        story.scanned(Answer::Scanned { log_start: 0, end: 3, records });
        story.assert_clean();
    }

    #[test]
    fn a_member_of_a_group_is_given_what_others_saw() {
        for (number, clean) in [(0, true), (1, false)] {
            let mut story = Story::with_topic(&[]);
            story.acknowledged(0, 1);
            story.produce(1, 1);
            story.consumed(vec![received(0, number)]);
            if clean { story.assert_clean() } else { story.assert_only(Class::InconsistentOffsets) }
        }
    }

    #[test]
    fn two_members_are_given_the_same() {
        let mut story = Story::with_topic(&[]);
        story.produce(0, 1);
        story.produce(1, 1);
        story.consumed(vec![received(0, 0)]);
        story.consumed(vec![received(0, 1)]);
        story.assert_only(Class::InconsistentOffsets);
    }

    /// A copy of its request was held up until its partition had forgotten its producer.
    #[test]
    fn what_was_answered_and_came_again_in_a_later_epoch_proves_nothing() {
        for (epoch, clean) in [(1, true), (0, false)] {
            let mut story = Story::with_topic(&[("flush.messages", "50")]);
            story.acknowledged(0, 2);
            let session = Session { process: 0, idempotent: true, may_resend: true, producer: None };
            let of = |session, number| Sent { id: RecordId::new(session, 0), ..sent(number) };
            let (copied, other) = (story.recorder.session(session.clone()), story.recorder.session(session));
            let write = story.produce_records(vec![of(copied, 8)]);
            story.acknowledge(write, 2);
            story.fault(FaultKind::PowerFailure, None);
            let write = story.produce_records(vec![of(other, 9)]);
            story.acknowledge(write, 1);
            let read =
                |offset, number, session| Received { epoch, id: RecordId::new(session, 0), ..received(offset, number) };
            let records = vec![received(0, 0), read(1, 9, other), read(2, 8, copied)];
            story.scanned(Answer::Scanned { log_start: 0, end: 3, records });
            if clean { story.assert_clean() } else { story.assert_finds(Class::LostWrite) }
        }
    }
}
