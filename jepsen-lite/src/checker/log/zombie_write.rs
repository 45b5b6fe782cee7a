//! Zombie write: once a record of a producer's later epoch is in the log, none of an earlier epoch comes after it.

use super::evidence::{Evidence, Partition, Version};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::RecordId;
use model::{ProducerEpoch, ProducerId};
use std::collections::BTreeMap;

/// Walks through each final log.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        let mut latest: BTreeMap<ProducerId, (ProducerEpoch, &Version)> = BTreeMap::new();
        for version in partition.final_log().filter(|version| version.id != RecordId::FOREIGN) {
            let session = evidence.history.sessions.get(version.id.session() as usize);
            let Some((id, epoch)) = session.and_then(|session| session.producer) else { continue };
            match latest.get(&id) {
                Some((later, before)) if *later > epoch => {
                    report(evidence, partition, (id, epoch, version), (*later, before), verdict);
                }
                _ => drop(latest.insert(id, (epoch, version))),
            }
        }
    }
}

fn report(
    evidence: &Evidence<'_>,
    partition: &Partition,
    zombie: (ProducerId, ProducerEpoch, &Version),
    before: (ProducerEpoch, &Version),
    verdict: &mut Verdict,
) {
    let (id, epoch, version) = zombie;
    let sentence = format!(
        "record {} at offset {} is of epoch {epoch} of producer {id}, and follows record {} of epoch {} at offset {}; {}",
        version.id,
        version.offset,
        before.1.id,
        before.0,
        before.1.offset,
        witness::operation(evidence, version.last)
    );
    verdict.report(witness::anomaly(Class::ZombieWrite, partition, sentence, &[before.1.first, version.first]));
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::{Story, partition, received};
    use crate::history::{Acks, Action, Answer, Produce, Received, RecordId, Sent, Session};

    /// Record 0 of epoch 0 and one of epoch 1 of the same producer.
    fn two_epochs(order: [i64; 2]) -> Story {
        let mut story = Story::with_topic(&[]);
        story.produce(0, 1);
        let session = Session { process: 0, idempotent: true, may_resend: true, producer: Some((5, 1)) };
        let id = RecordId::new(story.recorder.session(session), 0);
        let old = received(order[0], 0);
        let new = Received { offset: order[1], id, ..old };
        let records = vec![Sent { id, content: new.content, timestamp: new.timestamp, key: None }];
        let produce = Produce { partition: partition(), topic_id: None, acks: Acks::All, one_batch: true, records };
        story.invoke(0, Action::Produce(produce));
        let mut records = vec![old, new];
        records.sort_by_key(|record| record.offset);
        story.scanned(Answer::Scanned { log_start: 0, end: 2, records });
        story
    }

    #[test]
    fn a_write_of_an_epoch_that_was_over_is_in_the_log() {
        two_epochs([1, 0]).assert_only(Class::ZombieWrite);
    }

    #[test]
    fn epochs_follow_each_other() {
        two_epochs([0, 1]).assert_clean();
    }
}
