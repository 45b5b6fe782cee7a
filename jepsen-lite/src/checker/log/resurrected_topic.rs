//! Resurrected topic: a topic, or a record of it, is seen after its deletion was done.

use super::evidence::{Evidence, Partition, Version};
use super::topics::{Home, topic_of};
use super::witness;
use crate::checker::{Anomaly, Class, Verdict};
use crate::history::{Action, Answer, OperationId};

/// Looks for answers about topics that are gone, and for records of an earlier life.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for id in 0..evidence.history.operations.len() as OperationId {
        answered_after_death(evidence, id, verdict);
        listed_after_death(evidence, id, verdict);
    }
    for partition in &evidence.partitions {
        for version in &partition.versions {
            record_of_an_earlier_life(evidence, partition, version, verdict);
        }
    }
}

fn answered_after_death(evidence: &Evidence<'_>, id: OperationId, verdict: &mut Verdict) {
    let operation = evidence.operation(id);
    let creates = matches!(operation.action, Action::CreateTopic(_) | Action::DeleteTopic { .. });
    let acks_none = matches!(operation.answer(), Some(Answer::Produced { base_offset: None }));
    if evidence.homes[id as usize] != Home::Nowhere || creates || acks_none || !operation.is_ok() {
        return;
    }
    if let Some(topic) = topic_of(&operation.action) {
        report(
            evidence,
            verdict,
            format!("{} was answered, though topic {topic} had been deleted", witness::operation(evidence, id)),
            id,
        );
    }
}

fn listed_after_death(evidence: &Evidence<'_>, id: OperationId, verdict: &mut Verdict) {
    let operation = evidence.operation(id);
    let Some(Answer::Topics { topics }) = operation.answer() else { return };
    if evidence.may_be_old(operation) {
        return;
    }
    for topic in topics.iter().filter(|topic| !evidence.topics.of_name(topic).is_empty()) {
        if evidence.topics.home(topic, None, operation.invoked.index, operation.last_effect()) == Home::Nowhere {
            report(
                evidence,
                verdict,
                format!("{} was told of topic {topic}, which had been deleted", witness::operation(evidence, id)),
                id,
            );
        }
    }
}

fn record_of_an_earlier_life(evidence: &Evidence<'_>, partition: &Partition, version: &Version, verdict: &mut Verdict) {
    let (Some(read), Some(sent)) = (version.first_read, evidence.sent.get(&version.id)) else { return };
    let Home::One(life) = evidence.homes[sent.operation as usize] else { return };
    let lives = &evidence.topics.lives;
    if life == partition.life || lives[life].topic != lives[partition.life].topic {
        return; // a record of another topic is corruption
    }
    if may_have_come_late(evidence, sent.operation) {
        return verdict
            .allow(Class::ResurrectedTopic, "a request that names a topic alone may come late, to the next of it");
    }
    let sentence = format!(
        "record {}, sent by {} before the topic was deleted and made anew, was read at offset {} by {}",
        version.id,
        witness::operation(evidence, sent.operation),
        version.offset,
        witness::operation(evidence, read)
    );
    verdict.report(witness::anomaly(Class::ResurrectedTopic, partition, sentence, &[sent.operation, read]));
}

/// Whether a write named the topic without its id and was sent more than once, or may have been, since something went wrong:
/// an attempt that was held up is delivered when another topic has the name.
fn may_have_come_late(evidence: &Evidence<'_>, id: OperationId) -> bool {
    let operation = evidence.operation(id);
    let Action::Produce(produce) = &operation.action else { return false };
    let until = operation.completed.map_or(u64::MAX, |completed| completed.at);
    let mut faults = evidence.history.faults.iter();
    let went_wrong =
        faults.any(|fault| fault.began.at <= until && fault.ended.is_none_or(|ended| ended.at >= operation.invoked.at));
    let was_sent_again = evidence.history.resent.contains(&id);
    produce.topic_id.is_none() && (was_sent_again || went_wrong)
}

fn report(evidence: &Evidence<'_>, verdict: &mut Verdict, witness: String, id: OperationId) {
    if let Some(because) = evidence.metadata_may_be_lost(0, evidence.until(id)) {
        return verdict.allow(Class::ResurrectedTopic, because);
    }
    verdict.report(Anomaly { class: Class::ResurrectedTopic, partition: None, witness, operations: vec![id] });
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::Story;
    use crate::history::FaultKind;

    fn deleted() -> Story {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 1);
        story.delete_topic();
        story
    }

    #[test]
    fn a_deleted_topic_is_listed() {
        let mut story = deleted();
        story.topics(&["t"]);
        story.assert_only(Class::ResurrectedTopic);
    }

    #[test]
    fn a_deleted_topic_is_read() {
        let mut story = deleted();
        story.poll(1, 0, &[(0, 0)], 1);
        story.assert_only(Class::ResurrectedTopic);
    }

    #[test]
    fn a_topic_made_anew_holds_a_record_of_its_earlier_life() {
        let mut story = deleted();
        story.create(&[]);
        story.poll(1, 0, &[(0, 0)], 1);
        story.assert_only(Class::ResurrectedTopic);
    }

    /// The first attempt was held up by a cut until the topic was another one (seed 16 of one node).
    #[test]
    fn a_write_that_was_held_up_comes_to_the_next_topic_of_the_name() {
        let mut story = Story::with_topic(&[]);
        let write = story.produce(0, 1);
        story.fault(FaultKind::Cut, None);
        story.acknowledge(write, 0);
        story.delete_topic();
        story.create(&[]);
        story.poll(1, 0, &[(0, 0)], 1);
        story.assert_clean();
    }

    #[test]
    fn a_write_that_was_sent_again_may_come_to_the_next_topic_of_the_name() {
        let mut story = Story::with_topic(&[]);
        let write = story.produce(0, 1);
        story.recorder.resent(write);
        story.acknowledge(write, 0);
        story.delete_topic();
        story.create(&[]);
        story.poll(1, 0, &[(0, 0)], 1);
        story.assert_clean();
    }

    #[test]
    fn a_topic_made_anew_is_a_new_topic() {
        let mut story = deleted();
        story.topics(&["other"]);
        story.create(&[]);
        story.topics(&["t"]);
        let write = story.produce(1, 1);
        story.acknowledge(write, 0);
        story.poll(1, 0, &[(0, 1)], 1);
        story.scan(0, 1, &[(0, 1)]);
        story.assert_clean();
    }
}
