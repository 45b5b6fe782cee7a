//! Hole: the final log has no record at an offset between its start and its end.

use super::evidence::Evidence;
use super::witness;
use crate::checker::{Class, Verdict};

/// Walks through each final log.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        let Some(scan) = partition.scan else { continue };
        if evidence.topics.lives[partition.life].maybe(0, u32::MAX, |settings| settings.compacted) {
            continue;
        }
        let mut expected = scan.log_start;
        let offsets = partition.final_log().map(|version| version.offset).chain([scan.end]);
        for offset in offsets.filter(|offset| *offset >= scan.log_start) {
            if offset > expected {
                let sentence = format!(
                    "{} found nothing at offsets {expected} to {} of the final log from {} to {}",
                    witness::operation(evidence, scan.operation),
                    offset - 1,
                    scan.log_start,
                    scan.end
                );
                verdict.report(witness::anomaly(Class::Hole, partition, sentence, &[scan.operation]));
            }
            expected = expected.max(offset + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::Story;

    #[test]
    fn the_final_log_has_a_hole_or_ends_too_early() {
        for records in [&[(0, 0), (2, 2)][..], &[(0, 0), (1, 1)], &[(1, 1), (2, 2)]] {
            let mut story = Story::with_topic(&[]);
            for number in 0..3 {
                story.produce(number, 1);
            }
            story.scan(0, 3, records);
            story.assert_only(Class::Hole);
        }
    }

    #[test]
    fn a_log_may_begin_anywhere_and_be_empty() {
        let mut story = Story::with_topic(&[]);
        story.delete_records(5, 5);
        story.scan(5, 5, &[]);
        story.assert_clean();
    }
}
