//! Torn batch: the records of one batch are in the log in part, apart, or in another order. True of writes that were
//! never acknowledged, too.

use super::evidence::{Evidence, Partition, Scan};
use super::snapshots::{ToldOf, snapshots};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Action, OperationId, Received, RecordId};
use model::Offset;
use model::map::HashMap;

/// Looks for the records of each batch in the final log.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        if evidence.topics.lives[partition.life].maybe(0, u32::MAX, |settings| settings.compacted) {
            continue;
        }
        check_reads(evidence, partition, verdict);
        let Some(scan) = partition.scan else { continue };
        let places: HashMap<RecordId, Offset> = partition.final_log().map(|v| (v.id, v.offset)).collect();
        for id in &partition.operations {
            check_batch(evidence, partition, scan, *id, &places, verdict);
        }
    }
}

/// Neighbours in one read that are none in the batch of one of them.
fn check_reads(evidence: &Evidence<'_>, partition: &Partition, verdict: &mut Verdict) {
    let mut told_of = ToldOf::default();
    let final_log = partition.scan.map(|scan| scan.operation);
    for snapshot in snapshots(evidence, partition).filter(|snapshot| Some(snapshot.operation) != final_log) {
        for pair in snapshot.records.windows(2).filter(|pair| pair[0].offset + 1 == pair[1].offset) {
            let Some(batch) = parted(evidence, &pair[0], &pair[1]).filter(|_| told_of.is_new(&pair[0], &pair[1]))
            else {
                continue;
            };
            let sentence = format!(
                "record {} at offset {} is followed by record {}, which is not so in the batch that {} sent; {}",
                pair[0].id,
                pair[0].offset,
                pair[1].id,
                witness::operation(evidence, batch),
                witness::operation(evidence, snapshot.operation)
            );
            let operations = [batch, snapshot.operation];
            verdict.report(witness::anomaly(Class::TornBatch, partition, sentence, &operations));
        }
    }
}

/// The batch that does not end with the first of two neighbours, or does not begin with the second, and holds not both.
fn parted(evidence: &Evidence<'_>, first: &Received, second: &Received) -> Option<OperationId> {
    let of_batch = |record: &Received| {
        let sent = evidence.sent.get(&record.id).filter(|sent| !sent.again)?;
        match &evidence.operation(sent.operation).action {
            Action::Produce(produce) if produce.one_batch => Some((sent.operation, sent.place, produce.records.len())),
            _ => None,
        }
    };
    let (first, second) = (of_batch(first), of_batch(second));
    if let (Some((a, place, _)), Some((b, next, _))) = (first, second)
        && a == b
        && place + 1 == next
    {
        return None;
    }
    let cut = first.filter(|(_, place, count)| place + 1 < *count).map(|(batch, ..)| batch);
    cut.or_else(|| second.filter(|(_, place, _)| *place > 0).map(|(batch, ..)| batch))
}

fn check_batch(
    evidence: &Evidence<'_>,
    partition: &Partition,
    scan: Scan,
    id: OperationId,
    places: &HashMap<RecordId, Offset>,
    verdict: &mut Verdict,
) {
    let Action::Produce(produce) = &evidence.operation(id).action else { return };
    if !produce.one_batch || produce.records.len() < 2 {
        return;
    }
    let place = |record: &crate::history::Sent| places.get(&record.id).copied();
    let Some((at, offset)) = produce.records.iter().enumerate().find_map(|(at, r)| Some((at, place(r)?))) else {
        return;
    };
    let base = offset - at as Offset;
    let wrong = (base..).zip(&produce.records).find(|(expected, record)| {
        let deleted = *expected < scan.log_start && place(record).is_none();
        !deleted && place(record) != Some(*expected)
    });
    if let Some((expected, record)) = wrong {
        let found = place(record).map_or("nowhere".to_owned(), |offset| format!("at offset {offset}"));
        let sentence = format!(
            "record {} of the batch that {} sent should be at offset {expected}, since record {} is at {offset}, and is \
             {found}",
            record.id,
            witness::operation(evidence, id),
            produce.records[at].id,
        );
        verdict.report(witness::anomaly(Class::TornBatch, partition, sentence, &[id, scan.operation]));
    }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::Story;

    #[test]
    fn half_a_batch_that_timed_out_is_in_the_log() {
        let mut story = Story::with_topic(&[]);
        story.produce(0, 3);
        story.scan(0, 2, &[(0, 0), (1, 1)]);
        story.assert_only(Class::TornBatch);
    }

    #[test]
    fn another_batch_is_in_the_middle() {
        let mut story = Story::with_topic(&[]);
        story.produce(0, 2);
        story.produce(2, 1);
        story.scan(0, 3, &[(0, 0), (1, 2), (2, 1)]);
        story.assert_finds(Class::TornBatch);
    }

    #[test]
    fn a_batch_is_whole_absent_or_cut_by_a_deletion() {
        let mut story = Story::with_topic(&[]);
        story.produce(0, 2);
        story.produce(2, 2);
        let kept = story.produce(4, 3);
        story.acknowledge(kept, 2);
        story.delete_records(3, 3);
        story.scan(3, 5, &[(3, 5), (4, 6)]);
        story.assert_clean();
    }

    #[test]
    fn another_batch_is_read_in_the_middle() {
        let mut story = Story::with_topic(&[]);
        story.produce(0, 3);
        story.produce(3, 1);
        story.poll(1, 0, &[(0, 0), (1, 1), (2, 3)], 3);
        story.assert_finds(Class::TornBatch);
    }

    #[test]
    fn a_read_may_begin_and_end_in_the_middle_of_a_batch() {
        let mut story = Story::with_topic(&[]);
        story.produce(0, 3);
        story.produce(3, 3);
        story.poll(1, 1, &[(1, 1), (2, 2), (3, 3), (4, 4)], 6);
        story.assert_clean();
    }
}
