//! The ends that leaders of a cluster tell of, by leader epoch: by lookups, whose answers name the epoch, and by fetches that
//! name it (KIP-320).
//!
//! A leader that was deposed may still answer, and knows nothing of later epochs. In its own epoch the end that it tells of
//! never goes back, and covers what it acknowledged to acks=all. Its lookups also cover what was told and acknowledged in
//! the epochs before: a new leader does not answer them before it knows (KIP-207). Its fetches need not.

use super::evidence::{Evidence, Partition, Version, bounds};
use super::excuse::Observation;
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Acks, Action, Answer, Index, OffsetQuery, OperationId};
use model::{LeaderEpoch, Offset};
use std::collections::BTreeMap;

/// Compares each end that was told with what was proved before.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    if evidence.history.is_of_a_cluster() {
        for partition in &evidence.partitions {
            check_partition(evidence, partition, verdict);
        }
    }
}

fn check_partition(evidence: &Evidence<'_>, partition: &Partition, verdict: &mut Verdict) {
    let told: Vec<Told> = partition.operations.iter().filter_map(|id| told(evidence, *id)).collect();
    let mut proofs = proofs(evidence, partition, &told).into_iter().peekable();
    let mut proved = Proved::default();
    for told in &told {
        while let Some((_, epoch, end, by)) = proofs.next_if(|(until, ..)| *until < evidence.since(told.operation)) {
            proved.note(epoch, (end, by));
        }
        let proof = if told.is_lookup { proved.up_to(told.epoch) } else { proved.in_epoch(told.epoch) };
        if let Some(proof) = proof.filter(|(bound, _)| *bound > told.end) {
            goes_back(evidence, partition, told, proof, verdict);
        }
    }
}

fn goes_back(
    evidence: &Evidence<'_>,
    partition: &Partition,
    told: &Told,
    (bound, proof): (Offset, OperationId),
    verdict: &mut Verdict,
) {
    let class = if told.is_lookup { Class::WrongOffsetLookup } else { Class::HighWatermarkRegress };
    let seen = Observation { acks: Acks::All, ..Observation::by(evidence, proof) };
    match evidence.may_be_gone(partition, seen, evidence.until(told.operation)) {
        Some(because) => verdict.allow(class, because),
        None => {
            let sentence = format!(
                "{} was told that {} is the end in leader epoch {}, though {} proved that it was {bound}",
                witness::operation(evidence, told.operation),
                told.end,
                told.epoch,
                witness::operation(evidence, proof)
            );
            verdict.report(witness::anomaly(class, partition, sentence, &[proof, told.operation]));
        }
    }
}

/// The end of a partition as a leader told it.
struct Told {
    operation: OperationId,
    end: Offset,
    epoch: LeaderEpoch,
    is_lookup: bool,
}

fn told(evidence: &Evidence<'_>, id: OperationId) -> Option<Told> {
    let operation = evidence.operation(id);
    let (epoch, is_lookup) = match (&operation.action, operation.answer()) {
        (Action::ListOffsets(list), Some(Answer::Offset { epoch, .. })) if list.query == OffsetQuery::Latest => {
            (Some(*epoch), true)
        }
        (Action::Fetch(fetch), Some(_)) => (fetch.leader_epoch, false),
        _ => return None,
    };
    let (epoch, end) = (epoch.filter(|epoch| *epoch >= 0)?, bounds(operation).high_watermark?);
    Some(Told { operation: id, end, epoch, is_lookup })
}

/// What proves an end in a leader epoch, by the event at which it was known.
fn proofs(
    evidence: &Evidence<'_>,
    partition: &Partition,
    told: &[Told],
) -> Vec<(Index, LeaderEpoch, Offset, OperationId)> {
    let told = told.iter().map(|it| (evidence.until(it.operation), it.epoch, it.end, it.operation));
    let acknowledged = partition.versions.iter().filter_map(|version| {
        let (by, read) = (acknowledged_by_its_leader(evidence, version)?, version.read?);
        Some((evidence.until(by), read.epoch, version.offset + 1, by))
    });
    let mut proofs: Vec<_> = told.chain(acknowledged).collect();
    proofs.sort_unstable();
    proofs
}

/// The write that was acknowledged to acks=all by the very leader that appended it: it was sent once.
fn acknowledged_by_its_leader(evidence: &Evidence<'_>, version: &Version) -> Option<OperationId> {
    let by = version.acknowledged.filter(|by| !evidence.history.resent.contains(by))?;
    matches!(&evidence.operation(by).action, Action::Produce(produce) if produce.acks == Acks::All).then_some(by)
}

/// The greatest end that is proved, with what proved it.
#[derive(Default)]
struct Proved {
    in_each: BTreeMap<LeaderEpoch, (Offset, OperationId)>,
    /// Of a later epoch only what is greater than in all before it.
    rising: BTreeMap<LeaderEpoch, (Offset, OperationId)>,
}

impl Proved {
    fn note(&mut self, epoch: LeaderEpoch, end: (Offset, OperationId)) {
        let known = self.in_each.entry(epoch).or_insert(end);
        *known = end.max(*known);
        if self.up_to(epoch).is_none_or(|known| known < end) {
            self.rising.retain(|later, known| *later < epoch || *known > end);
            self.rising.insert(epoch, end);
        }
    }

    fn in_epoch(&self, epoch: LeaderEpoch) -> Option<(Offset, OperationId)> {
        self.in_each.get(&epoch).copied()
    }

    /// In this epoch or one before it.
    fn up_to(&self, epoch: LeaderEpoch) -> Option<(Offset, OperationId)> {
        self.rising.range(..=epoch).next_back().map(|(_, end)| *end)
    }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::cluster_stories::three_nodes;
    use crate::checker::log::story::{Story, partition};
    use crate::history::{Action, Answer, Fetch, ListOffsets, OffsetQuery};
    use model::{LeaderEpoch, Offset};

    fn fetched(story: &mut Story, epoch: Option<LeaderEpoch>, high_watermark: Offset) {
        let fetch = Fetch {
            partition: partition(),
            topic_id: None,
            from: 0,
            continues: false,
            node: Some(1),
            leader_epoch: epoch,
        };
        story.did(1, Action::Fetch(fetch), Answer::Fetched { records: Vec::new(), high_watermark, log_start: 0 });
    }

    fn looked_up(story: &mut Story, epoch: LeaderEpoch, offset: Offset) {
        let list = ListOffsets { partition: partition(), query: OffsetQuery::Latest };
        story.did(8, Action::ListOffsets(list), Answer::Offset { offset, timestamp: -1, epoch });
    }

    /// What a lookup named as the end was not replicated yet (F04: the end of the log in place of the high watermark).
    #[test]
    fn a_leader_is_behind_what_it_told_in_its_epoch() {
        let mut story = three_nodes(&[]);
        looked_up(&mut story, 3, 5);
        fetched(&mut story, Some(3), 4);
        story.assert_only(Class::HighWatermarkRegress);
    }

    #[test]
    fn a_lookup_is_behind_what_a_leader_before_told() {
        let mut story = three_nodes(&[]);
        fetched(&mut story, Some(2), 5);
        looked_up(&mut story, 3, 4);
        story.assert_only(Class::WrongOffsetLookup);
    }

    #[test]
    fn a_new_leader_that_is_read_an_old_one_and_one_of_unknown_epoch_may_be_behind() {
        let mut story = three_nodes(&[]);
        looked_up(&mut story, 3, 5);
        for epoch in [Some(4), Some(2), None] {
            fetched(&mut story, epoch, 4);
        }
        story.assert_clean();
    }
}
