//! What goes wrong, and when it is put right again.

use super::invariants::Verdict;
use super::message::CONTROLLER;
use super::plan::Fault;
use super::{Cluster, Event};
use model::NodeId;
use std::time::Duration;

/// The end of a fault.
#[derive(Clone, Debug)]
pub(super) enum Repair {
    Start(NodeId),
    Mend(Vec<(NodeId, NodeId)>),
}

const BETWEEN_REASSIGNMENTS: Duration = Duration::from_millis(300);

impl Cluster {
    pub(super) fn fault(&mut self) -> Verdict {
        if self.healing {
            return Ok(());
        }
        let wait = self.dice.millis(60, 700);
        self.after(wait, Event::Fault);
        let Some(fault) = self.dice.pick(&self.plan.faults) else { return Ok(()) };
        self.report.faults += 1;
        let id = self.dice.between(1, self.plan.nodes.into()) as NodeId;
        match fault {
            Fault::Kill => self.kill(id),
            Fault::KillAll => (1..=self.plan.nodes).for_each(|id| self.kill(id)),
            Fault::CutLink => self.cut_link(id),
            Fault::Isolate => self.isolate(id),
            Fault::Pause => {
                let until = self.now + self.dice.millis(50, 1_500);
                self.paused.insert(id, until);
            }
            Fault::Wipe => self.wipe(id),
            Fault::MoveLeader => self.controller.move_leader(),
            Fault::Reassign => self.reassign(),
        }
        self.tell_image();
        Ok(())
    }

    fn kill(&mut self, id: NodeId) {
        let at = (id - 1) as usize;
        if !self.nodes[at].up {
            return;
        }
        self.write_checkpoint(at);
        self.nodes[at].stop();
        self.nodes[at].disk.lose_power(&mut self.dice);
        let wait = self.dice.millis(5, 1_500);
        self.after(wait, Event::Repair(Repair::Start(id)));
    }

    /// The high watermark that a start finds is sometimes the last one, mostly an older one.
    fn write_checkpoint(&mut self, at: usize) {
        if self.dice.chance(self.plan.checkpoint) {
            self.nodes[at].disk.checkpoint = self.nodes[at].high_watermark;
        }
    }

    fn cut_link(&mut self, id: NodeId) {
        let other = self.dice.between(0, self.plan.nodes.into()) as NodeId;
        let both = self.dice.chance(50);
        let mut links = vec![(id, other)];
        links.extend(both.then_some((other, id)));
        self.cut(links);
    }

    fn isolate(&mut self, id: NodeId) {
        let others = if self.dice.chance(30) { CONTROLLER..=CONTROLLER } else { CONTROLLER..=self.plan.nodes };
        let links = others.filter(|other| *other != id).flat_map(|other| [(id, other), (other, id)]).collect();
        self.cut(links);
    }

    fn cut(&mut self, links: Vec<(NodeId, NodeId)>) {
        links.iter().for_each(|(from, to)| self.network.cut(*from, *to));
        let wait = self.dice.millis(50, 2_000);
        self.after(wait, Event::Repair(Repair::Mend(links)));
    }

    /// A machine comes back with an empty disk and says so at once. Never the last one that has everything.
    fn wipe(&mut self, id: NodeId) {
        let image = self.controller.image();
        let others = image.partition.isr.iter().any(|member| *member != id);
        let at = (id - 1) as usize;
        if !self.nodes[at].up || !others {
            return;
        }
        self.next_directory += 1;
        self.invariants.emptied.insert(id);
        let node = &mut self.nodes[at];
        node.stop();
        node.disk = super::Disk::new(self.next_directory, self.plan.journaled);
        node.start();
        let (incarnation, directory) = (node.incarnation, node.disk.directory);
        self.controller.register(self.now, id, incarnation, directory);
    }

    fn reassign(&mut self) {
        if self.now.saturating_since(self.reassigned_at) < BETWEEN_REASSIGNMENTS {
            return;
        }
        self.reassigned_at = self.now;
        let mut target: Vec<NodeId> = (1..=self.plan.nodes).collect();
        while target.len() > self.plan.replicas as usize {
            let gone = self.dice.between(0, target.len() as i64 - 1) as usize;
            target.remove(gone);
        }
        // Whoever goes deletes its log.
        let stays = |id: &NodeId| target.contains(id);
        self.invariants.emptied.extend((1..=self.plan.nodes).filter(|id| !stays(id)));
        self.controller.reassign(target);
    }

    pub(super) fn repair(&mut self, repair: Repair) {
        match repair {
            Repair::Start(id) => {
                let node = &mut self.nodes[(id - 1) as usize];
                if !node.up {
                    node.start();
                }
            }
            Repair::Mend(links) => links.iter().for_each(|(from, to)| self.network.mend(*from, *to)),
        }
    }

    /// The faults are over.
    pub(super) fn heal(&mut self) {
        self.healing = true;
        self.network.heal();
        self.paused.clear();
        self.nodes.iter_mut().filter(|node| !node.up).for_each(|node| node.start());
    }
}
