//! The driver of each node: does what its machine wants done, in order, with a disk that takes its time.

use super::Cluster;
use super::invariants::{
    acknowledgement_durable_before_answer, high_watermark_monotonic, leader_completeness, leader_hears_a_majority,
    vote_durable_before_answer,
};
use super::network::Event;
use super::state::State;
use model::NodeId;
use model::state_machine::Instant;
use raft::{Effect, Message, Raft, Role, Snapshot};

impl Cluster {
    /// Something happens.
    pub fn happen(&mut self, event: Event) {
        match event {
            Event::Deliver { from, to, posted, message } => {
                // What was under way when the link was cut, or the sender's power failed, may not arrive any more.
                let lost = self.network.is_cut(from, to) || self.node(from).unsent_until.is_some_and(|at| posted <= at);
                if !lost {
                    self.deliver(from, to, message);
                }
            }
            Event::Wake { node } => self.wake(node),
            Event::Synced { node, incarnation } => {
                if self.node(node).incarnation == incarnation && self.node(node).running.is_some() {
                    self.synced(node);
                    self.drive(node);
                }
            }
            Event::Connected { node, peer } => self.if_running(node, |raft, now| raft.connected(now, peer)),
            Event::Refused { node, peer } => {
                if self.node(peer).running.is_none() {
                    self.if_running(node, |raft, now| raft.peer_died(now, peer));
                }
            }
        }
    }

    /// Calls the machine of a node that runs, and does what it wants done then.
    pub fn act<T>(&mut self, id: NodeId, call: impl FnOnce(&mut Raft, Instant) -> T) -> T {
        let now = self.now;
        let result = call(&mut self.node_mut(id).running.as_mut().expect("the node runs").raft, now);
        self.drive(id);
        result
    }

    fn if_running(&mut self, id: NodeId, call: impl FnOnce(&mut Raft, Instant)) {
        if self.node(id).running.is_some() {
            self.act(id, call);
        }
    }

    fn deliver(&mut self, from: NodeId, to: NodeId, message: Message) {
        let now = self.now;
        if let Some(running) = &mut self.node_mut(to).running {
            running.heard[from as usize - 1] = now;
            running.raft.step(now, from, message);
            self.drive(to);
        }
    }

    fn wake(&mut self, id: NodeId) {
        let now = self.now;
        let Some(running) = &mut self.nodes[id as usize - 1].running else { return };
        if running.wake_at.is_some_and(|at| at <= now) {
            running.wake_at = None;
        }
        if running.raft.next_deadline() <= now {
            running.raft.tick(now);
        }
        let hears = leader_hears_a_majority::check(id, running, &self.shape, now);
        self.violated(hears);
        self.drive(id);
    }

    /// Does what is to be done, until the disk has to be waited for; looks at what must always be so.
    pub fn drive(&mut self, id: NodeId) {
        loop {
            let Some(running) = &mut self.node_mut(id).running else { return };
            let effects = running.raft.take_effects();
            running.queue.extend(effects);
            if !self.work_off(id) {
                break;
            }
        }
        self.watch(id);
        self.take_snapshot(id);
        self.plan_wake(id);
    }

    /// Works the queue off; `true` when the machine may want more now.
    fn work_off(&mut self, id: NodeId) -> bool {
        let mut called = false;
        loop {
            let node = self.node_mut(id);
            let Some(running) = node.running.as_mut().filter(|running| !running.writing) else { return called };
            let Some(effect) = running.queue.pop_front() else { return called };
            if effect.is_persistence() {
                let more = running.queue.iter().take_while(|effect| effect.is_persistence()).count();
                node.disk.pending = [effect].into_iter().chain(running.queue.drain(..more)).collect();
                running.writing = true;
                called |= self.begin_sync(id);
            } else {
                called |= self.carry_out(id, effect);
            }
        }
    }

    /// `true` when the disk is so fast that it is done.
    fn begin_sync(&mut self, id: NodeId) -> bool {
        let wait = self.dice.micros(self.shape.disk.0, self.shape.disk.1);
        if wait.is_zero() {
            self.synced(id);
            return true;
        }
        let (node, incarnation) = (id, self.node(id).incarnation);
        self.network.schedule(self.now + wait, Event::Synced { node, incarnation });
        false
    }

