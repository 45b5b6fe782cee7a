//! Torn batch: the records of one batch are in the log in part, apart, or in another order. True of writes that were
//! never acknowledged, too.

use super::evidence::{Evidence, Partition, Scan};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Action, OperationId, RecordId};
use model::Offset;
use model::map::HashMap;

/// Looks for the records of each batch in the final log.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        let Some(scan) = partition.scan else { continue };
        if evidence.topics.lives[partition.life].maybe(0, u32::MAX, |settings| settings.compacted) {
            continue;
        }
        let places: HashMap<RecordId, Offset> = partition.final_log().map(|v| (v.id, v.offset)).collect();
        for id in &partition.operations {
            check_batch(evidence, partition, scan, *id, &places, verdict);
        }
    }
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
}
