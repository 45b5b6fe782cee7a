//! Forgotten sequence: an idempotent producer had an answer to everything it sent before, or sent it again in order, and
//! is told that its next write is out of order. The broker forgot what it took, or that it took it.

use super::evidence::{Evidence, Partition};
use super::excuse::Observation;
use super::topics::Home;
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Action, OperationId, Outcome};
use model::ErrorCode;
use std::collections::BTreeMap;

/// What the session did so far in the partition.
#[derive(Clone, Copy, Default)]
struct Standing {
    /// The last write that was acknowledged.
    acknowledged: Option<OperationId>,
    /// Some write was refused or given up: the next sequence is anybody's guess.
    in_doubt: bool,
}

/// Walks through the writes of each session, in the order they were sent.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        let mut sessions: BTreeMap<u32, Standing> = BTreeMap::new();
        let mut writes: Vec<OperationId> = [&partition.operations[..], &partition.doubtful_writes].concat();
        writes.sort_unstable();
        for id in &writes {
            let operation = evidence.operation(*id);
            let Some(session) = session_of(evidence, *id) else { continue };
            if !evidence.history.sessions.get(session as usize).is_some_and(|session| session.idempotent) {
                continue;
            }
            let standing = sessions.entry(session).or_default();
            if evidence.homes[*id as usize] == Home::Ambiguous {
                standing.in_doubt = true; // it may have been taken here, or before the topic was made anew
                continue;
            }
            match &operation.outcome {
                Outcome::Ok(_) => standing.acknowledged = Some(*id),
                Outcome::Fail(error) | Outcome::Unknown(error) => {
                    if !standing.in_doubt && is_out_of_order(error) {
                        judge(evidence, partition, *standing, *id, verdict);
                    }
                    standing.in_doubt = true;
                }
            }
        }
    }
}

fn is_out_of_order(error: &str) -> bool {
    [ErrorCode::OutOfOrderSequenceNumber, ErrorCode::UnknownProducerId].iter().any(|code| code.name() == error)
}

fn judge(
    evidence: &Evidence<'_>,
    partition: &Partition,
    standing: Standing,
    refused: OperationId,
    verdict: &mut Verdict,
) {
    let until = evidence.until(refused);
    let before = standing.acknowledged;
    // What was sent and not yet answered may be lost as well, so the observation begins with it.
    let seen = before.map_or(Observation::by(evidence, refused), |before| Observation::by(evidence, before));
    if let Some(because) = evidence.may_be_gone(partition, seen, until) {
        return verdict.allow(Class::ForgottenSequence, because);
    }
    if before.is_none() && is_followed(evidence, partition, refused) {
        return verdict.allow(Class::ForgottenSequence, "a producer that is not known may begin with any sequence");
    }
    let after = before.map_or(String::new(), |before| {
        format!(", though all before it was acknowledged, last {}", witness::operation(evidence, before))
    });
    let sentence = format!("{} was refused as out of order{after}", witness::operation(evidence, refused));
    let operations: Vec<OperationId> = before.into_iter().chain([refused]).collect();
    verdict.report(witness::anomaly(Class::ForgottenSequence, partition, sentence, &operations));
}

/// Whether the session had sent another write before the answer to this one came. Of a producer that it does not know a
/// broker takes any sequence first, as Kafka does: so the later one, when the earlier was refused for a moment.
fn is_followed(evidence: &Evidence<'_>, partition: &Partition, refused: OperationId) -> bool {
    let session = session_of(evidence, refused);
    let until = evidence.until(refused);
    let later = partition.operations.iter().filter(|id| **id > refused && evidence.since(**id) < until);
    later.copied().any(|id| session.is_some() && session_of(evidence, id) == session)
}

fn session_of(evidence: &Evidence<'_>, id: OperationId) -> Option<u32> {
    match &evidence.operation(id).action {
        Action::Produce(produce) => produce.records.first().map(|record| record.id.session()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::Story;
    use crate::history::{FaultKind, Outcome};

    fn refused(story: &mut Story, number: u32) {
        let write = story.produce(number, 1);
        story.complete(write, Outcome::Fail("OUT_OF_ORDER_SEQUENCE_NUMBER".into()));
    }

    #[test]
    fn the_write_after_an_acknowledged_one_is_out_of_order() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 3);
        refused(&mut story, 3);
        story.assert_only(Class::ForgottenSequence);
    }

    #[test]
    fn a_write_that_may_have_come_to_the_topic_before_leaves_a_doubt() {
        let mut story = Story::with_topic(&[]);
        let doubtful = story.produce(0, 1);
        story.complete(doubtful, Outcome::Unknown("timed out".into()));
        story.delete_topic();
        story.create(&[]);
        refused(&mut story, 1);
        story.assert_clean();
    }

    #[test]
    fn of_two_first_writes_the_later_may_be_taken_alone() {
        let mut story = Story::with_topic(&[]);
        let first = story.produce(0, 1);
        let second = story.produce(1, 1);
        story.complete(first, Outcome::Fail("OUT_OF_ORDER_SEQUENCE_NUMBER".into()));
        story.complete(second, Outcome::Unknown("a write before it was refused".into()));
        story.assert_clean();
        let mut story = Story::with_topic(&[]);
        refused(&mut story, 0);
        story.assert_only(Class::ForgottenSequence);
    }

    #[test]
    fn after_a_refused_write_it_may_be_and_after_a_lost_tail() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 1);
        let write = story.produce(1, 1);
        story.complete(write, Outcome::Fail("MESSAGE_TOO_LARGE".into()));
        refused(&mut story, 2);
        story.assert_clean();
        let mut story = Story::with_topic(&[("flush.messages", "10")]);
        story.acknowledged(0, 3);
        story.fault(FaultKind::PowerFailure, None);
        refused(&mut story, 3);
        story.assert_clean();
    }
}
