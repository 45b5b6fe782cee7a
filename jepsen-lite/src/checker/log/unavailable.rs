//! Unavailable: after everything was healed, a partition refuses to be read from start to end, has no leader in time, lacks
//! a replica in sync in time, or takes no record for all replicas in time, or a node does not stop in order; and no fault
//! excuses it.

use super::evidence::{Evidence, Partition};
use super::topics::Home;
use super::witness;
use crate::checker::{Anomaly, Class, Verdict};
use crate::history::{Action, OperationId, Outcome};
use model::TopicPartition;

/// Looks at the partitions whose final read was refused.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        if let (Some(refused), None) = (partition.refused, partition.scan) {
            check_refused(evidence, partition, refused, verdict);
        }
    }
    for id in 0..evidence.history.operations.len() as OperationId {
        check_awaited(evidence, id, verdict);
        check_stop(evidence, id, verdict);
    }
}

/// A node whose disk is whole stops in order.
fn check_stop(evidence: &Evidence<'_>, id: OperationId, verdict: &mut Verdict) {
    let operation = evidence.operation(id);
    let (Action::AwaitStop { node }, Outcome::Fail(why)) = (&operation.action, &operation.outcome) else { return };
    match evidence.disk_may_be_bad(*node, evidence.until(id)) {
        Some(because) => verdict.allow(Class::Unavailable, because),
        None => {
            let witness = format!("{}: node {node} was asked to stop: {why}", witness::operation(evidence, id));
            verdict.report(Anomaly { class: Class::Unavailable, partition: None, witness, operations: vec![id] });
        }
    }
}

fn check_awaited(evidence: &Evidence<'_>, id: OperationId, verdict: &mut Verdict) {
    let operation = evidence.operation(id);
    let (Action::AwaitLeader { partition: name }
    | Action::AwaitInSync { partition: name, .. }
    | Action::AwaitWritten { partition: name }) = &operation.action
    else {
        return;
    };
    let (Outcome::Fail(why), Home::One(life)) = (&operation.outcome, evidence.homes[id as usize]) else { return };
    let there = evidence.partitions.iter().find(|partition| partition.life == life && partition.name == *name);
    let alive = evidence.topics.lives[life].surely_alive(evidence.since(id), evidence.until(id));
    let Some(partition) = there.filter(|_| alive) else { return };
    let begins = evidence.topics.lives[life].begins;
    let excuse = match &operation.action {
        Action::AwaitWritten { .. } => evidence.may_refuse_writes(partition, begins),
        // Where nobody leads, nobody can be in sync either.
        Action::AwaitInSync { .. } if !is_known_to_lack_a_leader(evidence, name, id) => {
            evidence.may_stay_out(partition, begins)
        }
        _ => evidence.may_refuse(partition, begins),
    };
    match excuse {
        Some(because) => verdict.allow(Class::Unavailable, because),
        None => {
            let sentence = format!("{}: {why}", witness::operation(evidence, id));
            verdict.report(witness::anomaly(Class::Unavailable, partition, sentence, &[id]));
        }
    }
}

/// Whether the last wait for a leader was in vain.
fn is_known_to_lack_a_leader(evidence: &Evidence<'_>, name: &TopicPartition, before: OperationId) -> bool {
    let mut earlier = (0..before).rev().map(|id| evidence.operation(id));
    let last = earlier.find(|one| matches!(&one.action, Action::AwaitLeader { partition } if partition == name));
    last.is_some_and(|wait| matches!(wait.outcome, Outcome::Fail(_)))
}

fn check_refused(evidence: &Evidence<'_>, partition: &Partition, refused: OperationId, verdict: &mut Verdict) {
    let life = &evidence.topics.lives[partition.life];
    let (since, until) = (evidence.since(refused), evidence.until(refused));
    if !life.surely_alive(since, until.min(u32::MAX - 1)) {
        return; // its deletion may have been done
    }
    match evidence.may_refuse(partition, life.begins) {
        Some(because) => verdict.allow(Class::Unavailable, because),
        None => {
            let error = match &evidence.operation(refused).outcome {
                Outcome::Fail(error) | Outcome::Unknown(error) => error.as_str(),
                Outcome::Ok(_) => "an answer that is no scan",
            };
            let sentence = format!("{} could not read the final log: {error}", witness::operation(evidence, refused));
            verdict.report(witness::anomaly(Class::Unavailable, partition, sentence, &[refused]));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::Story;
    use crate::history::{FaultKind, FileKind};

    #[test]
    fn a_partition_refuses_to_be_read_after_a_mere_power_failure() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 1);
        story.fault(FaultKind::PowerFailure, None);
        story.refused_scan();
        story.assert_only(Class::Unavailable);
    }

    #[test]
    fn rot_may_be_refused_and_a_deleted_topic_need_not_be_there() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 1);
        story.fault(FaultKind::RotAtRest, Some(FileKind::Segment));
        story.refused_scan();
        story.assert_clean();
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 1);
        story.delete_topic();
        story.refused_scan();
        story.assert_clean();
    }
}
