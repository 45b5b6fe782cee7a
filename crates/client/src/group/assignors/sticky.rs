//! Evenly, and where it was.

use super::general::Balance;
use super::user_data::Claim;
use super::{Assignments, Counts, Members, Subscription, partitions_of, wanted};
use model::TopicPartition;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Leaves each partition where it was, gives those that nobody had to those who have least, and then takes from those
/// who have too much. `claim` is what a member says it had.
pub(super) fn assign(counts: &Counts, members: &Members, claim: fn(&Subscription) -> Claim) -> Assignments {
    let had = owners(counts, members, claim);
    let mut free: Vec<TopicPartition> = wanted(counts, members)
        .into_iter()
        .flat_map(|topic| partitions_of(topic, counts))
        .filter(|partition| !had.contains_key(partition))
        .collect();
    // What few want goes first: what many want can still go to any of them.
    let readers = |topic: &Arc<str>| members.values().filter(|member| member.topics.contains(topic)).count();
    let readers: BTreeMap<Arc<str>, usize> =
        wanted(counts, members).into_iter().map(|topic| (topic.clone(), readers(topic))).collect();
    free.sort_by_key(|partition| readers[&partition.topic]);
    let mut balance = Balance::keeping(had, members);
    free.into_iter().for_each(|partition| balance.place(partition));
    balance.even_out();
    balance.finish()
}

/// Who had what. Of two who say that they had a partition the one of the later generation did; when they are of the
/// same, nobody knows.
fn owners(counts: &Counts, members: &Members, claim: fn(&Subscription) -> Claim) -> BTreeMap<TopicPartition, Arc<str>> {
    let mut owners: BTreeMap<TopicPartition, (i32, Option<Arc<str>>)> = BTreeMap::new();
    for (id, member) in members {
        let (claimed, generation) = claim(member);
        for partition in claimed {
            let exists = counts.get(&partition.topic).is_some_and(|count| (0..*count).contains(&partition.partition));
            if !exists || !member.topics.contains(&partition.topic) {
                continue;
            }
            let (latest, owner) = owners.entry(partition).or_insert((i32::MIN, None));
            if generation > *latest {
                (*latest, *owner) = (generation, Some(id.clone()));
            } else if generation == *latest {
                *owner = None;
            }
        }
    }
    owners.into_iter().filter_map(|(partition, (_, owner))| Some((partition, owner?))).collect()
}

/// What moves from one member to another is given to nobody yet: the one that has it must let go of it first, and
/// joins again when it has (KIP-429).
pub(super) fn without_what_moves(mut assignments: Assignments, members: &Members) -> Assignments {
    let mut moving: BTreeSet<TopicPartition> = BTreeSet::new();
    for (id, member) in members {
        let given = assignments.get(id);
        moving.extend(member.owned.iter().filter(|of| given.is_none_or(|given| !given.contains(*of))).cloned());
    }
    for (id, given) in &mut assignments {
        given.retain(|of| !moving.contains(of) || members[id].owned.contains(of));
    }
    assignments
}

#[cfg(test)]
mod tests {
    use super::super::Assignor;
    use super::super::testing::*;
    use super::super::{Counts, Members};

    fn cooperative(told: &[(&str, &str, i32)]) -> Members {
        let mut group = Members::new();
        for (id, owned, generation) in told {
            let mut member = member(&["t"]);
            (member.owned, member.generation) = (partitions(owned), *generation);
            group.insert((*id).into(), member);
        }
        group
    }

    fn t(count: i32) -> Counts {
        counts(&[("t", count)])
    }

    #[test]
    fn of_two_who_claim_a_partition_the_later_one_has_it() {
        let group = cooperative(&[("a", "t-0 t-1", 4), ("b", "t-0", 5)]);
        // b keeps t-0. a has to let go of it first, although it never gets it back.
        assert_eq!(said(&Assignor::CooperativeSticky.assign(&t(2), &group)), ["a: t-1", "b: t-0"]);
    }

    #[test]
    fn of_two_in_one_generation_who_claim_a_partition_nobody_has_it() {
        let group = cooperative(&[("a", "t-0", 5), ("b", "t-0", 5)]);
        let given = Assignor::CooperativeSticky.assign(&t(2), &group);
        assert_eq!(said(&given), ["a: t-0", "b: t-1"], "one of them goes on with it, the other lets go");
    }

    #[test]
    fn a_cooperative_newcomer_waits_for_what_has_to_be_let_go_of() {
        let group = cooperative(&[("a", "t-0 t-1 t-2 t-3", 1), ("b", "", -1)]);
        let given = Assignor::CooperativeSticky.assign(&t(4), &group);
        assert_eq!(said(&given), ["a: t-0 t-1", "b: "]);
        let group = cooperative(&[("a", "t-0 t-1", 2), ("b", "", 2)]);
        assert_eq!(said(&Assignor::CooperativeSticky.assign(&t(4), &group)), ["a: t-0 t-1", "b: t-2 t-3"]);
    }

    #[test]
    fn partitions_that_are_gone_or_not_wanted_any_more_are_no_claims() {
        let mut group = cooperative(&[("a", "t-0 t-7 u-0", 1), ("b", "t-1", 1)]);
        group.get_mut("b").unwrap().topics.insert("u".into());
        let given = Assignor::CooperativeSticky.assign(&counts(&[("t", 2), ("u", 1)]), &group);
        // a still reads u-0 and has to let go of it before b may have it.
        assert_eq!(said(&given), ["a: t-0", "b: t-1"]);
    }

    #[test]
    fn topics_that_few_want_go_to_those_few() {
        let group = members(&[("a", &["t", "u"]), ("b", &["t"])]);
        let given = Assignor::Sticky.assign(&counts(&[("t", 2), ("u", 2)]), &group);
        assert_eq!(said(&given), ["a: u-0 u-1", "b: t-0 t-1"]);
    }
}
