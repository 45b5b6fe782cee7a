//! What can be taken away from a plan, one kind of thing a file. What is left is a plan that could have been drawn: nothing
//! names what is gone, and nothing is asked of groups that have nobody.

mod durations;
mod endings;
mod faults;
mod nodes;
mod steps;
mod topics;

pub use durations::{shorter, soon_after};
pub use steps::count as operations;
pub use topics::partitions;

use crate::plan::{ClientPlan, Habit, Plan};

/// One kind of thing that there are several of.
pub struct Cut {
    /// What it is.
    pub name: &'static str,
    /// How many there are.
    pub count: fn(&Plan) -> usize,
    /// The plan with those alone whose places are given, in order.
    pub keep: fn(&Plan, &[usize]) -> Plan,
    /// Pieces of the list are made no smaller than this part of it, in the first round; smaller ones later.
    pub finest: usize,
}

/// All of them, in the order in which they are tried.
pub const CUTS: &[Cut] = &[
    Cut { name: "clients", count: |plan| plan.clients.len(), keep: clients, finest: usize::MAX },
    Cut { name: "topics", count: topics::count, keep: topics::keep, finest: usize::MAX },
    Cut { name: "partitions", count: topics::trimmable, keep: topics::trim, finest: usize::MAX },
    Cut { name: "faults", count: faults::count, keep: faults::keep, finest: usize::MAX },
    Cut { name: "endings", count: endings::count, keep: endings::keep, finest: usize::MAX },
    Cut { name: "operations", count: steps::count, keep: steps::keep, finest: 64 },
    Cut { name: "nodes", count: nodes::count, keep: nodes::keep, finest: usize::MAX },
];

/// Those things of a list whose places are given.
fn those<T: Clone>(all: &[T], kept: &[usize]) -> Vec<T> {
    kept.iter().map(|place| all[*place].clone()).collect()
}

fn clients(plan: &Plan, kept: &[usize]) -> Plan {
    without_empty_groups(Plan { clients: those(&plan.clients, kept), ..plan.clone() })
}

/// A group whose last member is gone is not waited for.
fn without_empty_groups(mut plan: Plan) -> Plan {
    let is_member =
        |client: &ClientPlan, name: &str| matches!(&client.habit, Habit::Member(habit, _) if habit.group == name);
    if let Some(groups) = &mut plan.groups {
        groups.groups.retain(|group| plan.clients.iter().any(|client| is_member(client, &group.name)));
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;
    use crate::repro::Repro;

    fn plans() -> Vec<Plan> {
        let profiles = ["cluster", "groups", "standard"].map(|name| Profile::named(name).expect("a profile"));
        profiles.iter().flat_map(|profile| (0..6).map(|seed| Plan::draw(seed, profile))).collect()
    }

    #[test]
    fn keeping_everything_changes_nothing() {
        for plan in plans() {
            for cut in CUTS.iter().filter(|cut| cut.name != "nodes") {
                let all: Vec<usize> = (0..(cut.count)(&plan)).collect();
                assert_eq!((cut.keep)(&plan, &all), plan, "{}", cut.name);
            }
        }
    }

    #[test]
    fn what_is_left_is_smaller_and_reads_back() {
        for plan in plans() {
            for cut in CUTS.iter().filter(|cut| (cut.count)(&plan) > 1) {
                let half: Vec<usize> = (0..(cut.count)(&plan)).step_by(2).collect();
                let smaller = (cut.keep)(&plan, &half);
                assert!((cut.count)(&smaller) <= (cut.count)(&plan), "{}", cut.name);
                let (commit, profile, expected) = ("c".to_owned(), "cluster".to_owned(), "x".to_owned());
                let repro = Repro { commit, profile, planted: None, expected, plan: smaller };
                assert_eq!(Repro::read(&repro.text()), Ok(repro), "{}", cut.name);
            }
        }
    }

    #[test]
    fn a_group_without_members_is_not_waited_for() {
        let plan = plans().into_iter().find(|plan| plan.groups.is_some()).expect("one with groups");
        let nobody = clients(&plan, &[]);
        assert!(nobody.groups.expect("still there").groups.is_empty());
    }
}
