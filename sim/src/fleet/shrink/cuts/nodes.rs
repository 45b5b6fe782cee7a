//! Nodes of a cluster, down to three. A node's id is its place, so those that stay get new ids where one before them goes.

use super::those;
use crate::plan::{NodePlace, Plan, QuorumChange, Target};

/// A cluster has at least so many, and so many voters.
const LEAST: usize = 3;

/// How many nodes there are, where there are more than the least.
pub fn count(plan: &Plan) -> usize {
    let nodes = plan.world.nodes.len();
    if nodes > LEAST { nodes } else { 0 }
}

/// The plan with some of them; of the others the first that are needed stay, too.
pub fn keep(plan: &Plan, kept: &[usize]) -> Plan {
    let kept = at_least(plan, kept);
    let mut numbers = vec![None; plan.world.nodes.len()];
    kept.iter().zip(0..).for_each(|(old, new)| numbers[*old] = Some(new));
    let new = |place: NodePlace| numbers.get(usize::from(place)).copied().flatten();
    let mut plan = plan.clone();
    plan.world.nodes = those(&plan.world.nodes, &kept);
    renumber(&mut plan);
    let nodes = plan.world.nodes.len() as i16;
    let offsets = plan.groups.iter_mut().map(|groups| &mut groups.offsets);
    for topic in plan.world.topics.iter_mut().chain(offsets).filter(|topic| topic.replicas > nodes) {
        topic.replicas = nodes;
        if let Some(least) = topic.configs.get_mut("min.insync.replicas") {
            *least = least.parse::<i16>().unwrap_or(1).min(nodes).to_string();
        }
    }
    plan.faults.retain_mut(|fault| aim(&mut fault.target, &new));
    plan.quorum.retain_mut(|deed| match &mut deed.change {
        QuorumChange::HandOver(voter) | QuorumChange::TakeOut(voter, _) => replace(voter, &new),
    });
    plan.held_back = plan.held_back.iter().filter_map(|place| new(*place)).collect();
    let voters = plan.world.nodes.iter().filter(|node| node.votes).count();
    plan.held_back.truncate((voters - 1) / 2);
    plan
}

/// Adds voters, then others, until there are enough of both.
fn at_least(plan: &Plan, kept: &[usize]) -> Vec<usize> {
    let mut kept = kept.to_vec();
    let votes = |place: &usize| plan.world.nodes[*place].votes;
    for place in 0..plan.world.nodes.len() {
        let voters = kept.iter().filter(|place| votes(place)).count();
        let wanted = if votes(&place) { voters < LEAST } else { kept.len() < LEAST };
        if wanted && !kept.contains(&place) {
            kept.push(place);
        }
    }
    kept.sort_unstable();
    kept
}

/// Gives each node the configs of its new id.
fn renumber(plan: &mut Plan) {
    let nodes = &mut plan.world.nodes;
    let ids = (1..).zip(nodes.iter()).filter(|(_, node)| node.votes).map(|(id, _)| format!("{id}@10.0.0.{id}:9093"));
    let voters = ids.collect::<Vec<_>>().join(",");
    for (id, node) in (1..).zip(nodes.iter_mut()) {
        node.configs.insert("node.id".into(), id.to_string());
        node.configs.insert("advertised.listeners".into(), format!("PLAINTEXT://10.0.0.{id}:9092"));
        node.configs.insert("controller.quorum.voters".into(), voters.clone());
    }
}

fn replace(place: &mut NodePlace, new: impl Fn(NodePlace) -> Option<NodePlace>) -> bool {
    let found = new(*place);
    *place = found.unwrap_or(*place);
    found.is_some()
}

/// Whether somebody is left to hit.
fn aim(target: &mut Target, new: impl Fn(NodePlace) -> Option<NodePlace>) -> bool {
    let some = |places: &mut Vec<NodePlace>| {
        *places = places.iter().filter_map(|place| new(*place)).collect();
        !places.is_empty()
    };
    match target {
        Target::Node(place) | Target::AllBut(place) | Target::Loop(place, _) | Target::Isolated(place) => {
            replace(place, &new)
        }
        Target::Nodes(places) | Target::Swizzled(places) => some(places),
        Target::Bridge(place, places) => some(places) && replace(place, &new),
        Target::All | Target::Rolling | Target::Ring | Target::Controller => true,
        Target::Leader(_) | Target::Heirs(_) | Target::Coordinator(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;

    #[test]
    fn three_voters_stay_whatever_goes_and_each_knows_its_new_id() {
        for seed in 0..40 {
            let plan = Plan::draw(seed, Profile::named("cluster").expect("a profile"));
            let left = keep(&plan, &[]);
            assert_eq!(left.world.nodes.len(), 3, "seed {seed}");
            assert!(left.world.nodes.iter().all(|node| node.votes));
            for (id, node) in (1..).zip(&left.world.nodes) {
                assert_eq!(node.configs["node.id"], id.to_string());
                assert_eq!(node.configs["controller.quorum.voters"].split(',').count(), 3);
            }
            assert!(left.world.topics.iter().all(|topic| topic.replicas <= 3));
            assert!(left.held_back.len() <= 1);
        }
    }

    #[test]
    fn a_node_that_moves_up_is_still_the_one_that_is_hit() {
        let seeds = (0..200).map(|seed| Plan::draw(seed, Profile::named("cluster").expect("a profile")));
        let plan = seeds.into_iter().find(|plan| plan.world.nodes.len() > 4).expect("a larger one");
        let all: Vec<usize> = (0..plan.world.nodes.len()).filter(|place| *place != 3).collect();
        let left = keep(&plan, &all);
        let node = |place: u8| move |target: &Target| *target == Target::Node(place);
        let count = |plan: &Plan, place| plan.faults.iter().filter(|fault| node(place)(&fault.target)).count();
        assert_eq!(count(&left, 3), count(&plan, 4));
        assert_eq!(left.world.nodes[3].sync_us, plan.world.nodes[4].sync_us);
    }
}
