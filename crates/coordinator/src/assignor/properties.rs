//! What holds of every assignment, for drawn groups.

use super::{Assignment, Assignor, GroupSpec, MemberSpec, TopicSpec};
use model::Uuid;
use model::dice::Dice;
use std::collections::{BTreeMap, BTreeSet};

fn topic(number: usize, partitions: usize) -> TopicSpec {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&(number as u64 + 1).to_be_bytes());
    TopicSpec { id: Uuid(id), partitions, racks: Vec::new() }
}

/// Members that outlive a spec, with what they own.
#[derive(Clone, Default)]
struct Members(BTreeMap<String, (usize, Option<String>, Assignment)>);

impl Members {
    fn spec<'a>(&'a self, topics: &[TopicSpec], subscriptions: &[Vec<usize>]) -> GroupSpec<'a> {
        let member = |(id, (subscription, rack, owned)): (&'a String, &'a (usize, Option<String>, Assignment))| {
            MemberSpec { id, instance_id: None, rack: rack.as_deref(), subscription: *subscription, owned }
        };
        let members = self.0.iter().map(member).collect();
        GroupSpec { topics: topics.to_vec(), subscriptions: subscriptions.to_vec(), members }
    }

    fn assign(&mut self, assignor: Assignor, topics: &[TopicSpec], subscriptions: &[Vec<usize>]) {
        let assigned = assignor.assign(&self.spec(topics, subscriptions));
        for ((_, _, owned), assignment) in self.0.values_mut().zip(assigned) {
            *owned = assignment;
        }
    }

    fn loads(&self) -> Vec<usize> {
        self.0.values().map(|(_, _, owned)| owned.len()).collect()
    }
}

fn all(count: usize, topics: &[TopicSpec]) -> Members {
    assert!(!topics.is_empty());
    Members((0..count).map(|number| (format!("m{number:04}"), (0, None, Assignment::default()))).collect())
}

fn check_complete_and_exclusive(members: &Members, topics: &[TopicSpec], subscriptions: &[Vec<usize>]) {
    let mut seen = BTreeSet::new();
    let mut subscribed = BTreeSet::new();
    for (subscription, _, owned) in members.0.values() {
        let ids: BTreeSet<Uuid> = subscriptions[*subscription].iter().map(|topic| topics[*topic].id).collect();
        for partition in owned.iter() {
            assert!(ids.contains(&partition.0), "a member gets only what it is subscribed to");
            assert!(seen.insert(partition), "one owner a partition");
        }
        subscribed.extend(subscriptions[*subscription].iter().copied());
    }
    let wanted: usize = subscribed.iter().map(|topic| topics[*topic].partitions).sum();
    assert_eq!(seen.len(), wanted, "every partition that has a subscriber has an owner");
}

/// No single move of a partition makes two members more even.
fn check_even(members: &Members, topics: &[TopicSpec], subscriptions: &[Vec<usize>]) {
    for (_, _, owned) in members.0.values() {
        for (id, _) in owned.topics() {
            for (subscription, _, other) in members.0.values() {
                let may_have_it = subscriptions[*subscription].iter().any(|topic| topics[*topic].id == id);
                assert!(!may_have_it || owned.len() <= other.len() + 1, "{} and {}", owned.len(), other.len());
            }
        }
    }
}

#[test]
fn any_group_is_assigned_wholly_evenly_and_again_the_same() {
    for seed in 1..400_u64 {
        let dice = &mut Dice::seeded(seed);
        let racks = ["a", "b", "c"];
        let mut topics: Vec<TopicSpec> = (0..1 + dice.below(6)).map(|number| topic(number, dice.below(12))).collect();
        if dice.below(2) == 0 {
            for topic in &mut topics {
                topic.racks = (0..topic.partitions).map(|_| vec![racks[dice.below(3)].into()]).collect();
            }
        }
        let kinds = 1 + dice.below(3);
        let subscriptions: Vec<Vec<usize>> =
            (0..kinds).map(|_| (0..topics.len()).filter(|_| dice.below(3) > 0).collect()).collect();
        let mut members = Members::default();
        for _ in 0..12 {
            match dice.below(3) {
                0 if !members.0.is_empty() => {
                    let gone = members.0.keys().nth(dice.below(members.0.len())).cloned().expect("a member");
                    members.0.remove(&gone);
                }
                1 => {
                    let grown = dice.below(topics.len());
                    topics[grown].partitions += dice.below(3);
                }
                _ => {
                    let rack = (dice.below(2) == 0).then(|| racks[dice.below(3)].to_owned());
                    let subscription = dice.below(kinds);
                    let id = format!("m{}", dice.below(1000));
                    members.0.insert(id, (subscription, rack, Assignment::default()));
                }
            }
            let assignor = if dice.below(4) == 0 { Assignor::Range } else { Assignor::Uniform };
            members.assign(assignor, &topics, &subscriptions);
            check_complete_and_exclusive(&members, &topics, &subscriptions);
            if assignor == Assignor::Uniform {
                check_even(&members, &topics, &subscriptions);
            }
            let before = members.0.clone();
            members.assign(assignor, &topics, &subscriptions);
            assert!(before == members.0, "what is assigned well stays, seed {seed}");
        }
    }
}

