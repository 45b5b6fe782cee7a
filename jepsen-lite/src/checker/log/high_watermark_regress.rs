//! High watermark regress: the end of what can be read is told, and a read that began later is told a smaller one. The
//! final scan counts as a read.

use super::evidence::{Evidence, bounds};
use super::excuse::Observation;
use super::sweep::{Rule, sweep};
use super::witness;
use crate::checker::{Class, Verdict};

/// Compares each read with all that were done before it.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        let rule = Rule {
            proves: &|operation| bounds(operation).high_watermark,
            tells: &|operation| {
                let bounds = bounds(operation);
                bounds.high_watermark.filter(|_| !evidence.may_be_stale(operation) && !bounds.is_lookup)
            },
            excuse: &|found| {
                let seen = Observation::by(evidence, found.earlier);
                evidence.may_be_gone(partition, seen, evidence.until(found.later))
            },
        };
        sweep(evidence, partition, Class::HighWatermarkRegress, &rule, verdict, |verdict, found| {
            let sentence = format!(
                "{} was told of high watermark {}, and {} was then told of {}",
                witness::operation(evidence, found.earlier),
                found.bound,
                witness::operation(evidence, found.later),
                found.told
            );
            let operations = [found.earlier, found.later];
            verdict.report(witness::anomaly(Class::HighWatermarkRegress, partition, sentence, &operations));
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::Story;
    use crate::history::{FaultKind, OffsetQuery};

    #[test]
    fn the_end_goes_back() {
        let mut story = Story::with_topic(&[]);
        story.poll(1, 0, &[], 5);
        story.poll(1, 0, &[], 4);
        story.assert_only(Class::HighWatermarkRegress);
    }

    #[test]
    fn the_end_of_a_lookup_is_not_in_the_final_log() {
        let mut story = Story::with_topic(&[]);
        story.list(OffsetQuery::Latest, 1, -1);
        story.scan(0, 0, &[]);
        story.assert_only(Class::HighWatermarkRegress);
    }

    #[test]
    fn the_end_may_go_back_when_the_tail_may_be_lost_and_is_then_judged_anew() {
        let mut story = Story::with_topic(&[("flush.messages", "7")]);
        story.poll(1, 0, &[], 5);
        story.fault(FaultKind::PowerFailure, None);
        story.poll(1, 0, &[], 3);
        story.assert_clean();
        story.poll(1, 0, &[], 2);
        story.assert_only(Class::HighWatermarkRegress);
    }
}
