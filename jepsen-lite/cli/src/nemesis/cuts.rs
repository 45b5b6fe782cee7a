//! Shapes of partitions.

use crate::servers::Party;
use jepsen_lite::history::FaultKind;
use model::NodeId;
use runtime::rand::below;

/// One of them.
#[derive(Debug)]
pub struct Cut {
    /// Whom it hits.
    pub nodes: Vec<NodeId>,
    /// What the history calls it.
    pub kind: FaultKind,
    /// In words.
    pub detail: String,
    /// What is lost: from whom, to whom.
    pub lost: Vec<(Party, Party)>,
}

impl Cut {
    /// Any shape that is one among so many nodes, with `victim` on the smaller side.
    pub fn draw(nodes: &[NodeId], victim: NodeId) -> Cut {
        let others: Vec<Party> = nodes.iter().filter(|node| **node != victim).map(|node| Party::Node(*node)).collect();
        let everybody: Vec<Party> = others.iter().copied().chain([Party::Clients]).collect();
        let one = &[Party::Node(victim)][..];
        let (kind, detail, lost) = match below(if nodes.len() > 1 { 6 } else { 1 }) {
            0 => (FaultKind::Cut, "from everybody", both_ways(one, &everybody)),
            1 => (FaultKind::Cut, "from the other nodes; clients reach it", both_ways(one, &others)),
            2 => (FaultKind::OneWayCut, "it hears no other node", one_way(&others, one)),
            3 => (FaultKind::OneWayCut, "no other node hears it", one_way(one, &others)),
            4 => (FaultKind::Cut, "from one other node", both_ways(one, &others[..1])),
            _ => return Cut::halves(nodes, victim),
        };
        Cut { nodes: vec![victim], kind, detail: detail.to_owned(), lost }
    }

    /// A minority and the rest; clients are with the rest.
    fn halves(nodes: &[NodeId], victim: NodeId) -> Cut {
        let most = (nodes.len() - 1) / 2;
        let count = 1 + below(most.max(1) as u64) as usize;
        let start = nodes.iter().position(|node| *node == victim).unwrap_or(0);
        let few: Vec<NodeId> = nodes.iter().cycle().skip(start).take(count).copied().collect();
        let side = |of: &[NodeId]| of.iter().map(|node| Party::Node(*node)).collect::<Vec<_>>();
        let rest: Vec<NodeId> = nodes.iter().filter(|node| !few.contains(node)).copied().collect();
        let rest: Vec<Party> = side(&rest).into_iter().chain([Party::Clients]).collect();
        let (lost, detail) = (both_ways(&side(&few), &rest), format!("{few:?} from the rest"));
        Cut { nodes: few, kind: FaultKind::Cut, detail, lost }
    }
}

fn one_way(from: &[Party], to: &[Party]) -> Vec<(Party, Party)> {
    from.iter().flat_map(|from| to.iter().map(|to| (*from, *to))).collect()
}

fn both_ways(ones: &[Party], others: &[Party]) -> Vec<(Party, Party)> {
    [one_way(ones, others), one_way(others, ones)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cut_hits_its_victim_and_leaves_a_majority_together() {
        for count in 1..=5 {
            let nodes: Vec<NodeId> = (1..=count).collect();
            for turn in 0..200 {
                let victim = 1 + turn % count;
                let cut = Cut::draw(&nodes, victim);
                assert!(cut.nodes.contains(&victim) && !cut.lost.is_empty(), "{cut:?}");
                let whole: Vec<NodeId> = nodes.iter().copied().filter(|node| !cut.nodes.contains(node)).collect();
                assert!(whole.len() >= nodes.len().div_ceil(2) - usize::from(count == 1), "{cut:?}");
                let inside = |party: &Party| whole.iter().any(|node| *party == Party::Node(*node));
                assert!(!cut.lost.iter().any(|(from, to)| inside(from) && inside(to)), "{cut:?}");
            }
        }
    }
}
