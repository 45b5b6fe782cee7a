//! Internal poll skip: one read leaves out records between those it returns, or before the first.

use super::evidence::{Evidence, Partition};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Action, Answer, Operation, OperationId, Received};
use model::Offset;

/// Looks at the offsets of every read.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        if evidence.topics.lives[partition.life].maybe(0, u32::MAX, |settings| settings.compacted) {
            continue;
        }
        for id in &partition.operations {
            if let Some((from, records)) = read(evidence.operation(*id)) {
                check_read(evidence, partition, *id, from, records, verdict);
            }
        }
    }
}

/// Where a fetch began, and what it returned.
pub fn read(operation: &Operation) -> Option<(Offset, &[Received])> {
    match (&operation.action, operation.answer()) {
        (Action::Fetch(fetch), Some(Answer::Fetched { records, .. })) => Some((fetch.from, records)),
        _ => None,
    }
}

fn check_read(
    evidence: &Evidence<'_>,
    partition: &Partition,
    id: OperationId,
    from: Offset,
    records: &[Received],
    verdict: &mut Verdict,
) {
    let mut expected = from;
    for record in records {
        if record.offset > expected {
            let sentence = format!(
                "{} began at offset {from} and went from {expected} to {} without the records between",
                witness::operation(evidence, id),
                record.offset
            );
            verdict.report(witness::anomaly(Class::InternalPollSkip, partition, sentence, &[id]));
            return;
        }
        expected = expected.max(record.offset + 1);
    }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::Story;

    #[test]
    fn a_read_leaves_out_a_record_in_the_middle() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 3);
        story.poll(1, 0, &[(0, 0), (2, 2)], 3);
        story.assert_only(Class::InternalPollSkip);
    }

    #[test]
    fn a_read_in_the_middle_of_a_batch_starts_at_the_next_one() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 3);
        story.poll(1, 1, &[(2, 2)], 3);
        story.assert_only(Class::InternalPollSkip);
    }

    #[test]
    fn whole_reads_are_fine_and_so_are_gaps_of_a_compacted_topic() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 3);
        story.poll(1, 0, &[(0, 0), (1, 1), (2, 2)], 3);
        story.assert_clean();
        let mut story = Story::with_topic(&[("cleanup.policy", "compact")]);
        story.acknowledged(0, 3);
        story.poll(1, 0, &[(0, 0), (2, 2)], 3);
        story.assert_clean();
    }
}
