//! Nonmonotonic send: a write was acknowledged, then another was sent, by anyone, and went before it in the log.

use super::evidence::{Evidence, bounds};
use super::excuse::Observation;
use super::sweep::{Rule, sweep};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Answer, Operation};
use model::Offset;

/// Compares each acknowledgement with all that came before the write was sent.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        let rule = Rule {
            proves: &|operation| bounds(operation).acknowledged.map(|(end, _)| end),
            tells: &base_offset,
            excuse: &|found| {
                let seen = Observation::by(evidence, found.earlier);
                let gone = evidence.may_be_gone(partition, seen, evidence.until(found.later));
                // A leader that was deposed and has not heard of it acknowledges what it will have to cut off.
                gone.or_else(|| {
                    let later = Observation::by(evidence, found.later);
                    evidence.may_be_gone(partition, later, evidence.until(found.later))
                })
            },
        };
        sweep(evidence, partition, Class::NonmonotonicSend, &rule, verdict, |verdict, found| {
            let sentence = format!(
                "{} was acknowledged up to offset {}, and then {} was sent and got offset {}",
                witness::operation(evidence, found.earlier),
                found.bound - 1,
                witness::operation(evidence, found.later),
                found.told
            );
            let operations = [found.earlier, found.later];
            verdict.report(witness::anomaly(Class::NonmonotonicSend, partition, sentence, &operations));
        });
    }
}

fn base_offset(operation: &Operation) -> Option<Offset> {
    match operation.answer() {
        Some(Answer::Produced { base_offset }) => *base_offset,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::Story;

    #[test]
    fn a_later_write_gets_an_earlier_offset() {
        let mut story = Story::with_topic(&[]);
        let early = story.produce(0, 1);
        story.acknowledge(early, 5);
        let late = story.produce(1, 1);
        story.acknowledge(late, 3);
        story.assert_only(Class::NonmonotonicSend);
    }

    #[test]
    fn writes_that_overlap_may_go_either_way() {
        let mut story = Story::with_topic(&[]);
        let (a, b) = (story.produce(0, 1), story.produce(1, 1));
        story.acknowledge(a, 1);
        story.acknowledge(b, 0);
        story.assert_clean();
    }
}
