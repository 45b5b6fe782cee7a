//! Producers, readers that ask where what is committed ends, and those who delete it.

use super::invariants::Verdict;
use super::{Cluster, Event, HEALING, QUIET};
use model::NodeId;
use model::state_machine::Instant;

impl Cluster {
    /// A client turns to a node that thinks it leads: an old leader may be one of several.
    pub(super) fn client(&mut self) -> Verdict {
        let wait = self.dice.millis(4, 30);
        self.after(wait, Event::Client);
        let thinks_so: Vec<NodeId> =
            self.nodes.iter().filter(|node| node.up && node.leader().is_some()).map(|node| node.id).collect();
        let Some(id) = self.dice.pick(&thinks_so) else { return Ok(()) };
        if self.paused.get(&id).is_some_and(|until| *until > self.now) {
            return Ok(());
        }
        self.invariants.latest_told(self.node(id))?;
        let rest_from = Instant::default() + self.plan.faults_for + (HEALING - QUIET);
        if self.now >= rest_from {
            return Ok(());
        }
        if self.dice.chance(self.plan.deletes) {
            return self.delete_records(id);
        }
        if self.dice.chance(self.plan.rests) {
            return Ok(());
        }
        let acks = if self.dice.chance(self.plan.acks_all) { -1 } else { 1 };
        let value = self.next_value;
        self.next_value += 1;
        self.with_node(id, |node, now, out| {
            node.produce(now, value, acks, out);
        })
    }

    fn delete_records(&mut self, id: NodeId) -> Verdict {
        let (from, to) = (self.node(id).disk.start(), self.node(id).high_watermark);
        let before = if self.dice.chance(30) { to.max(from) } else { self.dice.between(from, to.max(from)) };
        self.with_node(id, |node, now, out| node.delete_records(now, before, out))
    }
}
