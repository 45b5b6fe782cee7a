//! Inconsistent offsets: two different records were seen at one offset.

use super::evidence::{Evidence, Version};
use super::witness;
use crate::checker::{Class, Verdict};

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
}

/// Whether both were appended in one leader epoch. A start raises the epoch before anything is served (KIP-101), so even
/// where a tail may be lost no epoch writes an offset twice.
fn in_one_epoch(a: &Version, b: &Version) -> bool {
    matches!((a.read, b.read), (Some(a), Some(b)) if a.epoch == b.epoch)
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::{Story, received};
    use crate::history::{Answer, FaultKind, Received};

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
}
