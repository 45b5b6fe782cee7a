//! Epoch order: along the log leader epochs only grow, and a record's epoch never changes (KIP-101).

use super::evidence::{Evidence, Partition, Version};
use super::snapshots::{ToldOf, snapshots};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{OperationId, Received};
use model::LeaderEpoch;

/// Walks through each final log and the answer to each fetch, and through what was seen of each offset.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        let mut told_of = ToldOf::default();
        for snapshot in snapshots(evidence, partition) {
            let goes_back = |pair: &[Received]| pair[0].offset < pair[1].offset && pair[0].epoch > pair[1].epoch;
            for pair in snapshot.records.windows(2).filter(|pair| goes_back(pair)) {
                if told_of.is_new(&pair[0], &pair[1]) {
                    judge_pair(evidence, partition, snapshot.operation, pair, verdict);
                }
            }
        }
        for pair in partition.versions.windows(2).filter(|p| p[0].offset == p[1].offset && p[0].id == p[1].id) {
            if epochs(&pair[0], &pair[1]).is_some_and(|(before, after)| before != after) {
                // A record that was lost may have been sent again, and have got the same offset.
                let lost = evidence.may_be_overwritten(partition, &pair[0], &pair[1]);
                judge(evidence, partition, &pair[0], &pair[1], lost, verdict);
            }
        }
    }
}

fn epochs(before: &Version, after: &Version) -> Option<(LeaderEpoch, LeaderEpoch)> {
    Some((before.read?.epoch, after.read?.epoch))
}

/// Two neighbours of one read.
fn judge_pair(
    evidence: &Evidence<'_>,
    partition: &Partition,
    read: OperationId,
    pair: &[Received],
    verdict: &mut Verdict,
) {
    let begins = evidence.topics.lives[partition.life].begins;
    if let Some(because) = evidence.may_show_unchecked_fields_wrongly(partition, begins) {
        return verdict.allow(Class::EpochOrder, because);
    }
    let (before, after) = (pair[0], pair[1]);
    let sentence = format!(
        "record {} at offset {} has leader epoch {}, and record {} behind it at offset {} has {} to {}",
        before.id,
        before.offset,
        before.epoch,
        after.id,
        after.offset,
        after.epoch,
        witness::operation(evidence, read)
    );
    verdict.report(witness::anomaly(Class::EpochOrder, partition, sentence, &[read]));
}

fn judge(
    evidence: &Evidence<'_>,
    partition: &Partition,
    before: &Version,
    after: &Version,
    excuse: Option<&'static str>,
    verdict: &mut Verdict,
) {
    let Some((epoch_before, epoch_after)) = epochs(before, after) else { return };
    let begins = evidence.topics.lives[partition.life].begins;
    if let Some(because) = excuse.or_else(|| evidence.may_show_unchecked_fields_wrongly(partition, begins)) {
        return verdict.allow(Class::EpochOrder, because);
    }
    let sentence = format!(
        "{} has leader epoch {epoch_before}, and record {} at offset {} has {epoch_after} to {}",
        witness::shown(evidence, before),
        after.id,
        after.offset,
        witness::operation(evidence, after.first)
    );
    verdict.report(witness::anomaly(Class::EpochOrder, partition, sentence, &[before.first, after.first]));
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::{Story, received};
    use crate::history::{Answer, FaultKind, FileKind, Received};

    fn scanned(epochs: [i32; 2]) -> Story {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 2);
        let record = |number: u32| Received { epoch: epochs[number as usize], ..received(i64::from(number), number) };
        story.scanned(Answer::Scanned { log_start: 0, end: 2, records: vec![record(0), record(1)] });
        story
    }

    #[test]
    fn epochs_go_back() {
        scanned([2, 1]).assert_only(Class::EpochOrder);
    }

    #[test]
    fn a_record_has_two_epochs() {
        let mut story = scanned([1, 1]);
        story.poll(1, 0, &[(0, 0)], 2);
        story.assert_only(Class::EpochOrder);
    }

    #[test]
    fn rot_in_a_field_that_no_checksum_covers_is_served() {
        let mut story = scanned([2, 1]);
        story.fault(FaultKind::RotOnRead, Some(FileKind::Segment));
        story.assert_clean();
    }

    #[test]
    fn epochs_grow_or_stay() {
        scanned([1, 1]).assert_clean();
        scanned([1, 4]).assert_clean();
    }

    #[test]
    fn epochs_go_back_in_one_read() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 2);
        let records = vec![Received { epoch: 2, ..received(0, 0) }, Received { epoch: 1, ..received(1, 1) }];
        story.poll_answered(1, 0, Answer::Fetched { records, high_watermark: 2, log_start: 0 });
        story.assert_only(Class::EpochOrder);
    }
}