    fn synced(&mut self, id: NodeId) {
        let now = self.now;
        let node = self.node_mut(id);
        let written = node.disk.sync();
        let running = node.running.as_mut().expect("a disk is written by a process");
        running.writing = false;
        // Only when nothing that was handed out is still to be written may the machine be told.
        if !running.queue.iter().any(Effect::is_persistence) {
            running.raft.persisted(now);
        }
        for effect in written {
            match effect {
                Effect::Truncate { to } => self.node_mut(id).checked = self.node(id).checked.min(to),
                Effect::InstallSnapshot(snapshot) => self.take_state(id, &snapshot),
                _ => {}
            }
        }
        self.check_stored(id);
    }

    fn take_state(&mut self, id: NodeId, snapshot: &Snapshot) {
        let state = State::decode(&snapshot.state);
        let taken = self.invariants.history.snapshot(id, state, snapshot.end_offset);
        let taken = taken.map(|state| self.node_mut(id).running.as_mut().expect("it runs").state = state);
        self.violated(taken);
    }

    /// Does anything but writing; `true` when the machine was called.
    fn carry_out(&mut self, id: NodeId, effect: Effect) -> bool {
        let now = self.now;
        match effect {
            Effect::Send { to, message } => self.send(id, to, message),
            Effect::Apply { base_offset, entries } => {
                let running = self.nodes[id as usize - 1].running.as_mut().expect("it runs");
                let applied = self.invariants.history.apply(id, &mut running.state, base_offset, &entries);
                self.violated(applied);
            }
            Effect::Found { .. } => {
                let state = State { end: 1, hash: self.dice.roll() };
                let running = self.node_mut(id).running.as_mut().expect("it runs");
                running.raft.found(now, state.encode());
                return true;
            }
            Effect::Lead { epoch } => {
                let running = self.nodes[id as usize - 1].running.as_mut().expect("it runs");
                running.serves = true;
                let complete = leader_completeness::serves(&self.invariants.history, id, epoch, running.state.end);
                self.violated(complete);
            }
            Effect::Follow { .. } => self.node_mut(id).running.as_mut().expect("it runs").serves = false,
            written => unreachable!("not a disk's: {written:?}"),
        }
        false
    }

    fn send(&mut self, id: NodeId, to: NodeId, message: Message) {
        let disk = &self.nodes[id as usize - 1].disk;
        let vote = vote_durable_before_answer::check(disk, &message);
        let acknowledgement = acknowledgement_durable_before_answer::check(disk, &message);
        self.violated(vote);
        self.violated(acknowledgement);
        self.network.post(self.now, &mut self.dice, id, to, message);
    }

    /// What must hold of a machine after every step.
    fn watch(&mut self, id: NodeId) {
        let (now, key) = (self.now, self.node(id).key());
        let running = self.nodes[id as usize - 1].running.as_mut().expect("it runs");
        let monotonic = high_watermark_monotonic::check(id, running);
        let epoch = running.raft.epoch();
        let leads = running.raft.role() == Role::Leader;
        let begins = leads && running.leads_since.is_none();
        running.leads_since = running.leads_since.filter(|_| leads).or(leads.then_some(now));
        let log_end = running.raft.log_end_offset();
        self.violated(monotonic);
        if leads {
            let alone = self.invariants.leaders.leads(epoch, key);
            self.violated(alone);
        }
        if begins {
            let complete = leader_completeness::elected(&self.invariants.history, id, epoch, log_end);
            self.violated(complete);
        }
    }

    /// What was stored matches what others have stored.
    pub fn check_stored(&mut self, id: NodeId) {
        let node = &mut self.nodes[id as usize - 1];
        let (start, disk) = (node.disk.start(), &node.disk);
        let from = node.checked.clamp(start, disk.end());
        let mut checked = Ok(());
        for offset in from..disk.end() {
            let Some(previous) = disk.epoch_before(offset) else { continue };
            let entry = &disk.stored.entries[(offset - start) as usize];
            checked = checked.and_then(|()| self.invariants.entries.stored(id, offset, previous, entry));
        }
        node.checked = disk.end();
        self.violated(checked);
    }

    /// Takes a snapshot when there is enough for one.
    fn take_snapshot(&mut self, id: NodeId) {
        let every = self.shape.snapshot_every;
        let running = self.node_mut(id).running.as_mut().expect("it runs");
        let state = running.state;
        if state.end - running.raft.log_start_offset() >= every && running.raft.log_start_offset() > 0 {
            running.raft.snapshot(state.encode(), state.end);
            self.drive(id);
        }
    }

    fn plan_wake(&mut self, id: NodeId) {
        let running = self.nodes[id as usize - 1].running.as_mut().expect("it runs");
        let at = running.raft.next_deadline().max(self.now);
        if running.wake_at.is_none_or(|planned| at < planned) {
            running.wake_at = Some(at);
            self.network.schedule(at, Event::Wake { node: id });
        }
    }
}
