//! Stale high watermark: a read that began after a write was acknowledged is told of an end before that write.
//!
//! Judged where there is one node. In a cluster the end may lag at a replica, at a leader that was deposed, and for a while
//! at a new one (KIP-207), which is judged for lookups only.

use super::evidence::{Evidence, Partition, bounds};
use super::excuse::Observation;
use super::sweep::{Rule, sweep};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Acks, Action, Operation};
use model::Offset;

/// Compares each read with all that was acknowledged before it.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        if evidence.history.is_of_a_cluster() {
            continue;
        }
        let rule = Rule {
            proves: &|operation| committed(evidence, partition, operation),
            tells: &|operation| {
                let bounds = bounds(operation);
                let scan = matches!(operation.action, Action::Scan { .. }); // what that lacks is lost
                bounds.high_watermark.filter(|_| !bounds.is_lookup && !scan)
            },
            excuse: &|found| {
                let seen = Observation::by(evidence, found.earlier);
                evidence.may_be_gone(partition, seen, evidence.until(found.later))
            },
        };
        sweep(evidence, partition, Class::StaleHighWatermark, &rule, verdict, |verdict, found| {
            let sentence = format!(
                "{} was acknowledged up to offset {}, and {} was then told of high watermark {}",
                witness::operation(evidence, found.earlier),
                found.bound - 1,
                witness::operation(evidence, found.later),
                found.told
            );
            let operations = [found.earlier, found.later];
            verdict.report(witness::anomaly(Class::StaleHighWatermark, partition, sentence, &operations));
        });
    }
}

/// The end that an acknowledgement proves to be committed.
pub fn committed(evidence: &Evidence<'_>, partition: &Partition, operation: &Operation) -> Option<Offset> {
    let (end, acks) = bounds(operation).acknowledged?;
    let alone = evidence.topics.lives[partition.life].replicas == 1;
    (alone || acks == Acks::All).then_some(end)
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::Story;

    #[test]
    fn a_read_after_the_acknowledgement_is_told_of_an_earlier_end() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 2);
        story.poll(1, 0, &[(0, 0)], 1);
        story.assert_only(Class::StaleHighWatermark);
    }

    #[test]
    fn a_read_that_began_before_it_may_be() {
        let mut story = Story::with_topic(&[]);
        let write = story.produce(0, 1);
        story.poll(1, 0, &[], 0);
        story.acknowledge(write, 0);
        story.poll(1, 0, &[(0, 0)], 1);
        story.assert_clean();
    }
}
