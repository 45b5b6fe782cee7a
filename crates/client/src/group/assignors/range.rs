//! Ranges of each topic.

use super::{Assignments, Counts, Members, in_order, partitions_of, wanted};

/// Cuts each topic into as many ranges as members want it; the first ones are longer by one where it does not come out
/// even.
pub(super) fn assign(counts: &Counts, members: &Members) -> Assignments {
    let mut assignments = Assignments::new();
    let ordered = in_order(members);
    for topic in wanted(counts, members) {
        let readers: Vec<_> = ordered.iter().filter(|(_, member)| member.topics.contains(topic)).collect();
        let mut partitions = partitions_of(topic, counts);
        let count = counts[topic] as usize;
        for (place, (id, _)) in readers.iter().enumerate() {
            let length = count / readers.len() + usize::from(place < count % readers.len());
            assignments.entry((*id).clone()).or_default().extend(partitions.by_ref().take(length));
        }
    }
    assignments
}

#[cfg(test)]
mod tests {
    use super::super::Assignor;
    use super::super::testing::*;

    #[test]
    fn the_first_members_have_longer_ranges_of_every_topic() {
        let group = members(&[("a", &["t", "u"]), ("b", &["t", "u"])]);
        let given = Assignor::Range.assign(&counts(&[("t", 3), ("u", 3)]), &group);
        assert_eq!(said(&given), ["a: t-0 t-1 u-0 u-1", "b: t-2 u-2"]);
    }

    #[test]
    fn only_those_who_want_a_topic_share_it() {
        let group = members(&[("a", &["t"]), ("b", &["t", "u"]), ("c", &["u"])]);
        let given = Assignor::Range.assign(&counts(&[("t", 3), ("u", 2)]), &group);
        assert_eq!(said(&given), ["a: t-0 t-1", "b: t-2 u-0", "c: u-1"]);
    }

    #[test]
    fn static_members_come_first_by_their_names_whatever_their_ids() {
        let mut group = members(&[("a", &["t"]), ("b", &["t"]), ("c", &["t"])]);
        group.get_mut("b").unwrap().instance = Some("2".into());
        group.get_mut("c").unwrap().instance = Some("1".into());
        let given = Assignor::Range.assign(&counts(&[("t", 3)]), &group);
        assert_eq!(said(&given), ["a: t-2", "b: t-1", "c: t-0"]);
    }
}
