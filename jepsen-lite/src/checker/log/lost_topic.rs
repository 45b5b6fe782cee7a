//! Lost topic: a topic was created, nobody deleted it, and it is not among the topics.

use super::evidence::Evidence;
use super::witness;
use crate::checker::{Anomaly, Class, Verdict};
use crate::history::{Answer, OperationId};

/// Compares each list of topics with the lives of topics.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for (id, operation) in evidence.history.operations.iter().enumerate() {
        let Some(Answer::Topics { topics }) = operation.answer() else { continue };
        if evidence.may_be_old(operation) {
            continue;
        }
        let id = id as OperationId;
        for life in &evidence.topics.lives {
            let Some(create) = life.create else { continue };
            if life.surely_alive(operation.invoked.index, operation.last_effect()) && !topics.contains(&life.topic) {
                if let Some(because) = evidence.metadata_may_be_lost(life.begins, operation.last_effect()) {
                    verdict.allow(Class::LostTopic, because);
                    continue;
                }
                let witness = format!(
                    "topic {}, created by {}, is not among the topics that {} was told of",
                    life.topic,
                    witness::operation(evidence, create),
                    witness::operation(evidence, id)
                );
                let operations = vec![create, id];
                verdict.report(Anomaly { class: Class::LostTopic, partition: None, witness, operations });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::Story;

    #[test]
    fn a_topic_that_was_created_is_gone() {
        let mut story = Story::with_topic(&[]);
        story.topics(&["other"]);
        story.assert_only(Class::LostTopic);
    }

    #[test]
    fn a_deleted_topic_may_be_gone() {
        let mut story = Story::with_topic(&[]);
        story.topics(&["t"]);
        story.delete_topic();
        story.topics(&[]);
        story.assert_clean();
    }
}
