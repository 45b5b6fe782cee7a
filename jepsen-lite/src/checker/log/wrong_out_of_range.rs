//! Wrong out of range: a reader is told that an offset is out of range which lies between the log start and what was known to
//! be committed. It goes to the start or to the end, and reads again or never what is in between.
//!
//! In a cluster a leader that was deposed knows nothing of later epochs, and a replica may lag. Judged is what was asked of
//! the leader of an epoch that the request names (KIP-320), which has all that was committed before it and in it by then; and
//! of a node that had told of as much itself before.

use super::evidence::{Evidence, Partition, bounds};
use super::excuse::{Because, Observation};
use super::stale_high_watermark::committed;
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Action, Durability, Fetch, Index, OperationId, Outcome};
use model::{ErrorCode, Offset};

/// Looks at each fetch that was out of range.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        for id in &partition.operations {
            if let Some(fetch) = refused(evidence, *id).filter(|_| surely_not_below_the_start(evidence, partition, *id))
            {
                check_one(evidence, partition, *id, fetch, verdict);
            }
        }
    }
}

fn check_one(evidence: &Evidence<'_>, partition: &Partition, id: OperationId, fetch: &Fetch, verdict: &mut Verdict) {
    let is_of_a_cluster = evidence.history.is_of_a_cluster();
    let proof = if is_of_a_cluster {
        in_its_epoch(evidence, partition, id, fetch)
    } else {
        known_to_all(evidence, partition, id, fetch)
    };
    if let Some(proof) = proof {
        let seen = Observation::by(evidence, proof);
        match evidence.may_be_gone(partition, seen, evidence.until(id)) {
            Some(because) => verdict.allow(Class::WrongOutOfRange, because),
            None => report(evidence, partition, (id, proof), fetch, verdict),
        }
    } else if let Some(proof) = known_to_the_node(evidence, partition, id, fetch) {
        match may_have_lost(evidence, partition, proof, id) {
            Some(because) => verdict.allow(Class::WrongOutOfRange, because),
            None => report(evidence, partition, (id, proof), fetch, verdict),
        }
    }
}

fn report(
    evidence: &Evidence<'_>,
    partition: &Partition,
    (id, proof): (OperationId, OperationId),
    fetch: &Fetch,
    verdict: &mut Verdict,
) {
    let sentence = format!(
        "{} was told that offset {} is out of range, though {} proved that it is there",
        witness::operation(evidence, id),
        fetch.from,
        witness::operation(evidence, proof)
    );
    verdict.report(witness::anomaly(Class::WrongOutOfRange, partition, sentence, &[proof, id]));
}

fn refused<'h>(evidence: &Evidence<'h>, id: OperationId) -> Option<&'h Fetch> {
    let operation = evidence.operation(id);
    match (&operation.action, &operation.outcome) {
        (Action::Fetch(fetch), Outcome::Fail(error)) if *error == ErrorCode::OffsetOutOfRange.name() => Some(fetch),
        _ => None,
    }
}

/// Whether no deletion and no retention can have gone beyond the offset.
fn surely_not_below_the_start(evidence: &Evidence<'_>, partition: &Partition, id: OperationId) -> bool {
    let until = evidence.until(id);
    let Action::Fetch(fetch) = &evidence.operation(id).action else { return false };
    !evidence.expires(partition, until) && fetch.from >= partition.asked_to_delete(until)
}

/// The first operation done before the fetch of which `proves` gives an end that covers the offset.
fn proof(
    evidence: &Evidence<'_>,
    partition: &Partition,
    id: OperationId,
    fetch: &Fetch,
    proves: impl Fn(OperationId) -> Option<Offset>,
) -> Option<OperationId> {
    let before = |other: &OperationId| evidence.until(*other) < evidence.since(id);
    let covers = |other: &OperationId| proves(*other).is_some_and(|end| end >= fetch.from);
    partition.operations.iter().copied().filter(before).find(covers)
}

/// Where there is one node it knows what it has told and acknowledged.
fn known_to_all(evidence: &Evidence<'_>, partition: &Partition, id: OperationId, fetch: &Fetch) -> Option<OperationId> {
    proof(evidence, partition, id, fetch, |other| {
        let operation = evidence.operation(other);
        bounds(operation).high_watermark.max(committed(evidence, partition, operation))
    })
}

/// A record of the named epoch, or of one before it, just before the offset or behind it, that had been read.
fn in_its_epoch(evidence: &Evidence<'_>, partition: &Partition, id: OperationId, fetch: &Fetch) -> Option<OperationId> {
    let epoch = fetch.leader_epoch?;
    let from = partition.versions.partition_point(|version| version.offset + 1 < fetch.from);
    let of_epoch = partition.versions[from..].iter().filter(|version| version.read.is_some_and(|r| r.epoch <= epoch));
    of_epoch.filter_map(|version| version.first_read).find(|read| evidence.until(*read) < evidence.since(id))
}

/// What the same node had told of before, unless its copy was another one since: given anew to the node, or not journaled.
fn known_to_the_node(
    evidence: &Evidence<'_>,
    partition: &Partition,
    id: OperationId,
    fetch: &Fetch,
) -> Option<OperationId> {
    let life = &evidence.topics.lives[partition.life];
    let is_firm = !life.maybe(0, Index::MAX, |s| s.durability == Durability::PageCache || s.unclean_election);
    if fetch.node.is_none() || !is_firm || !partition.moves.is_empty() {
        return None;
    }
    proof(evidence, partition, id, fetch, |other| {
        let operation = evidence.operation(other);
        match &operation.action {
            Action::Fetch(earlier) if earlier.node == fetch.node => bounds(operation).high_watermark,
            _ => None,
        }
    })
}

/// Why a node may have lost its copy since it told of it.
fn may_have_lost(
    evidence: &Evidence<'_>,
    partition: &Partition,
    proof: OperationId,
    id: OperationId,
) -> Option<Because> {
    let Action::Fetch(fetch) = &evidence.operation(id).action else { return None };
    evidence.copy_may_be_lost(partition, fetch.node?, (evidence.since(proof), evidence.until(id)))
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::{Story, partition};
    use crate::history::{Action, Fetch, Outcome};
    use model::Offset;

    fn out_of_range(story: &mut Story, from: Offset) {
        let fetch =
            Fetch { partition: partition(), topic_id: None, from, continues: false, node: None, leader_epoch: None };
        let id = story.invoke(1, Action::Fetch(fetch));
        story.complete(id, Outcome::Fail("OFFSET_OUT_OF_RANGE".into()));
    }

    #[test]
    fn an_offset_up_to_the_end_of_what_was_acknowledged_is_in_range() {
        for from in [0, 2, 3] {
            let mut story = Story::with_topic(&[]);
            story.acknowledged(0, 3);
            out_of_range(&mut story, from);
            story.assert_only(Class::WrongOutOfRange);
        }
    }

    #[test]
    fn one_beyond_it_or_below_a_deletion_need_not_be() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 3);
        out_of_range(&mut story, 4);
        let deletion = story.invoke(9, Action::DeleteRecords { partition: partition(), before: 2 });
        out_of_range(&mut story, 1);
        story.complete(deletion, Outcome::Unknown("timed out".into()));
        story.assert_clean();
    }

    #[test]
    fn retention_may_have_gone_beyond_it() {
        let mut story = Story::with_topic(&[("retention.bytes", "20000")]);
        story.acknowledged(0, 3);
        out_of_range(&mut story, 1);
        story.assert_clean();
    }
}
