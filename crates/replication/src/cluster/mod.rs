//! Whole clusters of one partition in memory, drawn and run by a seed: the machines of this crate under a network
//! that loses, delays and repeats, crashes, disks that forget what was not synced, and an honest controller.
//!
//! No clock, file or thread: a run is a function of its [`Plan`]. The first invariant that does not hold ends it.

mod controller;
mod dice;
mod disk;
mod faults;
mod invariants;
mod message;
mod network;
mod node;
mod plan;
mod workload;

pub use invariants::Violation;
pub use plan::Plan;

use controller::Controller;
use dice::Dice;
use disk::Disk;
use faults::Repair;
use invariants::{Invariants, Verdict};
use message::{CONTROLLER, Message};
use model::state_machine::Instant;
use model::{NodeId, Offset};
use network::Network;
use node::{Node, Out};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long everything works before progress is demanded.
const HEALING: Duration = Duration::from_secs(6);
/// Producers rest for the last part of it.
const QUIET: Duration = Duration::from_secs(2);
/// Events between two looks at everything.
const SAMPLE: u64 = 60;

/// What a run has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Events.
    pub events: u64,
    /// The last leader epoch.
    pub leader_epoch: i32,
    /// The last partition epoch.
    pub partition_epoch: i32,
    /// Records that were committed.
    pub committed: usize,
    /// Records that were acknowledged with acks=all.
    pub acknowledged: usize,
    /// Faults that were done.
    pub faults: u64,
    /// Over everything that happened: equal runs have equal ones.
    pub digest: u64,
}

/// Runs a plan to its end.
///
/// # Errors
/// The first invariant that did not hold.
pub fn run(plan: &Plan) -> Result<Report, Violation> {
    let mut cluster = Cluster::new(plan);
    cluster.run_until(Instant::default() + plan.faults_for)?;
    cluster.heal();
    cluster.run_until(Instant::default() + plan.faults_for + HEALING)?;
    cluster.invariants.healed(&cluster.nodes, cluster.controller.image())?;
    Ok(cluster.into_report())
}

#[derive(Debug)]
enum Event {
    Deliver { from: NodeId, to: NodeId, message: Message },
    Tick(NodeId),
    Synced { id: NodeId, incarnation: u64, end: Offset, cuts: u64 },
    Finished { id: NodeId, incarnation: u64 },
    ControllerTick,
    Client,
    Fault,
    Repair(Repair),
}

#[derive(Debug)]
struct Cluster {
    plan: Plan,
    now: Instant,
    dice: Dice,
    network: Network,
    controller: Controller,
    /// The version that everybody was sent.
    told_version: u64,
    nodes: Vec<Node>,
    /// Until when a node stands still.
    paused: BTreeMap<NodeId, Instant>,
    events: BTreeMap<(Instant, u64), Event>,
    scheduled: u64,
    healing: bool,
    next_value: u64,
    next_directory: u64,
    reassigned_at: Instant,
    invariants: Invariants,
    report: Report,
}

impl Cluster {
    fn new(plan: &Plan) -> Cluster {
        let ids = 1..=plan.nodes;
        let disk = |id: NodeId| Disk::new(id.unsigned_abs().into(), plan.journaled);
        let replicas = ids.clone().take(plan.replicas as usize).collect();
        let mut cluster = Cluster {
            plan: plan.clone(),
            now: Instant::default(),
            dice: Dice::new(plan.seed, 3),
            network: Network::new(plan),
            controller: Controller::new(replicas, plan.session, plan.frugal_controller, Dice::new(plan.seed, 4)),
            told_version: 0,
            nodes: ids.map(|id| Node::new(id, disk(id), plan.terms)).collect(),
            paused: BTreeMap::new(),
            events: BTreeMap::new(),
            scheduled: 0,
            healing: false,
            next_value: 1,
            next_directory: 1_000,
            reassigned_at: Instant::default(),
            invariants: Invariants::default(),
            report: Report::default(),
        };
        for at in 0..cluster.nodes.len() {
            cluster.nodes[at].start();
            cluster.after(Duration::from_millis(at as u64), Event::Tick(cluster.nodes[at].id));
        }
        cluster.after(Duration::from_millis(50), Event::ControllerTick);
        cluster.after(Duration::from_millis(20), Event::Client);
        cluster.after(Duration::from_millis(300), Event::Fault);
        cluster
    }

