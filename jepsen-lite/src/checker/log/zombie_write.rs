//! Zombie write: once a record of a producer's later epoch is in the log, none of an earlier epoch comes after it.

use super::evidence::{Evidence, Partition};
use super::snapshots::{Snapshot, ToldOf, snapshots};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{OperationId, Received, RecordId};
use model::{ProducerEpoch, ProducerId};
use std::collections::BTreeMap;

/// Walks through each final log, and through the answer to each fetch.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        let mut told_of = ToldOf::default();
        for snapshot in snapshots(evidence, partition) {
            check_snapshot(evidence, partition, &snapshot, &mut told_of, verdict);
        }
    }
}

fn check_snapshot(
    evidence: &Evidence<'_>,
    partition: &Partition,
    snapshot: &Snapshot<'_>,
    told_of: &mut ToldOf,
    verdict: &mut Verdict,
) {
    let mut latest: BTreeMap<ProducerId, (ProducerEpoch, &Received)> = BTreeMap::new();
    for record in snapshot.records.iter().filter(|record| record.id != RecordId::FOREIGN) {
        let session = evidence.history.sessions.get(record.id.session() as usize);
        let Some((id, epoch)) = session.and_then(|session| session.producer) else { continue };
        match latest.get(&id) {
            Some((later, before)) if *later > epoch => {
                if told_of.is_new(before, record) {
                    let zombie = (id, epoch, record);
                    report(evidence, partition, snapshot.operation, zombie, (*later, before), verdict);
                }
            }
            _ => drop(latest.insert(id, (epoch, record))),
        }
    }
}

fn report(
    evidence: &Evidence<'_>,
    partition: &Partition,
    read: OperationId,
    zombie: (ProducerId, ProducerEpoch, &Received),
    before: (ProducerEpoch, &Received),
    verdict: &mut Verdict,
) {
    let (id, epoch, record) = zombie;
    let sentence = format!(
        "record {} at offset {} is of epoch {epoch} of producer {id}, and follows record {} of epoch {} at offset {}; {}",
        record.id,
        record.offset,
        before.1.id,
        before.0,
        before.1.offset,
        witness::operation(evidence, read)
    );
    verdict.report(witness::anomaly(Class::ZombieWrite, partition, sentence, &[read]));
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::{Story, partition, received};
    use crate::history::{Acks, Action, Answer, Produce, Received, RecordId, Sent, Session};

    /// Record 0 of epoch 0 and one of epoch 1 of the same producer, in the final log.
    fn two_epochs(order: [i64; 2]) -> Story {
        let (mut story, records) = two_epochs_written(order);
        story.scanned(Answer::Scanned { log_start: 0, end: 2, records });
        story
    }

    fn two_epochs_written(order: [i64; 2]) -> (Story, Vec<Received>) {
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
        (story, records)
    }

    #[test]
    fn a_write_of_an_epoch_that_was_over_is_in_the_log() {
        two_epochs([1, 0]).assert_only(Class::ZombieWrite);
    }

    #[test]
    fn epochs_follow_each_other() {
        two_epochs([0, 1]).assert_clean();
    }

    #[test]
    fn a_write_of_an_epoch_that_was_over_is_seen_by_any_reader() {
        let (mut story, records) = two_epochs_written([1, 0]);
        story.poll_answered(1, 0, Answer::Fetched { records, high_watermark: 2, log_start: 0 });
        story.assert_only(Class::ZombieWrite);
    }
}
