//! How clients read and look offsets up.

use super::workload::{ClientPlan, FollowerHabit, Habit, LookupQuery, LookupStep, Pause, Place, ReadStep};
use super::world::WorldShape;
use runtime::simulation::Stream;

/// Has some clients read from replicas that do not lead, where there are any.
pub fn spread(dice: &mut Stream, world: &WorldShape, clients: &mut [ClientPlan]) {
    for client in clients {
        match &mut client.habit {
            Habit::Follower(habit, _) if habit.version >= 11 && dice.chance(0.7) => {
                habit.rack = world.nodes[dice.below(world.nodes.len() as u64) as usize].rack.clone();
            }
            Habit::Reader(steps) => {
                for step in steps {
                    step.replica = dice.chance(0.4).then(|| dice.below(5) as u8);
                }
            }
            _ => {}
        }
    }
}

/// Has some of those who read name the epochs of leaders, as clients of Kafka do.
pub fn name_epochs(dice: &mut Stream, clients: &mut [ClientPlan]) {
    for client in clients {
        match &mut client.habit {
            Habit::Follower(habit, _) => habit.names_epochs = dice.chance(0.6),
            Habit::Reader(steps) => steps.iter_mut().for_each(|step| step.names_epoch = dice.chance(0.5)),
            _ => {}
        }
    }
}

/// Draws how one client follows.
pub fn follower(dice: &mut Stream, places: &[Place]) -> FollowerHabit {
    let mut some: Vec<Place> = places.iter().copied().filter(|_| dice.chance(0.6)).collect();
    if some.is_empty() {
        some.push(*dice.pick(places));
    }
    FollowerHabit {
        places: some,
        version: *dice.pick(&[5, 7, 11, 12, 13, 16, 17]),
        session: dice.chance(0.6),
        max_bytes: *dice.pick(&[1000, 20_000, 200_000, 1_000_000]),
        max_wait_ms: *dice.pick(&[10, 100, 500]),
        rack: None,
        names_epochs: false,
    }
}

/// Draws what one client reads here and there.
pub fn reads(dice: &mut Stream, length_ms: u64, places: &[Place]) -> Vec<ReadStep> {
    let every_us = 40_000;
    let count = length_ms * 1000 / every_us * 3 / 2;
    let step = |_| ReadStep {
        pause: dice.below(2 * every_us) as Pause,
        place: *dice.pick(places),
        at: dice.below(65_536) as u16,
        max_bytes: *dice.pick(&[1, 500, 5000, 50_000]),
        replica: None,
        names_epoch: false,
    };
    (0..count).map(step).collect()
}

/// Draws what one client looks up.
pub fn lookups(dice: &mut Stream, length_ms: u64, places: &[Place]) -> Vec<LookupStep> {
    let every_us = 60_000;
    let count = length_ms * 1000 / every_us * 3 / 2;
    let step = |_| LookupStep {
        pause: dice.below(2 * every_us) as Pause,
        place: *dice.pick(places),
        query: match dice.below(5) {
            0 => LookupQuery::Earliest,
            1 | 2 => LookupQuery::Latest,
            _ => LookupQuery::At(dice.below(65_536) as u16),
        },
    };
    (0..count).map(step).collect()
}
