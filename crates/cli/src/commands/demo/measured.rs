//! What came of it.

use super::writing::Written;
use crate::output;
use model::NodeId;
use runtime::time::Duration;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// All that was measured.
#[derive(Debug)]
pub struct Measured {
    /// The node that died.
    pub victim: NodeId,
    /// Who led each partition before.
    pub leaders: Vec<NodeId>,
    /// The longest time without an acknowledgement in each partition, from the kill on.
    pub gaps: Vec<Duration>,
    /// What was written.
    pub written: Written,
    /// The numbers read from each partition, in the order in which they came.
    pub read: Vec<Vec<u64>>,
}

/// What is wrong with what was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Faults {
    lost: usize,
    duplicated: usize,
    out_of_order: usize,
}

impl Measured {
    /// Whether everything that was promised was kept.
    pub fn is_good(&self) -> bool {
        self.faults() == Faults::default()
    }

    fn faults(&self) -> Faults {
        let mut faults = Faults::default();
        for (acknowledged, read) in self.written.acknowledged.iter().zip(&self.read) {
            let different: BTreeSet<u64> = read.iter().copied().collect();
            faults.lost += acknowledged.iter().filter(|number| !different.contains(number)).count();
            faults.duplicated += read.len() - different.len();
            faults.out_of_order += read.windows(2).filter(|pair| pair[1] < pair[0]).count();
        }
        faults
    }

    /// The longest gap of the partitions that the dead node led, or of the others, in milliseconds.
    fn gap(&self, led: bool) -> u128 {
        let gaps = self.leaders.iter().zip(&self.gaps).filter(|(leader, _)| (**leader == self.victim) == led);
        gaps.map(|(_, gap)| gap.as_millis()).max().unwrap_or(0)
    }

    fn acknowledged(&self) -> usize {
        self.written.acknowledged.iter().map(Vec::len).sum()
    }

    /// For people.
    pub fn text(&self) -> String {
        let faults = self.faults();
        let row = |what: &str, count: String| vec![what.to_owned(), count];
        let led = partitions_of(&self.leaders, |leader| leader == self.victim);
        let others = partitions_of(&self.leaders, |leader| leader != self.victim);
        let mut rows = vec![
            row(&format!("longest wait for an acknowledgement, {led}"), format!("{} ms", self.gap(true))),
            row("records acknowledged", self.acknowledged().to_string()),
            row("records read", self.read.iter().map(Vec::len).sum::<usize>().to_string()),
            row("lost", faults.lost.to_string()),
            row("duplicated", faults.duplicated.to_string()),
            row("out of order", faults.out_of_order.to_string()),
        ];
        if !others.is_empty() {
            let what = format!("the same where node {} only followed, {others}", self.victim);
            rows.insert(1, row(&what, format!("{} ms", self.gap(false))));
        }
        if self.written.given_up + self.written.in_doubt > 0 {
            rows.push(row("given up, and told so", (self.written.given_up + self.written.in_doubt).to_string()));
        }
        output::table(&[&format!("kill -9 of node {}", self.victim), ""], rows)
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let faults = self.faults();
        json!({
            "killed": self.victim,
            "gap_ms": self.gap(true) as u64,
            "gap_of_others_ms": self.gap(false) as u64,
            "acknowledged": self.acknowledged(),
            "read": self.read.iter().map(Vec::len).sum::<usize>(),
            "given_up": self.written.given_up,
            "in_doubt": self.written.in_doubt,
            "lost": faults.lost,
            "duplicated": faults.duplicated,
            "out_of_order": faults.out_of_order,
        })
    }
}

/// The names of the partitions whose leader is one of these.
pub fn partitions_of(leaders: &[NodeId], wanted: impl Fn(NodeId) -> bool) -> String {
    let led = leaders.iter().enumerate().filter(|(_, leader)| wanted(**leader));
    led.map(|(at, _)| format!("demo-{at}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(acknowledged: &[u64], read: &[u64]) -> Measured {
        let written = Written { acknowledged: vec![acknowledged.to_vec(), vec![]], given_up: 0, in_doubt: 0 };
        let gaps = vec![Duration::from_millis(400), Duration::from_millis(30)];
        Measured { victim: 2, leaders: vec![2, 1], gaps, written, read: vec![read.to_vec(), vec![]] }
    }

    fn faults(acknowledged: &[u64], read: &[u64]) -> (usize, usize, usize) {
        let Faults { lost, duplicated, out_of_order } = measured(acknowledged, read).faults();
        (lost, duplicated, out_of_order)
    }

    #[test]
    fn what_is_lost_comes_twice_or_out_of_order_is_found() {
        assert_eq!(faults(&[1, 2, 3], &[1, 2, 3]), (0, 0, 0));
        assert_eq!(faults(&[1, 2, 3], &[1, 2, 3, 4]), (0, 0, 0), "one in doubt may be there");
        assert_eq!(faults(&[1, 2, 3], &[1, 3]), (1, 0, 0));
        assert_eq!(faults(&[1, 2, 3], &[1, 2, 2, 3]), (0, 1, 0));
        assert_eq!(faults(&[1, 2, 3], &[1, 3, 2]), (0, 0, 1));
        assert!(measured(&[1], &[1]).is_good() && !measured(&[1], &[]).is_good());
    }

    #[test]
    fn the_gap_of_what_the_dead_node_led_is_told_apart() {
        let text = measured(&[1], &[1]).text();
        assert!(text.contains("acknowledgement, demo-0  400 ms"), "{text}");
        assert!(text.contains("only followed, demo-1"), "{text}");
        assert_eq!(measured(&[1], &[1]).json()["gap_of_others_ms"], 30);
    }
}
