//! Epoch order: along the log leader epochs only grow, and a record's epoch never changes (KIP-101).

use super::evidence::{Evidence, Partition, Version};
use super::witness;
use crate::checker::{Class, Verdict};
use model::LeaderEpoch;

/// Walks through each final log, and through what was seen of each offset.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        let log: Vec<&Version> = partition.final_log().collect();
        for pair in log.windows(2).filter(|pair| pair[0].offset < pair[1].offset) {
            if epochs(pair[0], pair[1]).is_some_and(|(before, after)| before > after) {
                judge(evidence, partition, pair[0], pair[1], None, verdict);
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
}
