//! Whether nothing went wrong for a while: then nothing explains that a group is troubled.

use super::evidence::OFFSETS_TOPIC;
use crate::history::{Action, Fault, FaultKind, History, Operation};

/// A request that nobody has heard of again is carried out or dropped within this time, in nanoseconds, once nothing holds
/// it up any more: it is delivered, and the nodes have found a controller.
const LINGERS: u64 = 5_000_000_000;

/// Whether no fault but of a wall clock was there in these nanoseconds of the run, nor a node that had to come in sync again
/// after one, nor a move of a coordinator: coordinators stayed where they were.
pub fn is_peace(history: &History, from: u64, to: u64) -> bool {
    let disturbed = disturbances(history).any(|fault| fault.began.at <= to && over(fault) >= from);
    !disturbed && !history.operations.iter().any(|operation| moves_between(history, operation, from, to))
}

/// The same, but nodes may come in sync again: members and coordinators reached each other all the time.
pub fn is_calm(history: &History, from: u64, to: u64) -> bool {
    let ended = |fault: &Fault| fault.ended.map_or(u64::MAX, |ended| ended.at);
    let disturbed = disturbances(history).any(|fault| fault.began.at <= to && ended(fault) >= from);
    !disturbed && !history.operations.iter().any(|operation| moves_between(history, operation, from, to))
}

/// Faults that may trouble a group: all but those of wall clocks.
fn disturbances(history: &History) -> impl Iterator<Item = &Fault> {
    let clock = |kind| {
        matches!(kind, FaultKind::ClockForward | FaultKind::ClockBack | FaultKind::ClockDrift | FaultKind::ClockFreeze)
    };
    history.faults.iter().filter(move |fault| !clock(fault.nature.kind))
}

/// When a fault is over.
fn over(fault: &Fault) -> u64 {
    fault.repaired.into_iter().chain(fault.ended).map(|moment| moment.at).max().unwrap_or(u64::MAX)
}

/// Whether an operation may move a coordinator in these nanoseconds.
fn moves_between(history: &History, operation: &Operation, from: u64, to: u64) -> bool {
    let (Action::ElectPreferred { partition } | Action::Reassign { partition, .. }) = &operation.action else {
        return false;
    };
    let asked = *partition.topic == *OFFSETS_TOPIC && !operation.is_failed() && operation.invoked.at <= to;
    asked && moved_by(history, operation, from) >= from
}

/// When a move is over. One of which nothing was heard may still be on its way to a node that a fault keeps from it; but
/// not for ever.
fn moved_by(history: &History, operation: &Operation, from: u64) -> u64 {
    let Some(completed) = operation.completed else { return u64::MAX };
    if operation.is_ok() {
        return completed.at;
    }
    let held_up = disturbances(history).map(over).filter(|over| *over < from).max();
    completed.at.max(held_up.unwrap_or(0)) + LINGERS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::group::story::Story;

    #[test]
    fn a_coordinator_that_moves_disturbs_and_another_leader_that_moves_does_not() {
        for (topic, peaceful) in [(OFFSETS_TOPIC, false), ("t", true)] {
            let mut story = Story::new();
            story.moves_leader(topic);
            assert_eq!(is_peace(story.history(), 0, u64::MAX), peaceful, "{topic}");
        }
    }

    #[test]
    fn a_node_that_comes_in_sync_again_disturbs_the_peace_and_not_the_calm() {
        let second = 1_000_000_000;
        let mut story = Story::new();
        story.fault_repaired_after(FaultKind::Cut, 20 * second);
        assert!(!is_peace(story.history(), 10 * second, 30 * second));
        assert!(is_calm(story.history(), 10 * second, 30 * second));
        assert!(!is_calm(story.history(), 0, 30 * second));
    }

    #[test]
    fn a_move_of_which_nothing_was_heard_lingers_for_a_while() {
        let second = 1_000_000_000;
        let mut story = Story::new();
        story.moves_leader_in_vain(OFFSETS_TOPIC);
        story.pass(20 * second);
        assert!(!is_peace(story.history(), 3 * second, 20 * second), "it may be on its way");
        assert!(is_peace(story.history(), 6 * second, 20 * second));
        story.fault(FaultKind::Cut);
        story.pass(20 * second);
        assert!(!is_peace(story.history(), 22 * second, 40 * second), "the cut may have held it up");
        assert!(is_peace(story.history(), 26 * second, 40 * second));
    }

    #[test]
    fn there_is_peace_when_nothing_but_clocks_goes_wrong() {
        let mut story = Story::new();
        let second = 1_000_000_000;
        story.pass(10 * second);
        story.fault(FaultKind::ClockForward);
        assert!(is_peace(story.history(), 5 * second, 20 * second));
        story.fault(FaultKind::Cut);
        assert!(!is_peace(story.history(), 5 * second, 20 * second));
        assert!(is_peace(story.history(), 11 * second, 20 * second));
    }
}
