//! Who reads what, decided by the leader of a classic group. Pure: the same members and topics give the same answer.

mod general;
mod range;
mod round_robin;
mod sticky;
mod user_data;

use bytes::Bytes;
use model::{PartitionId, TopicPartition};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How partitions are spread over the members of a classic group (`partition.assignment.strategy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assignor {
    /// Of each topic a range for each member, so that topics of equal size are cut at the same places.
    Range,
    /// One partition after the other to one member after the other.
    RoundRobin,
    /// Evenly, and each partition where it was if it can be (KIP-54).
    Sticky,
    /// The same without a moment in which nobody reads anything (KIP-429).
    CooperativeSticky,
}

/// What a member told when it joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// The topics it wants to read.
    pub topics: BTreeSet<Arc<str>>,
    /// What its assignor wants to be told.
    pub user_data: Option<Bytes>,
    /// What it reads now, and goes on reading while the group rebalances.
    pub owned: BTreeSet<TopicPartition>,
    /// The generation in which it was given that; -1 when it is not known.
    pub generation: i32,
    /// Where it stands.
    pub rack: Option<Arc<str>>,
    /// `group.instance.id`: its name if it is a static member.
    pub instance: Option<Arc<str>>,
}

/// How many partitions each topic has. Topics that do not exist are not there.
pub type Counts = BTreeMap<Arc<str>, PartitionId>;
/// The members by their ids.
pub type Members = BTreeMap<Arc<str>, Subscription>;
/// What each member is to read.
pub type Assignments = BTreeMap<Arc<str>, BTreeSet<TopicPartition>>;

impl Assignor {
    /// All of them.
    pub const ALL: [Assignor; 4] =
        [Assignor::Range, Assignor::RoundRobin, Assignor::Sticky, Assignor::CooperativeSticky];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Assignor::Range => "range",
            Assignor::RoundRobin => "roundrobin",
            Assignor::Sticky => "sticky",
            Assignor::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// The one of this name.
    pub fn of_name(name: &str) -> Option<Assignor> {
        Assignor::ALL.into_iter().find(|assignor| assignor.name() == name)
    }

    /// Whether members may keep what they read while the group rebalances.
    pub fn is_cooperative(self) -> bool {
        self == Assignor::CooperativeSticky
    }

    /// What it wants to be told by a member that was given `last` in `generation`.
    pub fn user_data(self, last: &BTreeSet<TopicPartition>, generation: i32) -> Option<Bytes> {
        match self {
            Assignor::Range | Assignor::RoundRobin => None,
            Assignor::Sticky => user_data::sticky(last, generation),
            Assignor::CooperativeSticky => Some(user_data::cooperative(generation)),
        }
    }

    /// Gives each partition that somebody wants to one member. Every member has an entry.
    pub fn assign(self, counts: &Counts, members: &Members) -> Assignments {
        let mut assignments: Assignments = members.keys().map(|id| (id.clone(), BTreeSet::new())).collect();
        let given = match self {
            Assignor::Range => range::assign(counts, members),
            Assignor::RoundRobin => round_robin::assign(counts, members),
            Assignor::Sticky => sticky::assign(counts, members, user_data::previous),
            Assignor::CooperativeSticky => {
                sticky::without_what_moves(sticky::assign(counts, members, user_data::owned), members)
            }
        };
        assignments.extend(given);
        assignments
    }
}

/// Members in the order in which assignors go through them: static ones first, by their names, so that a restart
/// changes nothing; then the others by their ids.
fn in_order(members: &Members) -> Vec<(&Arc<str>, &Subscription)> {
    let mut ordered: Vec<_> = members.iter().collect();
    ordered.sort_by_key(|(id, member)| (member.instance.is_none(), member.instance.clone(), (*id).clone()));
    ordered
}

/// The partitions of a topic.
fn partitions_of<'a>(topic: &'a Arc<str>, counts: &Counts) -> impl Iterator<Item = TopicPartition> + use<'a> {
    let count = counts.get(topic).copied().unwrap_or(0);
    (0..count).map(|partition| TopicPartition::new(topic.clone(), partition))
}

/// Those topics that anybody wants and that exist.
fn wanted<'a>(counts: &Counts, members: &'a Members) -> BTreeSet<&'a Arc<str>> {
    members.values().flat_map(|member| &member.topics).filter(|topic| counts.contains_key(*topic)).collect()
}

#[cfg(test)]
pub(super) mod testing {
    //! Groups in a few words.
    use super::*;

    pub fn counts(topics: &[(&str, i32)]) -> Counts {
        topics.iter().map(|(topic, count)| (Arc::from(*topic), *count)).collect()
    }

    pub fn member(topics: &[&str]) -> Subscription {
        let topics = topics.iter().map(|topic| Arc::from(*topic)).collect();
        Subscription { topics, generation: -1, ..Subscription::default() }
    }

    pub fn members(told: &[(&str, &[&str])]) -> Members {
        told.iter().map(|(id, topics)| (Arc::from(*id), member(topics))).collect()
    }

    /// Partitions such as `t-0`, with spaces between them.
    pub fn partitions(text: &str) -> BTreeSet<TopicPartition> {
        let one = |word: &str| {
            let (topic, partition) = word.rsplit_once('-').expect("topic-partition");
            TopicPartition::new(topic, partition.parse().expect("a number"))
        };
        text.split_whitespace().map(one).collect()
    }

    /// What each member got, as [`partitions`] takes it.
    pub fn said(assignments: &Assignments) -> Vec<String> {
        let words =
            |given: &BTreeSet<TopicPartition>| given.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        assignments.iter().map(|(id, given)| format!("{id}: {}", words(given))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::testing::*;
    use super::*;
    use model::dice::Dice;

    fn random_group(dice: &mut Dice) -> (Counts, Members) {
        let counts: Counts =
            (0..1 + dice.below(5)).map(|n| (Arc::from(format!("t{n}")), dice.below(9) as i32)).collect();
        let uniform = dice.below(2) == 0;
        let members = (0..1 + dice.below(7)).map(|number| {
            // One topic more than there is.
            let topics = (0..=5).filter(|_| uniform || dice.below(2) == 0).map(|n| Arc::from(format!("t{n}")));
            let member = Subscription { topics: topics.collect(), generation: -1, ..Subscription::default() };
            (Arc::from(format!("m{number}")), member)
        });
        let members = members.collect();
        (counts, members)
    }

    /// Each partition that somebody wants is given once, to one who wants it.
    fn check(what: &str, counts: &Counts, members: &Members, given: &Assignments) {
        let mut all: BTreeSet<TopicPartition> =
            wanted(counts, members).into_iter().flat_map(|topic| partitions_of(topic, counts)).collect();
        assert_eq!(given.len(), members.len(), "{what}");
        for (id, given) in given {
            for partition in given {
                assert!(all.remove(partition), "{what}: {partition} is given twice, or is not there");
                assert!(members[id].topics.contains(&partition.topic), "{what}: {id} does not want {partition}");
            }
        }
        assert!(all.is_empty(), "{what}: nobody reads {all:?}");
    }

    fn spread(given: &Assignments) -> usize {
        let sizes = || given.values().map(BTreeSet::len);
        sizes().max().unwrap_or(0) - sizes().min().unwrap_or(0)
    }

    #[test]
    fn every_partition_has_one_reader_whatever_the_group_is_like() {
        let mut dice = Dice::seeded(1);
        for seed in 0..3000 {
            let (counts, members) = random_group(&mut dice);
            for assignor in Assignor::ALL {
                let what = format!("{} in group {seed}", assignor.name());
                let given = assignor.assign(&counts, &members);
                check(&what, &counts, &members, &given);
                let alike = members.values().all(|m| m.topics == members.values().next().unwrap().topics);
                assert!(!alike || assignor == Assignor::Range || spread(&given) <= 1, "{what}: {given:?}");
            }
        }
    }

    /// A group that joins again with what it was given, as members do.
    fn rejoined(assignor: Assignor, members: &Members, given: &Assignments, generation: i32) -> Members {
        let again = |(id, member): (&Arc<str>, &Subscription)| {
            let last = given.get(id).cloned().unwrap_or_default();
            let user_data = assignor.user_data(&last, generation);
            let owned = if assignor.is_cooperative() { last } else { BTreeSet::new() };
            (id.clone(), Subscription { user_data, owned, generation, ..member.clone() })
        };
        members.iter().map(again).collect()
    }

    #[test]
    fn what_is_sticky_moves_only_what_has_to_move() {
        let mut dice = Dice::seeded(2);
        for seed in 0..1500 {
            let (counts, members) = random_group(&mut dice);
            for assignor in [Assignor::Sticky, Assignor::CooperativeSticky] {
                let first = assignor.assign(&counts, &members);
                let again = rejoined(assignor, &members, &first, 1);
                assert_eq!(assignor.assign(&counts, &again), first, "{} in group {seed}", assignor.name());
                let mut fewer = again.clone();
                if fewer.len() > 1 {
                    fewer.pop_first();
                    let given = assignor.assign(&counts, &fewer);
                    let alike = members.values().all(|m| m.topics == members.values().next().unwrap().topics);
                    // Where members want different topics some may move, and a cooperative group gives those later.
                    if alike || !assignor.is_cooperative() {
                        check("after one left", &counts, &fewer, &given);
                    }
                    for (id, given) in &given {
                        assert!(!alike || given.is_superset(&first[id]), "group {seed}: {id} lost some for nothing");
                    }
                }
            }
        }
    }

    #[test]
    fn a_cooperative_group_takes_before_it_gives_and_ends_balanced() {
        let mut dice = Dice::seeded(3);
        for seed in 0..1500 {
            let (counts, mut members) = random_group(&mut dice);
            let assignor = Assignor::CooperativeSticky;
            let mut given = assignor.assign(&counts, &members);
            let newcomer: Subscription = members.values().next().unwrap().clone();
            members.insert("newcomer".into(), newcomer);
            for generation in 1..4 {
                let before = given.clone();
                members = rejoined(assignor, &members, &before, generation);
                given = assignor.assign(&counts, &members);
                for (id, given) in &given {
                    for (other, had) in &before {
                        let both = given.intersection(had).count();
                        assert!(id == other || both == 0, "group {seed}: {id} was given what {other} still reads");
                    }
                }
            }
            check("settled", &counts, &members, &given);
            let settled = rejoined(assignor, &members, &given, 9);
            assert_eq!(assignor.assign(&counts, &settled), given, "group {seed} goes on moving");
        }
    }

    #[test]
    fn names_are_those_of_kafka() {
        for assignor in Assignor::ALL {
            assert_eq!(Assignor::of_name(assignor.name()), Some(assignor));
        }
        assert_eq!(Assignor::of_name("fair"), None);
        assert_eq!(Assignor::ALL.map(Assignor::name), ["range", "roundrobin", "sticky", "cooperative-sticky"]);
    }

    #[test]
    fn a_member_that_wants_nothing_gets_nothing() {
        for assignor in Assignor::ALL {
            let given = assignor.assign(&counts(&[("t", 2)]), &members(&[("a", &["t"]), ("b", &[]), ("c", &["gone"])]));
            assert_eq!(said(&given), ["a: t-0 t-1", "b: ", "c: "]);
        }
    }
}