    fn run_until(&mut self, end: Instant) -> Verdict {
        while let Some(entry) = self.events.first_entry().filter(|entry| entry.key().0 <= end) {
            let ((at, _), event) = entry.remove_entry();
            self.now = at;
            if let Some(wait) = self.is_put_off(&event) {
                self.after(wait, event);
                continue;
            }
            self.report.events += 1;
            self.happen(event)?;
            self.invariants.event(&self.nodes, self.controller.image())?;
            if self.report.events.is_multiple_of(SAMPLE) {
                self.invariants.sample(&self.nodes, self.controller.image())?;
            }
        }
        Ok(())
    }

    fn happen(&mut self, event: Event) -> Verdict {
        match event {
            Event::Deliver { from, to: CONTROLLER, message } => self.controller_hears(from, message),
            Event::Deliver { from, to, message } => return self.node_hears(from, to, message),
            Event::Tick(id) => {
                let wait = self.dice.millis(12, 25);
                self.after(wait, Event::Tick(id));
                return self.with_node(id, |node, now, out| node.tick(now, out));
            }
            Event::Synced { id, incarnation, end, cuts } => {
                return self.with_life(id, incarnation, |node, now, out| node.synced(now, end, cuts, out));
            }
            Event::Finished { id, incarnation } => {
                return self.with_life(id, incarnation, |node, now, out| node.finish(now, out));
            }
            Event::ControllerTick => {
                self.controller.expire(self.now);
                self.after(Duration::from_millis(40), Event::ControllerTick);
                self.tell_image();
            }
            Event::Client => return self.client(),
            Event::Fault => return self.fault(),
            Event::Repair(repair) => self.repair(repair),
        }
        Ok(())
    }

    fn controller_hears(&mut self, from: NodeId, message: Message) {
        match message {
            Message::Register { incarnation, directory } => {
                self.controller.register(self.now, from, incarnation, directory);
                self.send(CONTROLLER, from, Message::Image(self.controller.image().clone()));
            }
            Message::Heartbeat { broker_epoch, version } => {
                self.controller.heard(self.now, from, broker_epoch, version);
                if version < self.controller.image().version {
                    self.send(CONTROLLER, from, Message::Image(self.controller.image().clone()));
                }
            }
            Message::Alter { incarnation, broker_epoch, proposal } => {
                let answer = self.controller.alter(from, broker_epoch, &proposal);
                self.send(CONTROLLER, from, Message::Altered { incarnation, id: proposal.id, answer });
            }
            Message::Image(_) | Message::Altered { .. } | Message::Fetch { .. } | Message::Fetched { .. } => {}
        }
        self.tell_image();
    }

    /// Whoever is up is sent each new image, if it is not lost.
    fn tell_image(&mut self) {
        let image = self.controller.image().clone();
        if image.version == self.told_version {
            return;
        }
        self.told_version = image.version;
        for at in 0..self.nodes.len() {
            self.send(CONTROLLER, self.nodes[at].id, Message::Image(image.clone()));
        }
    }

    fn node_hears(&mut self, from: NodeId, id: NodeId, message: Message) -> Verdict {
        match message {
            Message::Image(image) => self.with_node(id, |node, now, out| node.image(now, &image, out)),
            Message::Altered { incarnation, id: proposal, answer } => {
                self.with_life(id, incarnation, |node, now, out| node.altered(now, proposal, answer, out))
            }
            Message::Fetch { incarnation, token, fetch, made_in } => self.with_node(id, |node, now, out| {
                let (answer, records) = node.fetched_from(now, fetch, made_in, out);
                out.push((from, Message::Fetched { incarnation, token, answer, records }));
            }),
            Message::Fetched { incarnation, token, answer, records } => {
                self.with_life(id, incarnation, |node, now, out| {
                    node.fetch_answered(now, token, &answer, records, out);
                })
            }
            Message::Register { .. } | Message::Heartbeat { .. } | Message::Alter { .. } => Ok(()),
        }
    }

