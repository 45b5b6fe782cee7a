//! When the process of each node began and ended, from the trace.

use crate::report::recording::Life;
use model::NodeId;
use runtime::simulation::trace::Event;
use std::collections::BTreeSet;

/// The processes so far.
#[derive(Default)]
pub struct Lives {
    /// In the order they began.
    pub all: Vec<Life>,
    /// Nodes that have had one.
    seen: BTreeSet<NodeId>,
    /// Nodes that were asked to stop.
    stopping: BTreeSet<NodeId>,
}

impl Lives {
    /// Something happened on a node of the cluster, whose number in traces is its id.
    pub fn note(&mut self, event: &Event) {
        let (node, at) = (event.node as NodeId, event.at.as_micros() as u64);
        match event.kind {
            "node created" => {}
            "restarted" => self.begin(node, at),
            "asked to stop" => _ = self.stopping.insert(node),
            "process ended" => self.end(node, at),
            "power failed" => self.tell(node, "power failed"),
            // The first start leaves no trace: it began when it first did something.
            _ if !self.seen.contains(&node) => self.begin(node, at),
            _ => {}
        }
    }

    fn begin(&mut self, node: NodeId, at: u64) {
        self.seen.insert(node);
        self.all.push(Life { node, began: at, ended: None, how: String::new() });
    }

    fn last(&mut self, node: NodeId) -> Option<&mut Life> {
        self.all.iter_mut().rev().find(|life| life.node == node)
    }

    fn end(&mut self, node: NodeId, at: u64) {
        let how = if self.stopping.remove(&node) { "stopped" } else { "ended" };
        if let Some(life) = self.last(node).filter(|life| life.ended.is_none()) {
            (life.ended, life.how) = (Some(at), how.to_owned());
        }
    }

    fn tell(&mut self, node: NodeId, how: &str) {
        if let Some(life) = self.last(node) {
            how.clone_into(&mut life.how);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn each_process_has_a_beginning_and_an_end() {
        let mut lives = Lives::default();
        let events = [
            (0, "node created"),
            (1, "written"),
            (2, "process ended"),
            (2, "power failed"),
            (3, "restarted"),
            (4, "asked to stop"),
            (5, "process ended"),
        ];
        for (at, kind) in events {
            lives.note(&Event { at: Duration::from_secs(at), node: 2, kind, values: [0; 3] });
        }
        let told: Vec<_> = lives.all.iter().map(|life| (life.began, life.ended, life.how.as_str())).collect();
        let second = 1_000_000;
        let first = (second, Some(2 * second), "power failed");
        assert_eq!(told, [first, (3 * second, Some(5 * second), "stopped")]);
    }
}
