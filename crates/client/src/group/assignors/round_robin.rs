//! One after the other.

use super::{Assignments, Counts, Members, in_order, partitions_of, wanted};

/// Deals out all partitions in order, each to the next member that wants its topic.
pub(super) fn assign(counts: &Counts, members: &Members) -> Assignments {
    let mut assignments = Assignments::new();
    let mut turns = in_order(members).into_iter().cycle();
    for topic in wanted(counts, members) {
        for partition in partitions_of(topic, counts) {
            let (id, _) = turns.find(|(_, member)| member.topics.contains(topic)).expect("somebody wants it");
            assignments.entry(id.clone()).or_default().insert(partition);
        }
    }
    assignments
}

#[cfg(test)]
mod tests {
    use super::super::Assignor;
    use super::super::testing::*;

    #[test]
    fn partitions_of_all_topics_are_dealt_out_in_turn() {
        let group = members(&[("a", &["t", "u"]), ("b", &["t", "u"])]);
        let given = Assignor::RoundRobin.assign(&counts(&[("t", 3), ("u", 3)]), &group);
        assert_eq!(said(&given), ["a: t-0 t-2 u-1", "b: t-1 u-0 u-2"]);
    }

    #[test]
    fn who_does_not_want_a_topic_is_passed_over() {
        let group = members(&[("a", &["t"]), ("b", &["t", "u"]), ("c", &["t", "u", "v"])]);
        let given = Assignor::RoundRobin.assign(&counts(&[("t", 1), ("u", 2), ("v", 3)]), &group);
        assert_eq!(said(&given), ["a: t-0", "b: u-0", "c: u-1 v-0 v-1 v-2"]);
    }
}
