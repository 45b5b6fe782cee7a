//! What clients do, step by step. The wait before a step that is gone is added to the next one: the others stay when they
//! were.

use crate::plan::{Habit, Pause, Plan};

/// A list of steps that some are taken from.
trait Steps {
    fn length(&self) -> usize;
    /// Takes those away that `kept` does not want.
    fn retain(&mut self, kept: &mut dyn FnMut(usize) -> bool);
    /// When each is taken at the earliest, in microseconds since the client began.
    fn times(&self) -> Vec<u64>;
}

macro_rules! steps {
    ($step:ty, $one:ident => $pause:expr) => {
        impl Steps for Vec<$step> {
            fn length(&self) -> usize {
                self.len()
            }

            fn retain(&mut self, kept: &mut dyn FnMut(usize) -> bool) {
                let (mut place, mut waited): (usize, Pause) = (0, 0);
                Vec::retain_mut(self, |$one| {
                    let stays = kept(place);
                    place += 1;
                    waited = $pause.saturating_add(waited);
                    if stays {
                        $pause = std::mem::take(&mut waited);
                    }
                    stays
                });
            }

            fn times(&self) -> Vec<u64> {
                let mut at = 0;
                let mut next = |$one: &$step| {
                    at += u64::from($pause);
                    at
                };
                self.iter().map(&mut next).collect()
            }
        }
    };
}

steps!(crate::plan::WriteStep, step => step.pause);
steps!(crate::plan::ReadStep, step => step.pause);
steps!(crate::plan::LookupStep, step => step.pause);
steps!((Pause, crate::plan::AdminStep), step => step.0);
steps!((Pause, crate::plan::MemberDeed), step => step.0);
steps!((Pause, crate::plan::CommitterDeed), step => step.0);

/// The steps of a habit; a follower has none, it goes round its pauses.
fn of(habit: &mut Habit) -> Option<&mut dyn Steps> {
    match habit {
        Habit::Producer(_, steps) | Habit::Library(_, steps) => Some(steps),
        Habit::Reader(steps) => Some(steps),
        Habit::Lookups(steps) => Some(steps),
        Habit::Admin(steps) => Some(steps),
        Habit::Member(_, deeds) => Some(deeds),
        Habit::Committer(_, deeds) => Some(deeds),
        Habit::Follower(..) => None,
    }
}

/// How many steps all clients have.
pub fn count(plan: &Plan) -> usize {
    let length = |habit: &Habit| match habit {
        Habit::Producer(_, steps) | Habit::Library(_, steps) => steps.length(),
        Habit::Reader(steps) => steps.length(),
        Habit::Lookups(steps) => steps.length(),
        Habit::Admin(steps) => steps.length(),
        Habit::Member(_, deeds) => deeds.length(),
        Habit::Committer(_, deeds) => deeds.length(),
        Habit::Follower(..) => 0,
    };
    plan.clients.iter().map(|client| length(&client.habit)).sum()
}

/// The plan with some of them, counted through all clients.
pub fn keep(plan: &Plan, kept: &[usize]) -> Plan {
    let mut plan = plan.clone();
    let mut kept = kept.iter().copied().peekable();
    let mut before = 0;
    for steps in plan.clients.iter_mut().filter_map(|client| of(&mut client.habit)) {
        let length = steps.length();
        steps.retain(&mut |place| kept.next_if_eq(&(before + place)).is_some());
        before += length;
    }
    plan
}

/// Takes away, from each client, the steps that `wanted` refuses; it is asked with the step as a habit of one step would
/// have it.
pub fn refuse(habit: &mut Habit, mut refused: impl FnMut(usize) -> bool) {
    if let Some(steps) = of(habit) {
        steps.retain(&mut |place| !refused(place));
    }
}

/// Takes the steps away that are later than `at_us`.
pub fn until(plan: &mut Plan, at_us: u64) {
    for steps in plan.clients.iter_mut().filter_map(|client| of(&mut client.habit)) {
        let times = steps.times();
        steps.retain(&mut |place| times[place] <= at_us);
    }
}

/// Has each client begin so much sooner, as far as it only waits.
pub fn sooner(plan: &mut Plan, by_us: u64) {
    for client in &mut plan.clients {
        let by = Pause::try_from(by_us).unwrap_or(Pause::MAX);
        let first = match &mut client.habit {
            Habit::Producer(_, steps) | Habit::Library(_, steps) => steps.first_mut().map(|step| &mut step.pause),
            Habit::Reader(steps) => steps.first_mut().map(|step| &mut step.pause),
            Habit::Lookups(steps) => steps.first_mut().map(|step| &mut step.pause),
            Habit::Admin(steps) => steps.first_mut().map(|step| &mut step.0),
            Habit::Member(_, deeds) => deeds.first_mut().map(|deed| &mut deed.0),
            Habit::Committer(_, deeds) => deeds.first_mut().map(|deed| &mut deed.0),
            Habit::Follower(..) => None,
        };
        if let Some(pause) = first {
            *pause = pause.saturating_sub(by);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::PROFILES;

    #[test]
    fn steps_that_stay_are_taken_when_they_were() {
        let plan = Plan::draw(5, &PROFILES[0]);
        let third: Vec<usize> = (0..count(&plan)).step_by(3).collect();
        let (mut before, mut after) = (plan.clone(), keep(&plan, &third));
        assert_eq!(count(&after), third.len());
        let mut all = Vec::new();
        for client in &mut before.clients {
            all.extend(of(&mut client.habit).map(|steps| steps.times()).unwrap_or_default());
        }
        let mut left = Vec::new();
        for client in &mut after.clients {
            left.extend(of(&mut client.habit).map(|steps| steps.times()).unwrap_or_default());
        }
        assert_eq!(left, third.iter().map(|place| all[*place]).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_too_late_is_gone() {
        let mut plan = Plan::draw(5, &PROFILES[0]);
        let whole = count(&plan);
        until(&mut plan, 1_000_000);
        assert!(count(&plan) < whole / 20, "{} of {whole}", count(&plan));
    }
}
