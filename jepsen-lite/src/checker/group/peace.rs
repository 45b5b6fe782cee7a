//! Whether nothing went wrong for a while: then nothing explains that a group is troubled.

use super::evidence::OFFSETS_TOPIC;
use crate::history::{Action, FaultKind, History};

/// Whether no fault but of a wall clock, and no move of a coordinator, was there in these nanoseconds of the run.
pub fn is_peace(history: &History, from: u64, to: u64) -> bool {
    let clock = |kind| {
        matches!(kind, FaultKind::ClockForward | FaultKind::ClockBack | FaultKind::ClockDrift | FaultKind::ClockFreeze)
    };
    let disturbs = history.faults.iter().filter(|fault| !clock(fault.nature.kind)).any(|fault| {
        let over = fault.repaired.into_iter().chain(fault.ended).map(|moment| moment.at).max();
        fault.began.at <= to && over.is_none_or(|over| over >= from)
    });
    let moved = history.operations.iter().any(|operation| {
        let (Action::ElectPreferred { partition } | Action::Reassign { partition, .. }) = &operation.action else {
            return false;
        };
        let moves = *partition.topic == *OFFSETS_TOPIC;
        let over = operation.completed.filter(|_| operation.is_ok()).map_or(u64::MAX, |moment| moment.at);
        moves && !operation.is_failed() && operation.invoked.at <= to && over >= from
    });
    !disturbs && !moved
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