#[test]
fn a_member_that_joins_takes_its_share_and_nothing_else_moves() {
    let topics = [topic(0, 100), topic(1, 7)];
    let mut members = all(10, &topics);
    members.assign(Assignor::Uniform, &topics, &[vec![0, 1]]);
    let before = members.clone();
    members.0.insert("newcomer".into(), (0, None, Assignment::default()));
    members.assign(Assignor::Uniform, &topics, &[vec![0, 1]]);
    for (id, (_, _, owned)) in &before.0 {
        assert!(members.0[id].2.iter().all(|(topic, partition)| owned.contains(topic, partition)));
    }
    let newcomer = members.0["newcomer"].2.len();
    assert!((9..=10).contains(&newcomer), "{newcomer}");
}

#[test]
fn what_a_gone_member_owned_is_spread_and_the_others_keep_theirs() {
    let topics = [topic(0, 60)];
    let mut members = all(6, &topics);
    members.assign(Assignor::Uniform, &topics, &[vec![0]]);
    members.0.remove("m0003");
    let before = members.clone();
    members.assign(Assignor::Uniform, &topics, &[vec![0]]);
    for (id, (_, _, owned)) in &before.0 {
        assert!(owned.iter().all(|(topic, partition)| members.0[id].2.contains(topic, partition)));
    }
    assert_eq!(members.loads(), [12; 5]);
}

#[test]
fn a_member_of_few_topics_is_not_starved_by_those_of_many() {
    let topics = [topic(0, 6), topic(1, 6)];
    let subscriptions = [vec![0, 1], vec![1]];
    let mut members = all(2, &topics);
    members.assign(Assignor::Uniform, &topics, &subscriptions);
    assert_eq!(members.loads(), [6, 6]);
    members.0.insert("picky".into(), (1, None, Assignment::default()));
    members.assign(Assignor::Uniform, &topics, &subscriptions);
    assert_eq!(members.loads(), [4, 4, 4]);
}

#[test]
fn ranges_of_equal_topics_meet_in_one_member_and_static_members_come_first() {
    let topics = [topic(0, 5), topic(1, 5), topic(2, 2)];
    let owned = Assignment::EMPTY;
    let member = |id, instance_id| MemberSpec { id, instance_id, rack: None, subscription: 0, owned };
    let members = vec![member("a", None), member("b", None), member("z", Some("instance"))];
    let group = GroupSpec { topics: topics.to_vec(), subscriptions: vec![vec![0, 1, 2]], members };
    let assigned = Assignor::Range.assign(&group);
    let numbers = |member: usize, topic: usize| assigned[member].of_topic(topics[topic].id).to_vec();
    assert_eq!([numbers(2, 0), numbers(0, 0), numbers(1, 0)], [vec![0, 1], vec![2, 3], vec![4]]);
    assert_eq!([numbers(2, 1), numbers(0, 1), numbers(1, 1)], [vec![0, 1], vec![2, 3], vec![4]]);
    assert_eq!([numbers(2, 2), numbers(0, 2), numbers(1, 2)], [vec![0], vec![1], vec![]]);
}

#[test]
fn members_get_what_is_in_their_rack_where_somebody_has_to_get_it() {
    let mut near = topic(0, 6);
    near.racks = (0..6).map(|partition| vec![["east", "west"][partition % 2].into()]).collect();
    for assignor in [Assignor::Uniform, Assignor::Range] {
        let topics = [near.clone()];
        let mut members = all(2, &topics);
        members.0.get_mut("m0000").expect("a member").1 = Some("west".into());
        members.0.get_mut("m0001").expect("a member").1 = Some("east".into());
        members.assign(assignor, &topics, &[vec![0]]);
        assert_eq!(members.0["m0000"].2.of_topic(near.id), [1, 3, 5], "{assignor:?}");
        assert_eq!(members.0["m0001"].2.of_topic(near.id), [0, 2, 4], "{assignor:?}");
    }
}

#[test]
fn what_nobody_is_subscribed_to_and_partitions_that_are_gone_are_not_assigned() {
    let topics = [topic(0, 2)];
    let mut members = all(1, &topics);
    members.0.get_mut("m0000").expect("a member").2 =
        [(topics[0].id, 5), (topics[0].id, -1), (Uuid([9; 16]), 0)].into_iter().collect();
    members.assign(Assignor::Uniform, &topics, &[vec![0]]);
    assert_eq!(members.0["m0000"].2.iter().collect::<Vec<_>>(), [(topics[0].id, 0), (topics[0].id, 1)]);
    members.assign(Assignor::Uniform, &topics, &[vec![]]);
    assert!(members.0["m0000"].2.is_empty());
}

#[test]
fn a_thousand_members_of_a_thousand_partitions_take_a_moment() {
    let topics: Vec<TopicSpec> = (0..1000).map(|number| topic(number, 1)).collect();
    let everything: Vec<usize> = (0..1000).collect();
    let mut members = all(1000, &topics);
    members.assign(Assignor::Uniform, &topics, std::slice::from_ref(&everything));
    assert_eq!(members.loads(), [1; 1000]);
    let halves = [everything.clone(), everything[..500].to_vec(), everything[500..].to_vec()];
    for (number, member) in members.0.values_mut().enumerate() {
        *member = (number % 3, None, Assignment::default());
    }
    members.assign(Assignor::Uniform, &topics, &halves);
    assert_eq!(members.loads(), [1; 1000]);
}
