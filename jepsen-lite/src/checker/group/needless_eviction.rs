//! Needless eviction: the group went on without a member in peace, though the member did all that it had to.

use super::evidence::Groups;
use super::peace::is_calm;
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Action, GroupProtocol};

/// Things take so long to be well again after a fault, in nanoseconds, besides the member's session.
const AFTERMATH: u64 = 10_000_000_000;

/// Looks at everything that members lost.
pub fn check(groups: &Groups<'_>, verdict: &mut Verdict) {
    for (name, group) in &groups.groups {
        for told in group.spans.told.iter().filter(|told| told.lost) {
            let operation = groups.operation(told.operation);
            let (Action::Own(own), Some(lost)) = (&operation.action, operation.completed) else { continue };
            let troubles = AFTERMATH + 2 * u64::from(own.session_ms) * 1_000_000;
            let Some(from) = lost.at.checked_sub(troubles) else { continue };
            // In the classic protocol whoever comes takes a static place; with KIP-848 it is refused while the place is taken.
            let may_be_replaced = own.by.protocol == GroupProtocol::Classic;
            let replaced = may_be_replaced && group.spans.is_replaced_after(&own.by, told.at.index);
            if replaced || !is_calm(groups.log.history, from, lost.at) {
                continue;
            }
            let seconds = troubles / 1_000_000_000;
            let sentence = format!(
                "it lost all that it read, {}, though nothing but clocks had gone wrong for {seconds} s",
                witness::by_member(groups, told.operation)
            );
            verdict.report(witness::anomaly(Class::NeedlessEviction, (name, None), sentence, &[told.operation]));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::group::story::{Story, classic, consumer, fixed};
    use crate::history::FaultKind;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_clock_that_jumps_is_no_reason_to_put_a_member_out() {
        for (kind, clean) in [(FaultKind::ClockForward, false), (FaultKind::Cut, true)] {
            let mut story = Story::new();
            let owned = story.owns(&classic("a", 1), &[0]);
            story.pass(100 * SECOND);
            story.fault(kind);
            story.loses(owned);
            assert_eq!(story.verdict().is_clean(), clean, "{kind}");
        }
    }

    #[test]
    fn a_member_that_leaves_or_makes_room_for_its_next_incarnation_is_not_put_out() {
        let mut story = Story::new();
        let owned = story.owns(&classic("a", 1), &[0]);
        story.pass(100 * SECOND);
        story.gives_up(owned);
        let owned = story.owns(&fixed(classic("a-1", 2)), &[0]);
        story.owns(&fixed(classic("a-2", 2)), &[0]);
        story.loses(owned);
        story.assert_clean();
    }

    #[test]
    fn with_the_consumer_protocol_a_place_that_is_taken_is_not_given_to_the_next() {
        let mut story = Story::new();
        let owned = story.owns(&fixed(consumer("a-1", 3)), &[0]);
        story.pass(100 * SECOND);
        story.owns(&fixed(consumer("a-2", 4)), &[0]);
        story.loses(owned);
        story.assert_only(Class::NeedlessEviction);
    }

    #[test]
    fn one_is_put_out_in_peace() {
        let mut story = Story::new();
        story.fault(FaultKind::Cut);
        let owned = story.owns(&classic("a", 1), &[0]);
        story.pass(100 * SECOND);
        story.loses(owned);
        story.assert_only(Class::NeedlessEviction);
    }
}
