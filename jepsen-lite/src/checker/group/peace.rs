//! Whether nothing went wrong for a while: then nothing explains that a group is troubled.

use crate::history::{Action, FaultKind, History};

/// Whether no fault but of a wall clock, and no move of a leader, was there in these nanoseconds of the run.
pub fn is_peace(history: &History, from: u64, to: u64) -> bool {
    let clock = |kind| {
        matches!(kind, FaultKind::ClockForward | FaultKind::ClockBack | FaultKind::ClockDrift | FaultKind::ClockFreeze)
    };
    let disturbs = history.faults.iter().filter(|fault| !clock(fault.nature.kind)).any(|fault| {
        let over = fault.repaired.into_iter().chain(fault.ended).map(|moment| moment.at).max();
        fault.began.at <= to && over.is_none_or(|over| over >= from)
    });
    let moved = history.operations.iter().any(|operation| {
        let moves = matches!(operation.action, Action::ElectPreferred { .. } | Action::Reassign { .. });
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
