//! External poll skip: a client reads on, and begins after the end of its last read without having moved on purpose.

use super::evidence::Evidence;
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Action, Answer, OperationId, Process};
use model::Offset;
use std::collections::BTreeMap;

/// Where a client's last read of a partition ended, and that read.
pub type Positions = BTreeMap<Process, (Offset, OperationId)>;

/// Compares each read with the one before it.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        if evidence.topics.lives[partition.life].maybe(0, u32::MAX, |settings| settings.compacted) {
            continue; // a client goes on behind a batch, whatever is left of it
        }
        let mut positions = Positions::new();
        for id in &partition.operations {
            let Some((end, last)) = step(evidence, &mut positions, *id) else { continue };
            let Action::Fetch(fetch) = &evidence.operation(*id).action else { continue };
            if fetch.from > end {
                let sentence = format!(
                    "{} begins at offset {}, though the client's last read ended at {end}, {}",
                    witness::operation(evidence, *id),
                    fetch.from,
                    witness::operation(evidence, last)
                );
                verdict.report(witness::anomaly(Class::ExternalPollSkip, partition, sentence, &[last, *id]));
            }
        }
    }
}

/// Moves the position of the client of a fetch. Gives the position from which it should have gone on, when it did go on.
pub fn step(evidence: &Evidence<'_>, positions: &mut Positions, id: OperationId) -> Option<(Offset, OperationId)> {
    let operation = evidence.operation(id);
    let Action::Fetch(fetch) = &operation.action else { return None };
    let before = positions.get(&operation.process).copied().filter(|_| fetch.continues);
    let end = match operation.answer() {
        Some(Answer::Fetched { records, .. }) => records.last().map_or(fetch.from, |last| last.offset + 1),
        _ => fetch.from,
    };
    positions.insert(operation.process, (end, id));
    before
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::{Story, partition};
    use crate::history::{Action, Answer, Fetch};

    fn read_on_from(from: i64, continues: bool) -> Story {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 4);
        story.poll(1, 0, &[(0, 0)], 4);
        let fetch = Fetch { partition: partition(), topic_id: None, from, continues, node: None, leader_epoch: None };
        let answer = Answer::Fetched { records: Vec::new(), high_watermark: 4, log_start: 0 };
        story.did(1, Action::Fetch(fetch), answer);
        story
    }

    #[test]
    fn a_client_jumps_over_a_record_between_two_reads() {
        read_on_from(2, true).assert_only(Class::ExternalPollSkip);
    }

    #[test]
    fn reading_on_and_seeking_are_fine() {
        read_on_from(1, true).assert_clean();
        read_on_from(3, false).assert_clean();
    }
}