    fn with_life(&mut self, id: NodeId, incarnation: u64, work: impl FnOnce(&mut Node, Instant, &mut Out)) -> Verdict {
        if self.node(id).incarnation != incarnation {
            return Ok(());
        }
        self.with_node(id, work)
    }

    /// Lets a node that is up do something, sends what it wants sent, starts what its disk is to do, and looks at it.
    fn with_node(&mut self, id: NodeId, work: impl FnOnce(&mut Node, Instant, &mut Out)) -> Verdict {
        let at = (id - 1) as usize;
        if !self.nodes[at].up {
            return Ok(());
        }
        let (mut out, busy, cuts) = (Vec::new(), self.nodes[at].is_busy(), self.nodes[at].disk.cuts());
        let end = self.nodes[at].disk.end();
        work(&mut self.nodes[at], self.now, &mut out);
        for (to, message) in out {
            self.send(id, to, message);
        }
        self.start_disk_work(at, busy, (end, cuts));
        self.digest(at);
        let answered = self.nodes[at].acknowledged();
        self.invariants.acknowledged(&answered);
        let deleted = self.nodes[at].deleted();
        self.invariants.deleted(deleted);
        let least = usize::try_from(self.plan.terms.min_insync_replicas).unwrap_or(1);
        self.invariants.node_moved(&self.nodes, at, least)
    }

    fn start_disk_work(&mut self, at: usize, was_busy: bool, before: (Offset, u64)) {
        let node = &self.nodes[at];
        let (id, incarnation) = (node.id, node.incarnation);
        let (end, cuts) = (node.disk.end(), node.disk.cuts());
        if node.is_busy() && !was_busy {
            let wait = self.dice.millis(0, 3);
            self.after(wait, Event::Finished { id, incarnation });
        }
        if (end, cuts) != before && self.plan.journaled {
            let slow = !self.healing && self.dice.chance(self.plan.slow_sync);
            let wait = if slow { self.dice.millis(10, 300) } else { self.dice.millis(1, 8) };
            self.after(wait, Event::Synced { id, incarnation, end, cuts });
        }
    }

    fn send(&mut self, from: NodeId, to: NodeId, message: Message) {
        let [first, second] = self.network.delays(from, to, &message);
        if let Some(delay) = second {
            self.deliver(delay, from, to, message.clone());
        }
        if let Some(delay) = first {
            self.deliver(delay, from, to, message);
        }
    }

    fn deliver(&mut self, delay: Duration, from: NodeId, to: NodeId, message: Message) {
        self.after(delay, Event::Deliver { from, to, message });
    }

    fn after(&mut self, delay: Duration, event: Event) {
        self.scheduled += 1;
        self.events.insert((self.now + delay, self.scheduled), event);
    }

    /// An event for a node that stands still waits until it goes on.
    fn is_put_off(&self, event: &Event) -> Option<Duration> {
        let (Event::Deliver { to: id, .. } | Event::Tick(id) | Event::Finished { id, .. } | Event::Synced { id, .. }) =
            event
        else {
            return None;
        };
        let until = self.paused.get(id).filter(|until| **until > self.now)?;
        Some(until.saturating_since(self.now))
    }

    fn node(&self, id: NodeId) -> &Node {
        &self.nodes[(id - 1) as usize]
    }

    fn digest(&mut self, at: usize) {
        let node = &self.nodes[at];
        let words =
            [self.now.since_start().as_micros() as u64, at as u64, node.disk.end() as u64, node.high_watermark as u64];
        for word in words {
            let mixed = (self.report.digest ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            self.report.digest = mixed.rotate_left(29);
        }
    }

    fn into_report(self) -> Report {
        let partition = &self.controller.image().partition;
        Report {
            leader_epoch: partition.leader_epoch,
            partition_epoch: partition.partition_epoch,
            committed: self.invariants.history.committed.len(),
            acknowledged: self.invariants.history.acknowledged.len(),
            ..self.report
        }
    }
}
