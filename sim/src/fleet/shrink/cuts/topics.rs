//! Topics, and partitions that nobody uses. Places name topics by their number, so those of the ones that stay move up.

use super::{steps, those, without_empty_groups};
use crate::plan::{AdminStep, CommitterDeed, Habit, MemberDeed, MemberHabit, Place, Plan, Target};

/// How many topics there are.
pub fn count(plan: &Plan) -> usize {
    plan.world.topics.len()
}

/// How many partitions all of them have.
pub fn partitions(plan: &Plan) -> i32 {
    plan.world.topics.iter().map(|topic| topic.partitions).sum()
}

/// Which topics stay: their new numbers, by the old ones.
struct Numbers(Vec<Option<u8>>);

impl Numbers {
    fn topic(&self, topic: &mut u8) -> bool {
        let new = self.0[usize::from(*topic)];
        *topic = new.unwrap_or(*topic);
        new.is_some()
    }

    fn place(&self, place: &mut Place) -> bool {
        self.topic(&mut place.topic)
    }
}

/// The plan with some topics, and without what is done to the others.
pub fn keep(plan: &Plan, kept: &[usize]) -> Plan {
    let mut numbers = vec![None; count(plan)];
    kept.iter().zip(0..).for_each(|(old, new)| numbers[*old] = Some(new));
    let numbers = Numbers(numbers);
    let mut plan = plan.clone();
    plan.world.topics = those(&plan.world.topics, kept);
    plan.clients.retain_mut(|client| habit(&numbers, &mut client.habit));
    plan.faults.retain_mut(|fault| match &mut fault.target {
        Target::Leader(place) | Target::Heirs(place) => numbers.place(place),
        _ => true,
    });
    if let Some(groups) = &mut plan.groups {
        groups.groups.iter_mut().for_each(|group| group.topics.retain_mut(|topic| numbers.topic(topic)));
    }
    without_empty_groups(plan)
}

/// Whether the client has something left to do.
fn habit(numbers: &Numbers, habit: &mut Habit) -> bool {
    let places = |places: &mut Vec<Place>| {
        places.retain_mut(|place| numbers.place(place));
        !places.is_empty()
    };
    match habit {
        Habit::Producer(habit, _) => numbers.place(&mut habit.place),
        Habit::Library(habit, _) => places(&mut habit.places),
        Habit::Follower(habit, _) => places(&mut habit.places),
        Habit::Member(habit, deeds) => {
            member(numbers, habit, deeds);
            !habit.topics.is_empty()
        }
        Habit::Reader(_) | Habit::Lookups(_) | Habit::Admin(_) | Habit::Committer(..) => {
            let gone = gone(numbers, habit);
            steps::refuse(habit, |place| gone[place]);
            true
        }
    }
}

/// Which steps are about a topic that is gone; the others learn its new number.
fn gone(numbers: &Numbers, habit: &mut Habit) -> Vec<bool> {
    match habit {
        Habit::Reader(steps) => steps.iter_mut().map(|step| !numbers.place(&mut step.place)).collect(),
        Habit::Lookups(steps) => steps.iter_mut().map(|step| !numbers.place(&mut step.place)).collect(),
        Habit::Admin(steps) => steps.iter_mut().map(|(_, step)| !admin(numbers, step)).collect(),
        Habit::Committer(_, deeds) => deeds.iter_mut().map(|(_, deed)| !committer(numbers, deed)).collect(),
        _ => Vec::new(),
    }
}

fn admin(numbers: &Numbers, step: &mut AdminStep) -> bool {
    match step {
        AdminStep::AlterConfig { topic, .. }
        | AdminStep::DescribeConfigs { topic }
        | AdminStep::Recreate { topic, .. }
        | AdminStep::AddPartition { topic } => numbers.topic(topic),
        AdminStep::DeleteRecords { place, .. }
        | AdminStep::ElectPreferred { place }
        | AdminStep::Reassign { place, .. }
        | AdminStep::CancelReassignment { place } => numbers.place(place),
        AdminStep::ListTopics => true,
    }
}

fn committer(numbers: &Numbers, deed: &mut CommitterDeed) -> bool {
    match deed {
        CommitterDeed::Commit(place)
        | CommitterDeed::Lookup { place, .. }
        | CommitterDeed::Oversize(place)
        | CommitterDeed::DeleteOffset(place) => numbers.place(place),
        CommitterDeed::DeleteGroup | CommitterDeed::Move { .. } | CommitterDeed::CommitAsMember { .. } => true,
    }
}

/// What a member subscribes to is bits, one for each topic of its own.
fn member(numbers: &Numbers, habit: &mut MemberHabit, deeds: &mut [(u32, MemberDeed)]) {
    let stays: Vec<bool> = habit.topics.iter().map(|topic| numbers.0[usize::from(*topic)].is_some()).collect();
    habit.topics.retain_mut(|topic| numbers.topic(topic));
    if stays.iter().all(|stays| *stays) {
        return; // bits beyond them mean nothing, and stay too
    }
    for (_, deed) in deeds {
        if let MemberDeed::Subscribe(bits) = deed {
            let kept = (0..stays.len().min(8)).filter(|bit| stays[*bit]);
            *bits = kept.zip(0..).fold(0, |all, (old, new)| all | (*bits >> old & 1) << new);
        }
    }
}

