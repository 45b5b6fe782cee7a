//! Lost topic: a topic was created, nobody deleted it, and it is not among the topics.

use super::evidence::Evidence;
use super::topics::Life;
use super::witness;
use crate::checker::{Anomaly, Class, Verdict};
use crate::history::{Answer, OperationId};

/// Compares each list of topics with the lives of topics, and these with each other.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    evidence.topics.lives.iter().for_each(|life| made_twice(evidence, life, verdict));
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

/// A topic that is there is not made: who was told that it was shows that it had gone.
fn made_twice(evidence: &Evidence<'_>, life: &Life, verdict: &mut Verdict) {
    let (Some(create), Some(again)) = (life.create, life.replaced_by) else { return };
    if let Some(because) = evidence.metadata_may_be_lost(life.begins, evidence.until(again)) {
        return verdict.allow(Class::LostTopic, because);
    }
    let witness = format!(
        "topic {}, created by {}, was created anew by {} without having been deleted",
        life.topic,
        witness::operation(evidence, create),
        witness::operation(evidence, again)
    );
    let operations = vec![create, again];
    verdict.report(Anomaly { class: Class::LostTopic, partition: None, witness, operations });
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::{Story, created, partition};
    use crate::history::{Action, Answer, Outcome};

    const UNKNOWN: &str = "timed out";

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

    #[test]
    fn a_topic_that_is_there_is_not_made_anew() {
        let mut story = Story::with_topic(&[]);
        story.create(&[]);
        story.assert_only(Class::LostTopic);
    }

    #[test]
    fn a_topic_that_was_deleted_beside_its_new_creation_was_not_lost() {
        let mut story = Story::with_topic(&[]);
        let again = story.invoke(9, created(&[]));
        story.delete_topic();
        story.complete(again, Outcome::Ok(Answer::Created { topic_id: None }));
        story.topics(&["t"]);
        story.assert_clean();
    }

    #[test]
    fn a_creation_that_is_tried_again_leaves_no_doubt_about_the_topic() {
        let mut story = Story::new();
        let first = story.invoke(9, created(&[]));
        story.complete(first, Outcome::Unknown(UNKNOWN.into()));
        story.create(&[]);
        story.acknowledged(0, 1);
        story.scan(0, 0, &[]);
        story.assert_only(Class::LostWrite);
        story.topics(&[]);
        story.assert_finds(Class::LostTopic);
    }

    #[test]
    fn a_creation_of_unknown_outcome_may_come_once_the_topic_is_deleted() {
        let mut story = Story::new();
        let first = story.invoke(9, created(&[]));
        story.complete(first, Outcome::Unknown(UNKNOWN.into()));
        story.create(&[]);
        story.delete_topic();
        story.topics(&["t"]);
        story.did(
            7,
            Action::Scan { partition: partition() },
            Answer::Scanned { log_start: 0, end: 0, records: vec![] },
        );
        story.assert_clean();
    }

    #[test]
    fn a_deletion_of_unknown_outcome_may_come_to_the_next_topic_of_the_name() {
        for (deletes_twice, clean) in [(true, true), (false, false)] {
            let mut story = Story::with_topic(&[]);
            let doubtful = story.invoke(9, Action::DeleteTopic { topic: "t".into() });
            story.complete(doubtful, Outcome::Unknown(UNKNOWN.into()));
            if deletes_twice {
                story.delete_topic();
            }
            story.create(&[]);
            story.topics(&[]);
            if clean { story.assert_clean() } else { story.assert_only(Class::LostTopic) }
        }
    }
}
