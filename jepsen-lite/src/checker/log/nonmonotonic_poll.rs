//! Nonmonotonic poll: offsets go backwards in one read, or a client that reads on begins before the end of its last
//! read.

use super::consumed::deliveries;
use super::evidence::{Evidence, Partition};
use super::external_poll_skip::{Positions, step};
use super::internal_poll_skip::read;
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Action, OperationId, Received};
use model::Offset;

/// Looks at the offsets of every read, and at each read beside the one before it.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        let mut positions = Positions::new();
        for id in &partition.operations {
            if let Some((from, records)) = read(evidence.operation(*id)) {
                within(evidence, partition, *id, (from, records), verdict);
            }
            let before = step(evidence, &mut positions, *id);
            between(evidence, partition, *id, before, verdict);
        }
    }
    for (id, name, records) in deliveries(evidence.history) {
        if let (Some(first), Some(partition)) =
            (records.first(), evidence.consumed.iter().find(|one| one.name == *name))
        {
            within(evidence, partition, id, (first.offset, records), verdict);
        }
    }
}

fn within(
    evidence: &Evidence<'_>,
    partition: &Partition,
    id: OperationId,
    (from, records): (Offset, &[Received]),
    verdict: &mut Verdict,
) {
    let mut least = from;
    for record in records {
        if record.offset < least {
            let sentence = format!(
                "{}, which began at offset {from}, returned offset {} where at least {least} should come",
                witness::operation(evidence, id),
                record.offset
            );
            verdict.report(witness::anomaly(Class::NonmonotonicPoll, partition, sentence, &[id]));
            return;
        }
        least = record.offset + 1;
    }
}

fn between(
    evidence: &Evidence<'_>,
    partition: &Partition,
    id: OperationId,
    before: Option<(i64, OperationId)>,
    verdict: &mut Verdict,
) {
    let Action::Fetch(fetch) = &evidence.operation(id).action else { return };
    let Some((end, last)) = before.filter(|(end, _)| fetch.from < *end) else { return };
    let sentence = format!(
        "{} begins at offset {}, though the client had read to {end}, {}",
        witness::operation(evidence, id),
        fetch.from,
        witness::operation(evidence, last)
    );
    verdict.report(witness::anomaly(Class::NonmonotonicPoll, partition, sentence, &[last, id]));
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::{Story, received};

    #[test]
    fn a_read_goes_back() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 3);
        story.poll(1, 0, &[(0, 0), (1, 1), (1, 1)], 3);
        story.assert_only(Class::NonmonotonicPoll);
    }

    #[test]
    fn a_read_returns_what_lies_before_its_beginning() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 3);
        story.poll(1, 1, &[(0, 0), (1, 1)], 3);
        story.assert_only(Class::NonmonotonicPoll);
    }

    #[test]
    fn a_client_that_reads_on_begins_too_early() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 3);
        story.poll(1, 0, &[(0, 0), (1, 1)], 3);
        story.poll(1, 1, &[(1, 1), (2, 2)], 3);
        story.assert_only(Class::NonmonotonicPoll);
    }

    #[test]
    fn two_clients_have_positions_of_their_own() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 3);
        story.poll(1, 0, &[(0, 0), (1, 1)], 3);
        story.poll(2, 0, &[(0, 0)], 3);
        story.poll(1, 2, &[(2, 2)], 3);
        story.assert_clean();
    }

    #[test]
    fn a_member_of_a_group_is_given_records_in_order() {
        for (offsets, clean) in [([0, 1], true), ([1, 0], false)] {
            let mut story = Story::with_topic(&[]);
            story.acknowledged(0, 2);
            story.consumed(offsets.iter().map(|offset| received(i64::from(*offset), *offset)).collect());
            if clean { story.assert_clean() } else { story.assert_only(Class::NonmonotonicPoll) }
        }
    }
}
