//! Log start regress: the first offset is told, and an operation that began later is told a smaller one.

use super::evidence::{Evidence, bounds};
use super::excuse::Observation;
use super::sweep::{Rule, sweep};
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
