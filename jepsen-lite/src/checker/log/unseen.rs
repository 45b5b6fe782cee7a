//! Unseen: a client that follows a partition, and went on following it after all was healed, stopped before an
//! acknowledged record.

use super::evidence::{Evidence, Partition, Scan};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Action, Answer, OperationId, Process};
use model::{Offset, Uuid};
use std::collections::BTreeMap;

/// Looks at how far each follower came.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    let Some(healed) = evidence.history.healed else { return };
    for partition in &evidence.partitions {
        if let Some(scan) = partition.scan {
            check_partition(evidence, partition, scan, healed.index, verdict);
        }
    }
}

fn check_partition(evidence: &Evidence<'_>, partition: &Partition, scan: Scan, healed: u32, verdict: &mut Verdict) {
    for (process, (position, last)) in positions(evidence, partition, healed) {
        let due = |id: OperationId| evidence.until(id) < evidence.since(last);
        let missed = partition.final_log().find(|v| v.offset >= position && v.acknowledged.is_some_and(due));
        let Some(missed) = missed.filter(|_| brought_nothing(evidence, last)) else { continue };
        let sentence = format!(
            "client {process} followed it to offset {position}, last in {}, and never got record {} at offset {}, \
             which the final log holds",
            witness::operation(evidence, last),
            missed.id,
            missed.offset
        );
        let operations = [last, missed.acknowledged.unwrap_or(last), scan.operation];
        verdict.report(witness::anomaly(Class::Unseen, partition, sentence, &operations));
    }
}

/// Whether a read was refused or empty. Who got records and then read no more stopped by itself.
fn brought_nothing(evidence: &Evidence<'_>, read: OperationId) -> bool {
    !matches!(evidence.operation(read).answer(), Some(Answer::Fetched { records, .. }) if !records.is_empty())
}

/// Where each process that read on after the healing ended. Who does not know the topic's id, since nobody heard of its
/// creation, follows nothing.
fn positions(evidence: &Evidence<'_>, partition: &Partition, healed: u32) -> BTreeMap<Process, (Offset, OperationId)> {
    let mut positions = BTreeMap::new();
    for id in &partition.operations {
        let operation = evidence.operation(*id);
        let Action::Fetch(fetch) = &operation.action else { continue };
        if operation.invoked.index < healed || !fetch.continues || fetch.topic_id == Some(Uuid::ZERO) {
            continue;
        }
        let position = match operation.answer() {
            Some(Answer::Fetched { records, .. }) => records.last().map_or(fetch.from, |last| last.offset + 1),
            _ => fetch.from,
        };
        positions.insert(operation.process, (position, *id));
    }
    positions
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::{Story, partition};
    use crate::history::{Action, Fetch, Outcome};
    use model::Uuid;

    #[test]
    fn a_follower_never_gets_the_last_record() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 3);
        story.healed();
        story.poll(1, 0, &[(0, 0), (1, 1)], 3);
        story.poll(1, 2, &[], 3);
        story.scan(0, 3, &[(0, 0), (1, 1), (2, 2)]);
        story.assert_only(Class::Unseen);
    }

    #[test]
    fn a_follower_that_reaches_the_end_has_seen_all() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 3);
        story.poll(1, 0, &[(0, 0)], 3);
        story.healed();
        story.poll(1, 1, &[(1, 1), (2, 2)], 3);
        story.poll(1, 3, &[], 3);
        story.scan(0, 3, &[(0, 0), (1, 1), (2, 2)]);
        story.assert_clean();
    }

    #[test]
    fn a_follower_need_not_see_what_was_written_after_its_last_read_nor_read_on() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 1);
        story.healed();
        story.poll(1, 0, &[(0, 0)], 1);
        story.poll(1, 1, &[], 1);
        story.acknowledged(1, 2);
        story.poll(2, 0, &[(0, 0), (1, 1)], 3);
        story.scan(0, 3, &[(0, 0), (1, 1), (2, 2)]);
        story.assert_clean();
    }

    /// Nobody had heard of the topic's creation (standard seed 1, with more faults of the disk).
    #[test]
    fn who_does_not_know_the_topics_id_sees_nothing() {
        for (topic_id, clean) in [(None, false), (Some(Uuid::ZERO), true)] {
            let mut story = Story::with_topic(&[]);
            story.acknowledged(0, 3);
            story.healed();
            let fetch =
                Fetch { partition: partition(), topic_id, from: 1, continues: true, node: None, leader_epoch: None };
            let fetch = story.invoke(1, Action::Fetch(fetch));
            story.complete(fetch, Outcome::Fail("UNKNOWN_TOPIC_ID".into()));
            story.scan(0, 3, &[(0, 0), (1, 1), (2, 2)]);
            if clean { story.assert_clean() } else { story.assert_only(Class::Unseen) }
        }
    }

    #[test]
    fn who_stopped_reading_before_the_healing_need_not_see_the_rest() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 3);
        story.poll(1, 0, &[(0, 0)], 3);
        story.healed();
        story.scan(0, 3, &[(0, 0), (1, 1), (2, 2)]);
        story.assert_clean();
    }
}
