//! Deleted returned: records were deleted, and an operation that began later read them, or was told that they are
//! there.

use super::evidence::{Evidence, Partition, bounds};
use super::excuse::Observation;
use super::sweep::{Rule, sweep};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Action, Answer, Operation};
use model::Offset;

/// Compares each read with the deletions that were done before it.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        let rule = Rule {
            proves: &deleted_below,
            tells: &|operation| first_there(operation).filter(|_| !evidence.may_be_stale(operation)),
            excuse: &|found| {
                let seen = Observation::by(evidence, found.earlier);
                evidence.may_return(partition, seen, evidence.until(found.later))
            },
        };
        answered_less(evidence, partition, verdict);
        sweep(evidence, partition, Class::DeletedReturned, &rule, verdict, |verdict, found| {
            let sentence = format!(
                "{} deleted what is below offset {}, and {} then found offset {}",
                witness::operation(evidence, found.earlier),
                found.bound,
                witness::operation(evidence, found.later),
                found.told
            );
            let operations = [found.earlier, found.later];
            verdict.report(witness::anomaly(Class::DeletedReturned, partition, sentence, &operations));
        });
    }
}

/// A deletion that was done moves the log start at least as far as it was asked to.
fn answered_less(evidence: &Evidence<'_>, partition: &Partition, verdict: &mut Verdict) {
    for id in &partition.operations {
        let operation = evidence.operation(*id);
        let Action::DeleteRecords { before, .. } = &operation.action else { continue };
        let Some(Answer::RecordsDeleted { log_start }) = operation.answer() else { continue };
        if log_start < before {
            let sentence = format!(
                "{} asked to delete what is below offset {before}, and was told that it was done and the log starts at \
                 {log_start}",
                witness::operation(evidence, *id)
            );
            verdict.report(witness::anomaly(Class::DeletedReturned, partition, sentence, &[*id]));
        }
    }
}

/// Everything below was deleted, as an answer says.
pub(super) fn deleted_below(operation: &Operation) -> Option<Offset> {
    match (&operation.action, operation.answer()) {
        (Action::DeleteRecords { before, .. }, Some(Answer::RecordsDeleted { log_start })) => {
            Some((*before).max(*log_start))
        }
        _ => None,
    }
}

/// The least offset that an operation returned or was told to exist.
fn first_there(operation: &Operation) -> Option<Offset> {
    let told = bounds(operation).log_start;
    match operation.answer() {
        Some(Answer::Fetched { records, .. } | Answer::Scanned { records, .. }) => {
            records.iter().map(|record| record.offset).chain(told).min()
        }
        _ => told,
    }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::{Story, received};
    use crate::history::{Answer, FaultKind, OffsetQuery};

    fn deleted(configs: &[(&str, &str)]) -> Story {
        let mut story = Story::with_topic(configs);
        story.acknowledged(0, 3);
        story.delete_records(2, 2);
        story
    }

    #[test]
    fn a_deleted_record_is_read_again() {
        let mut story = deleted(&[]);
        story.fault(FaultKind::ProcessCrash, None);
        let answer = Answer::Fetched { records: vec![received(1, 1), received(2, 2)], high_watermark: 3, log_start: 2 };
        story.poll_answered(1, 1, answer);
        story.assert_only(Class::DeletedReturned);
    }

    #[test]
    fn the_log_starts_where_records_were_deleted() {
        let mut story = deleted(&[]);
        story.list(OffsetQuery::Earliest, 0, -1);
        story.assert_only(Class::DeletedReturned);
    }

    #[test]
    fn a_deletion_that_was_answered_less_than_it_asked_for() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 3);
        story.delete_records(2, 1);
        story.assert_only(Class::DeletedReturned);
    }

    #[test]
    fn deleted_records_stay_away_and_may_return_only_from_page_cache() {
        let mut story = deleted(&[]);
        story.poll_answered(1, 2, Answer::Fetched { records: vec![received(2, 2)], high_watermark: 3, log_start: 2 });
        story.scan(2, 3, &[(2, 2)]);
        story.assert_clean();
        let mut story = deleted(&[("flush.messages", "9")]);
        story.fault(FaultKind::ProcessCrash, None);
        story.scan(0, 3, &[(0, 0), (1, 1), (2, 2)]);
        story.assert_clean();
    }
}