/// The topics that have partitions behind the last one that anybody uses.
fn spare(plan: &Plan) -> Vec<(usize, i32)> {
    let used = used(plan);
    let spare = plan.world.topics.iter().zip(used).enumerate();
    spare.filter(|(_, (topic, used))| *used < topic.partitions).map(|(number, (_, used))| (number, used)).collect()
}

/// How many partitions of each topic writers and followers use, at least one; members of groups use all.
fn used(plan: &Plan) -> Vec<i32> {
    let mut used = vec![1; count(plan)];
    let mut note = |place: &Place| {
        let most = &mut used[usize::from(place.topic)];
        *most = (*most).max(i32::from(place.partition) + 1);
    };
    for client in &plan.clients {
        match &client.habit {
            Habit::Producer(habit, _) => note(&habit.place),
            Habit::Library(habit, _) => habit.places.iter().for_each(&mut note),
            Habit::Follower(habit, _) => habit.places.iter().for_each(&mut note),
            _ => {}
        }
    }
    used
}

/// How many topics have partitions to spare.
pub fn trimmable(plan: &Plan) -> usize {
    spare(plan).len()
}

/// The plan where all of these topics but some have no partitions to spare, and nothing is done to those that are gone.
pub fn trim(plan: &Plan, kept: &[usize]) -> Plan {
    let mut plan = plan.clone();
    for (_, (number, used)) in spare(&plan).into_iter().enumerate().filter(|(place, _)| !kept.contains(place)) {
        plan.world.topics[number].partitions = used;
    }
    let limits: Vec<i32> = plan.world.topics.iter().map(|topic| topic.partitions).collect();
    let there = |place: &Place| i32::from(place.partition) < limits[usize::from(place.topic)];
    for client in &mut plan.clients {
        let gone: Vec<bool> = match &client.habit {
            Habit::Reader(steps) => steps.iter().map(|step| !there(&step.place)).collect(),
            Habit::Lookups(steps) => steps.iter().map(|step| !there(&step.place)).collect(),
            Habit::Admin(steps) => steps.iter().map(|(_, step)| !place_of(step).is_none_or(&there)).collect(),
            Habit::Committer(_, deeds) => deeds.iter().map(|(_, deed)| !committed(deed).is_none_or(&there)).collect(),
            _ => continue,
        };
        steps::refuse(&mut client.habit, |place| gone[place]);
    }
    plan.faults.retain(|fault| match &fault.target {
        Target::Leader(place) | Target::Heirs(place) => there(place),
        _ => true,
    });
    plan
}

fn place_of(step: &AdminStep) -> Option<&Place> {
    match step {
        AdminStep::DeleteRecords { place, .. }
        | AdminStep::ElectPreferred { place }
        | AdminStep::Reassign { place, .. }
        | AdminStep::CancelReassignment { place } => Some(place),
        _ => None,
    }
}

fn committed(deed: &CommitterDeed) -> Option<&Place> {
    match deed {
        CommitterDeed::Commit(place)
        | CommitterDeed::Lookup { place, .. }
        | CommitterDeed::Oversize(place)
        | CommitterDeed::DeleteOffset(place) => Some(place),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;

    #[test]
    fn nothing_names_a_topic_that_is_gone() {
        for seed in 0..10 {
            let plan = Plan::draw(seed, Profile::named("groups").expect("a profile"));
            let left = keep(&plan, &[count(&plan) - 1]);
            assert_eq!(count(&left), 1);
            let text = serde_json::to_string(&left).expect("plain data");
            assert!(!text.contains("\"topic\":1") && !text.contains("\"topic\":2"), "seed {seed}");
            for client in &left.clients {
                if let Habit::Member(habit, _) = &client.habit {
                    assert_eq!(habit.topics, [0]);
                }
            }
        }
    }

    #[test]
    fn subscriptions_keep_their_meaning() {
        let numbers = Numbers(vec![Some(0), None, Some(1)]);
        let plan = Plan::draw(1, Profile::named("groups").expect("a profile"));
        let habit = plan.clients.into_iter().find_map(|client| match client.habit {
            Habit::Member(habit, _) => Some(habit),
            _ => None,
        });
        let mut habit = habit.expect("a member");
        habit.topics = vec![0, 1, 2];
        let mut deeds = [(0, MemberDeed::Subscribe(0b110)), (0, MemberDeed::Subscribe(0b011))];
        member(&numbers, &mut habit, &mut deeds);
        assert_eq!(habit.topics, [0, 1]);
        assert_eq!(deeds.map(|(_, deed)| deed), [MemberDeed::Subscribe(0b10), MemberDeed::Subscribe(0b01)]);
    }
}
