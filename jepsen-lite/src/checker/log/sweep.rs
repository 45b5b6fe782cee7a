//! One walk through a partition's events in order: what completed operations proved bounds what later ones may say.

use super::evidence::{Evidence, Partition};
use super::excuse::Because;
use crate::checker::{Class, Verdict};
use crate::history::{Operation, OperationId};
use model::Offset;

/// An operation that said less than an earlier one had proved.
#[derive(Clone, Copy, Debug)]
pub struct Finding {
    /// The operation that proved it.
    pub earlier: OperationId,
    /// What it proved.
    pub bound: Offset,
    /// The operation, invoked after `earlier` had completed.
    pub later: OperationId,
    /// What it said.
    pub told: Offset,
}

/// What is compared.
pub struct Rule<'a> {
    /// The lower bound that a completed operation proves.
    pub proves: &'a dyn Fn(&Operation) -> Option<Offset>,
    /// What a completed operation says, which must not be below what was proved before it was invoked.
    pub tells: &'a dyn Fn(&Operation) -> Option<Offset>,
    /// Why the promise table allows a finding.
    pub excuse: &'a dyn Fn(Finding) -> Option<Because>,
}

/// Walks, and hands each finding that nothing excuses to `report`. After an excused one the bound begins anew.
pub fn sweep(
    evidence: &Evidence<'_>,
    partition: &Partition,
    class: Class,
    rule: &Rule<'_>,
    verdict: &mut Verdict,
    mut report: impl FnMut(&mut Verdict, Finding),
) {
    let mut proved: Option<(Offset, OperationId)> = None;
    let mut at_invocation: Vec<Option<(Offset, OperationId)>> = vec![None; partition.operations.len()];
    for event in events(evidence, partition) {
        let id = partition.operations[event.place];
        if !event.completes {
            at_invocation[event.place] = proved;
            continue;
        }
        let operation = evidence.operation(id);
        if let (Some(told), Some((bound, earlier))) = ((rule.tells)(operation), at_invocation[event.place])
            && told < bound
        {
            let finding = Finding { earlier, bound, later: id, told };
            match (rule.excuse)(finding) {
                Some(because) => {
                    verdict.allow(class, because);
                    proved = None;
                }
                None => report(verdict, finding),
            }
        }
        if let Some(bound) = (rule.proves)(operation)
            && proved.is_none_or(|(old, _)| bound > old)
        {
            proved = Some((bound, id));
        }
    }
}

struct Event {
    index: u32,
    place: usize,
    completes: bool,
}

fn events(evidence: &Evidence<'_>, partition: &Partition) -> Vec<Event> {
    let mut events = Vec::with_capacity(partition.operations.len() * 2);
    for (place, id) in partition.operations.iter().enumerate() {
        let operation = evidence.operation(*id);
        events.push(Event { index: operation.invoked.index, place, completes: false });
        if let (true, Some(completed)) = (operation.is_ok(), operation.completed) {
            events.push(Event { index: completed.index, place, completes: true });
        }
    }
    events.sort_unstable_by_key(|event| event.index);
    events
}
