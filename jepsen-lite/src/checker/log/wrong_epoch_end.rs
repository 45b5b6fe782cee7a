//! Wrong end of an epoch: a reader asks whether the log is still as it has read it (KIP-320), and is told that it ends before
//! a record that somebody had read. Such a reader goes back, or gives up.
//!
//! The leader that is asked is the one of the epoch that the request names, which is not before that of the record: it has
//! all that was committed in earlier epochs.

use super::evidence::{Evidence, Partition, Version};
use super::excuse::Observation;
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Action, Answer, OffsetQuery, Operation, OperationId};
use model::{LeaderEpoch, Offset};

/// Compares each answer with what had been read before it was asked for.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        for id in &partition.operations {
            let Some((epoch, end)) = told_end(evidence.operation(*id)) else { continue };
            if let Some(beyond) = read_beyond(evidence, partition, *id, (epoch, end)) {
                check_one(evidence, partition, *id, (epoch, end), beyond, verdict);
            }
        }
    }
}

fn check_one(
    evidence: &Evidence<'_>,
    partition: &Partition,
    id: OperationId,
    (epoch, end): (LeaderEpoch, Offset),
    beyond: &Version,
    verdict: &mut Verdict,
) {
    let seen = Observation::of(evidence, beyond);
    if let Some(because) = evidence.may_be_gone(partition, seen, evidence.until(id)) {
        return verdict.allow(Class::WrongOutOfRange, because);
    }
    let sentence = format!(
        "{} was told that leader epoch {epoch} ends at offset {end}, though {} is of that epoch or one before it",
        witness::operation(evidence, id),
        witness::shown(evidence, beyond)
    );
    verdict.report(witness::anomaly(Class::WrongOutOfRange, partition, sentence, &[id, beyond.first]));
}

/// Epochs that are not known any more have no end.
fn told_end(operation: &Operation) -> Option<(LeaderEpoch, Offset)> {
    match (&operation.action, operation.answer()) {
        (Action::ListOffsets(list), Some(Answer::Offset { offset, .. })) if *offset >= 0 => match list.query {
            OffsetQuery::EndOfEpoch(epoch) => Some((epoch, *offset)),
            _ => None,
        },
        _ => None,
    }
}

/// A record at or beyond the end, of the epoch or one before it, that had been read.
fn read_beyond<'p>(
    evidence: &Evidence<'_>,
    partition: &'p Partition,
    id: OperationId,
    (epoch, end): (LeaderEpoch, Offset),
) -> Option<&'p Version> {
    let from = partition.versions.partition_point(|version| version.offset < end);
    let of_epoch = |version: &&Version| version.read.is_some_and(|read| read.epoch <= epoch);
    let before = |version: &&Version| version.first_read.is_some_and(|read| evidence.until(read) < evidence.since(id));
    partition.versions[from..].iter().filter(of_epoch).find(before)
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::Story;
    use crate::history::{FaultKind, OffsetQuery};

    /// Records 0 to 2 were read, all of epoch 0.
    fn read() -> Story {
        let mut story = Story::with_topic(&[("flush.messages", "7")]);
        story.acknowledged(0, 3);
        story.poll(1, 0, &[(0, 0), (1, 1), (2, 2)], 3);
        story
    }

    #[test]
    fn an_epoch_ends_before_what_was_read_of_it() {
        for asked in [0, 4] {
            let mut story = read();
            story.list(OffsetQuery::EndOfEpoch(asked), 2, -1);
            story.assert_only(Class::WrongOutOfRange);
        }
    }

    #[test]
    fn an_epoch_that_is_unknown_or_ends_behind_it_is_fine_and_so_is_one_whose_tail_may_be_lost() {
        let mut story = read();
        story.list(OffsetQuery::EndOfEpoch(0), 3, -1);
        story.list(OffsetQuery::EndOfEpoch(0), 9, -1);
        story.list(OffsetQuery::EndOfEpoch(0), -1, -1);
        story.assert_clean();
        let mut story = read();
        story.fault(FaultKind::PowerFailure, None);
        story.list(OffsetQuery::EndOfEpoch(0), 2, -1);
        story.assert_clean();
    }
}
