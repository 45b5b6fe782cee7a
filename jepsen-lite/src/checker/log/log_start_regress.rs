//! Log start regress: the first offset is told, and an operation that began later is told a smaller one.
//!
//! A leader shows where its log starts as soon as it has deleted something itself, as Kafka does, and answers the
//! deletion once every replica that could lead has deleted it too. What was shown in between may be taken back.

use super::deleted_returned::deleted_below;
use super::evidence::{Evidence, Partition, bounds};
use super::excuse::Observation;
use super::sweep::{Finding, Rule, sweep};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Action, Operation};
use model::Offset;

/// Compares each operation that was told with all that were done before it.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        let rule = Rule {
            proves: &told,
            tells: &|operation| told(operation).filter(|_| !evidence.may_be_stale(operation)),
            excuse: &|found| {
                if evidence.history.is_of_a_cluster() && evidence.expires(partition, evidence.until(found.later)) {
                    return Some("each replica takes old segments away by itself, and a new leader may have kept more");
                }
                if is_of_one_leader(evidence, partition, found) {
                    return Some("a deletion that was not answered may be its leader's alone, and another one leads");
                }
                let seen = Observation::by(evidence, found.earlier);
                evidence.may_return(partition, seen, evidence.until(found.later))
            },
        };
        sweep(evidence, partition, Class::LogStartRegress, &rule, verdict, |verdict, found| {
            let sentence = format!(
                "{} was told of log start {}, and {} was then told of {}",
                witness::operation(evidence, found.earlier),
                found.bound,
                witness::operation(evidence, found.later),
                found.told
            );
            let operations = [found.earlier, found.later];
            verdict.report(witness::anomaly(Class::LogStartRegress, partition, sentence, &operations));
        });
    }
}

/// Whether the log start that was seen is where a deletion was asked to begin what is kept, in a cluster, and no deletion
/// as far as there had been answered when the smaller one was asked for.
fn is_of_one_leader(evidence: &Evidence<'_>, partition: &Partition, found: Finding) -> bool {
    let (seen, asked_again) = (evidence.until(found.earlier), evidence.since(found.later));
    let operations = || partition.operations.iter().map(|id| evidence.operation(*id));
    let answered = |operation: &Operation| {
        let by_then = operation.is_ok() && operation.completed.is_some_and(|done| done.index < asked_again);
        by_then && deleted_below(operation).is_some_and(|below| below >= found.bound)
    };
    let asked = |operation: &Operation| match operation.action {
        Action::DeleteRecords { before, .. } => {
            !operation.is_failed() && operation.invoked.index < seen && (before < 0 || before == found.bound)
        }
        _ => false,
    };
    let asked = partition.deletions.iter().any(|id| asked(evidence.operation(*id)));
    evidence.history.is_of_a_cluster() && asked && !operations().any(answered)
}

/// Deletions are judged by themselves.
fn told(operation: &Operation) -> Option<Offset> {
    bounds(operation).log_start.filter(|_| !matches!(operation.action, Action::DeleteRecords { .. }))
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::Story;
    use crate::history::{FaultKind, OffsetQuery};

    #[test]
    fn the_log_start_goes_back() {
        let mut story = Story::with_topic(&[("retention.ms", "1")]);
        story.list(OffsetQuery::Earliest, 5, -1);
        story.list(OffsetQuery::Earliest, 4, -1);
        story.assert_only(Class::LogStartRegress);
    }

    #[test]
    fn it_goes_forward_and_back_only_where_it_is_not_kept() {
        for (configs, clean) in [(&[("flush.messages", "7"), ("retention.ms", "1")][..], true), (&[], false)] {
            let mut story = Story::with_topic(configs);
            story.list(OffsetQuery::Earliest, 4, -1);
            story.list(OffsetQuery::Earliest, 5, -1);
            story.fault(FaultKind::ProcessCrash, None);
            story.list(OffsetQuery::Earliest, 4, -1);
            assert_eq!(story.verdict().is_clean(), clean, "{configs:?}");
        }
    }
}
