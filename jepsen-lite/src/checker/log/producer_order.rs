//! Producer order: the records of an idempotent producer are in the log in the order it sent them, acknowledged or not.

use super::evidence::{Evidence, Partition};
use super::snapshots::{Snapshot, ToldOf, snapshots};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Received, RecordId};
use crate::promise_table::{Copies, copies};
use std::collections::BTreeMap;

/// Walks through each final log, and through the answer to each fetch.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        let mut told_of = ToldOf::default();
        for snapshot in snapshots(evidence, partition) {
            check_snapshot(evidence, partition, &snapshot, &mut told_of, verdict);
        }
    }
}

fn check_snapshot(
    evidence: &Evidence<'_>,
    partition: &Partition,
    snapshot: &Snapshot<'_>,
    told_of: &mut ToldOf,
    verdict: &mut Verdict,
) {
    let mut last: BTreeMap<u32, &Received> = BTreeMap::new();
    for record in snapshot.records.iter().filter(|record| record.id != RecordId::FOREIGN) {
        let Some(session) = evidence.history.sessions.get(record.id.session() as usize) else { continue };
        if copies(session.idempotent, session.may_resend) != Copies::OnceInOrder {
            continue;
        }
        if let Some(before) = last.insert(record.id.session(), record)
            && before.id > record.id
            && told_of.is_new(before, record)
        {
            let sentence = format!(
                "record {} at offset {} was sent after record {}, which follows it at offset {}; {}",
                before.id,
                before.offset,
                record.id,
                record.offset,
                witness::operation(evidence, snapshot.operation)
            );
            let operations = [snapshot.operation];
            verdict.report(witness::anomaly(Class::ProducerOrder, partition, sentence, &operations));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::Story;

    #[test]
    fn two_records_in_flight_changed_places() {
        let mut story = Story::with_topic(&[]);
        let (a, b) = (story.produce(0, 1), story.produce(1, 1));
        story.acknowledge(b, 0);
        story.acknowledge(a, 1);
        story.scan(0, 2, &[(0, 1), (1, 0)]);
        story.assert_only(Class::ProducerOrder);
    }

    #[test]
    fn a_record_may_be_missing_when_nobody_was_told_it_was_there() {
        let mut story = Story::with_topic(&[]);
        story.produce(0, 1);
        story.produce(1, 1);
        story.produce(2, 1);
        story.scan(0, 2, &[(0, 0), (1, 2)]);
        story.assert_clean();
    }

    #[test]
    fn two_records_that_changed_places_are_seen_by_any_reader() {
        let mut story = Story::with_topic(&[]);
        let (a, b) = (story.produce(0, 1), story.produce(1, 1));
        story.acknowledge(b, 0);
        story.acknowledge(a, 1);
        story.poll(1, 0, &[(0, 1), (1, 0)], 2);
        story.poll(2, 0, &[(0, 1), (1, 0)], 2);
        story.assert_only(Class::ProducerOrder);
        assert_eq!(story.verdict().counts[&Class::ProducerOrder], 1, "one tells of all");
    }
}
