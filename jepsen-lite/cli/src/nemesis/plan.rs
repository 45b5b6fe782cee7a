//! The faults of a `.repro` file of the simulator, as far as real servers can be harmed so: in their order and at their
//! times, one at a time. What hits whoever does something at that moment hits whoever leads a partition.

use crate::command_line::Trouble;
use anyhow::{Context, bail};
use model::NodeId;
use runtime::time::Duration;
use serde_json::Value;
use std::collections::BTreeMap;

/// Whom a fault hits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Whoever is drawn then.
    Drawn,
    /// These.
    Nodes(Vec<NodeId>),
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// When, from the beginning on.
    pub at: Duration,
    /// For how long.
    pub lasts: Duration,
    /// What.
    pub trouble: Trouble,
    /// Whom.
    pub whom: Whom,
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Servers.
    pub nodes: u16,
    /// Whether its clients are groups.
    pub has_groups: bool,
    /// In order.
    pub faults: Vec<Planned>,
    /// What the file holds and nobody can do here, by its name.
    pub left_out: BTreeMap<String, usize>,
}

impl Plan {
    /// Reads a `.repro` file: a word and JSON in each line.
    ///
    /// # Errors
    /// A line that is no such thing, or there are no nodes.
    pub fn read(text: &str) -> anyhow::Result<Plan> {
        let mut plan = Plan::default();
        let mut planned = Vec::new();
        for (number, line) in
            (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
        {
            let (word, json) = line.split_once(' ').with_context(|| format!("line {number} is a word alone"))?;
            let value: Value = serde_json::from_str(json).with_context(|| format!("line {number}"))?;
            match word {
                "node" => plan.nodes += 1,
                "profile" => plan.has_groups = value == "groups",
                "fault" => planned.push(value),
                _ => {} // what clients and topics were like there
            }
        }
        if plan.nodes == 0 {
            bail!("it names no node");
        }
        planned.iter().try_for_each(|fault| plan.add(fault))?;
        plan.faults.sort_by_key(|fault| fault.at);
        Ok(plan)
    }

    fn add(&mut self, fault: &Value) -> anyhow::Result<()> {
        let kind = fault["kind"].as_str().context("a fault has no kind")?;
        let milliseconds = |name: &str| fault[name].as_u64().with_context(|| format!("a fault has no {name}"));
        let (at, lasts) = (milliseconds("at_ms")?, milliseconds("lasts_ms")?);
        let Some(trouble) = trouble(kind) else {
            *self.left_out.entry(kind.to_owned()).or_insert(0) += 1;
            return Ok(());
        };
        let whom = self.whom(&fault["target"]);
        let (at, lasts) = (Duration::from_millis(at), Duration::from_millis(lasts));
        self.faults.push(Planned { at, lasts, trouble, whom });
        Ok(())
    }

    fn whom(&self, target: &Value) -> Whom {
        let all = 1..=NodeId::from(self.nodes);
        let node = |place: &Value| place.as_i64().map(|place| place as NodeId % NodeId::from(self.nodes) + 1);
        let nodes = match target {
            Value::String(name) if name == "All" => Some(all.collect()),
            Value::Object(named) => match named.iter().next().map(|(name, value)| (name.as_str(), value)) {
                Some(("Node" | "Isolated", place)) => node(place).map(|node| vec![node]),
                Some(("Loop", places)) => node(&places[0]).map(|node| vec![node]),
                Some(("Nodes" | "Swizzled", Value::Array(places))) => places.iter().map(node).collect(),
                Some(("AllBut", place)) => node(place).map(|spared| all.filter(|node| *node != spared).collect()),
                _ => None,
            },
            _ => None,
        };
        nodes.filter(|nodes: &Vec<NodeId>| !nodes.is_empty()).map_or(Whom::Drawn, Whom::Nodes)
    }

    /// The kinds of trouble in it.
    pub fn troubles(&self) -> Vec<Trouble> {
        let mut troubles: Vec<Trouble> = self.faults.iter().map(|fault| fault.trouble).collect();
        troubles.sort_unstable();
        troubles.dedup();
        troubles
    }

    /// From the beginning to the end of its last fault.
    pub fn lasts(&self) -> Duration {
        self.faults.iter().map(|fault| fault.at + fault.lasts).max().unwrap_or_default()
    }
}

/// What comes nearest to a kind of fault. A process that is killed keeps its page cache, so a power failure has nothing near.
fn trouble(kind: &str) -> Option<Trouble> {
    match kind {
        "process crash" | "graceful restart" => Some(Trouble::Kill),
        "pause" => Some(Trouble::Pause),
        "cut" | "one-way cut" | "clog" | "flap" => Some(Trouble::Partition),
        "full disk" => Some(Trouble::DiskFull),
        "clock jump forward" | "clock jump back" | "clock drift" | "clock freeze" => Some(Trouble::Clock),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# Play it with: cargo sim replay THIS-FILE
profile "groups"
node {"clock_ahead_ms":245}
node {}
node {}
fault {"amount":1,"at_ms":9000,"kind":"cut","lasts_ms":500,"target":{"Coordinator":0}}
fault {"amount":1,"at_ms":2000,"kind":"process crash","lasts_ms":700,"target":{"AllBut":1}}
fault {"amount":1,"at_ms":3000,"kind":"rot at rest","lasts_ms":0,"target":{"Node":1}}
client {}
"#;

    #[test]
    fn what_can_be_done_to_processes_is_taken_in_order_and_the_rest_is_named() {
        let plan = Plan::read(TEXT).expect("it is one");
        let whom: Vec<&Whom> = plan.faults.iter().map(|fault| &fault.whom).collect();
        assert_eq!(whom, [&Whom::Nodes(vec![1, 3]), &Whom::Drawn]);
        assert_eq!(plan.troubles(), [Trouble::Kill, Trouble::Partition]);
        assert_eq!((plan.nodes, plan.has_groups, plan.lasts()), (3, true, Duration::from_millis(9500)));
        assert_eq!(plan.left_out.get("rot at rest"), Some(&1));
    }

    #[test]
    fn what_is_no_repro_file_is_refused() {
        for text in ["", "node", "node {", "fault {}\nnode {}"] {
            assert!(Plan::read(text).is_err(), "{text}");
        }
    }
}
