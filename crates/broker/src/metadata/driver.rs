//! The task that owns the quorum's machine, the controller's machine while this node leads, and the log they both need.
//!
//! What the quorum's machine wants is done in its order: what must be durable is one write, and nothing that comes after
//! it in the list is sent before it is. While this node leads, requests are decided one by one on top of what was decided
//! before, committed or not; a reply leaves when all that it could have seen is committed. When leadership is lost, the
//! controller's machine goes with all that it did not commit.

use super::fault::MetadataFault;
use super::files::Change;
use super::log::{MetadataLog, fold_entry, image_of};
use super::peers::{PeerEvent, Peers};
use super::state;
use super::status::QuorumStatus;
use super::{AskError, Command, Decided, QuorumReply, QuorumRequest};
use bytes::Bytes;
use controller::frame::{self, Batch};
use controller::replay::fold;
use controller::{Controller, Founding, Reply, Request, Settings};
use model::metadata_image::MetadataImage;
use model::state_machine::{Entry as LogEntry, Instant, Now, Outbox, Position, StateMachine, Ticket};
use model::{ErrorCode, NodeId, Offset, mark};
use raft::{Effect, Entry, Raft};
use runtime::sync::{mpsc, oneshot, select, watch};
use runtime::time;
use std::collections::BTreeMap;
use std::sync::Arc;

/// No batch of records has more bytes than this: it must fit a frame of the log, and a message.
const MAX_BATCH_BYTES: usize = 8 << 20;
/// How often and how many times it is looked whether a controller is dead to which no connection is left.
const LOOK_INTERVAL: time::Duration = time::Duration::from_millis(20);
const LOOKS: u32 = 50;
/// Bytes of an entry beside what it holds, at most.
const ENTRY_OVERHEAD: usize = 256;

pub(super) struct Driver {
    pub raft: Raft,
    pub log: MetadataLog,
    pub settings: Settings,
    pub founding: Founding,
    pub committed: MetadataImage,
    pub images: watch::Sender<Arc<MetadataImage>>,
    pub status: watch::Sender<Arc<QuorumStatus>>,
    pub peers: Arc<Peers>,
    pub mailbox: mpsc::WeakSender<Command>,
    pub started: time::Instant,
    pub snapshot_after: u64,
    pub snapshot_at: u64,
    pub leading: Option<Leading>,
    /// Changes of the voters that are not committed yet, by offset, with who waits for them.
    pub changes: Vec<(Offset, oneshot::Sender<QuorumReply>)>,
    pub published: Offset,
}

/// What a node has only while it leads.
pub(super) struct Leading {
    machine: Controller,
    asked: BTreeMap<Ticket, oneshot::Sender<Decided>>,
    /// Replies that wait until all below the offset is committed.
    decided: BTreeMap<(Offset, Ticket), Reply>,
    next_ticket: u64,
}

impl Driver {
    pub async fn run(mut self, mut commands: mpsc::Receiver<Command>, mut events: mpsc::Receiver<PeerEvent>) {
        if let Err(fault) = self.settle().await {
            return halt(&fault).await;
        }
        loop {
            let deadline = self.started + self.next_deadline().since_start();
            let done = select! {
                biased;
                command = commands.recv() => match command {
                    Some(Command::Close(done)) => {
                        self.resign().await;
                        drop(self);
                        let _ = done.send(());
                        return;
                    }
                    Some(command) => self.obey(command).await,
                    None => return,
                },
                event = events.recv() => match event {
                    Some(event) => self.hear(event).await,
                    None => return,
                },
                () = time::sleep_until(deadline) => self.expire().await,
            };
            // What is on the disk is not known: only a restart can tell.
            if let Err(fault) = done {
                return halt(&fault).await;
            }
        }
    }

    fn now(&self) -> Now {
        Now { monotonic: Instant::after_start(self.started.elapsed()), wall: runtime::clock::now() }
    }

    fn next_deadline(&self) -> Instant {
        let machine = self.leading.as_ref().and_then(|leading| leading.machine.next_deadline());
        machine.map_or(self.raft.next_deadline(), |deadline| deadline.min(self.raft.next_deadline()))
    }

    async fn hear(&mut self, event: PeerEvent) -> Result<(), MetadataFault> {
        let now = self.now().monotonic;
        match event {
            PeerEvent::Connected(node) => self.raft.connected(now, node),
            PeerEvent::Disconnected(node) => self.look_for(node),
            PeerEvent::Message(from, message) => self.raft.step(now, from, *message),
        }
        self.settle().await
    }

    async fn expire(&mut self) -> Result<(), MetadataFault> {
        self.look_at_the_clock().await?;
        let now = self.now();
        let due = |leading: &Leading| leading.machine.next_deadline().is_some_and(|deadline| now.monotonic >= deadline);
        if self.leading.as_ref().is_some_and(due) {
            self.decide(|machine, settings, out| machine.expire(now, settings, out)).await?;
        }
        Ok(())
    }

    /// Does what is due in the quorum. A leader that no majority has answered for too long resigns by it.
    async fn look_at_the_clock(&mut self) -> Result<(), MetadataFault> {
        let now = self.now().monotonic;
        if now >= self.raft.next_deadline() {
            self.raft.tick(now);
        }
        self.settle().await
    }

    async fn obey(&mut self, command: Command) -> Result<(), MetadataFault> {
        // The process may have stood still, and others may have elected another leader meanwhile: a request that writes
        // nothing would not find out.
        self.look_at_the_clock().await?;
        match command {
            Command::Ask(request, reply) => self.ask(*request, reply).await,
            Command::Quorum(request, reply) => {
                self.ask_quorum(request, reply);
                self.settle().await
            }
            Command::PeerDied(node) => {
                mark!("a controller was found dead");
                tracing::warn!("controller {node} is dead: its address refuses connections");
                let now = self.now().monotonic;
                self.raft.peer_died(now, node);
                self.settle().await
            }
            Command::Close(_) => unreachable!("taken by the loop"),
        }
    }

    async fn ask(&mut self, request: Request, reply: oneshot::Sender<Decided>) -> Result<(), MetadataFault> {
        let now = self.now();
        let Some(leading) = &mut self.leading else {
            let _ = reply.send(Err(AskError::NotController));
            return Ok(());
        };
        let ticket = Ticket(leading.next_ticket);
        leading.next_ticket += 1;
        leading.asked.insert(ticket, reply);
        self.decide(|machine, settings, out| machine.handle(now, settings, ticket, request, out)).await
    }

    /// Lets the machine decide, and appends what it decided.
    async fn decide(
        &mut self,
        work: impl FnOnce(&mut Controller, &Settings, &mut Outbox<Controller>),
    ) -> Result<(), MetadataFault> {
        let end = self.raft.log_end_offset();
        let Some(leading) = &mut self.leading else { return Ok(()) };
        leading.machine.skip_to(end);
        let mut out = Outbox::new();
        work(&mut leading.machine, &self.settings, &mut out);
        if !out.records.is_empty()
            && let Err(error) = self.append(std::mem::take(&mut out.records)).await?
        {
            self.reject(&mut out, error);
        }
        self.hold(out);
        self.settle().await
    }

    /// Appends one batch. The inner error means that nothing was written.
    async fn append(
        &mut self,
        records: Vec<controller::records::Record>,
    ) -> Result<Result<(), ErrorCode>, MetadataFault> {
        let base_offset = self.raft.log_end_offset();
        let batch = Batch { base_offset, leader_epoch: self.raft.epoch(), timestamp: runtime::clock::now(), records };
        let Some(frame) = frame::encode(&batch).ok().filter(|frame| frame.len() <= MAX_BATCH_BYTES) else {
            mark!("metadata batch too large");
            return Ok(Err(ErrorCode::PolicyViolation));
        };
        if !self.log.reserve(frame.len() + ENTRY_OVERHEAD).await? {
            return Ok(Err(ErrorCode::KafkaStorageError));
        }
        let now = self.now().monotonic;
        if self.raft.propose(now, Bytes::from(frame)).is_err() {
            return Ok(Err(ErrorCode::NotController));
        }
        let leading = self.leading.as_mut().expect("only a leader decides");
        for record in &batch.records {
            let at = Position { offset: base_offset, timestamp: batch.timestamp, producer: None };
            leading.machine.replay(at, LogEntry::Record(record));
        }
        Ok(Ok(()))
    }

    fn reject(&mut self, out: &mut Outbox<Controller>, error: ErrorCode) {
        let leading = self.leading.as_mut().expect("only a leader decides");
        let tickets: Vec<Ticket> = out.replies.iter().map(|(ticket, _)| *ticket).collect();
        *out = Outbox::new();
        for ticket in tickets {
            leading.machine.rejected(ticket, error, out);
        }
    }

    /// Keeps the replies until all that they could have seen is committed.
    fn hold(&mut self, out: Outbox<Controller>) {
        let end = self.raft.log_end_offset();
        let Some(leading) = &mut self.leading else { return };
        leading.decided.extend(out.replies.into_iter().map(|(ticket, reply)| ((end, ticket), reply)));
    }

    /// Does all that the quorum's machine wants, and what follows from it.
    async fn settle(&mut self) -> Result<(), MetadataFault> {
        loop {
            let effects = self.raft.take_effects();
            if effects.is_empty() {
                break;
            }
            self.perform(effects).await?;
        }
        self.publish();
        self.answer();
        self.compact().await
    }

    async fn perform(&mut self, effects: Vec<Effect>) -> Result<(), MetadataFault> {
        let mut changes = Vec::new();
        let mut wrote = false;
        for effect in effects {
            match effect {
                Effect::SaveHardState(state) => changes.push(Change::HardState(state)),
                Effect::Truncate { to } => changes.push(Change::Truncate { to }),
                Effect::Append { base_offset, entries } => changes.push(Change::Append { base_offset, entries }),
                other => {
                    wrote |= self.write(&mut changes).await?;
                    wrote |= self.perform_one(other).await?;
                }
            }
        }
        wrote |= self.write(&mut changes).await?;
        if wrote {
            let now = self.now().monotonic;
            self.raft.persisted(now);
        }
        Ok(())
    }

    async fn write(&mut self, changes: &mut Vec<Change>) -> Result<bool, MetadataFault> {
        if changes.is_empty() {
            return Ok(false);
        }
        self.log.write(std::mem::take(changes)).await?;
        Ok(true)
    }

    /// Whether it made something durable.
    async fn perform_one(&mut self, effect: Effect) -> Result<bool, MetadataFault> {
        match effect {
            Effect::InstallSnapshot(snapshot) => {
                self.log.install(&snapshot).await?;
                self.committed = image_of(&snapshot)?;
                return Ok(true);
            }
            Effect::Compact(snapshot) => {
                self.log.compact(&snapshot).await?;
                return Ok(true);
            }
            Effect::Send { to, message } => self.peers.send(to, message),
            Effect::Apply { base_offset, entries } => self.apply(base_offset, &entries)?,
            Effect::Found { .. } => self.found(),
            Effect::Lead { epoch } => self.lead(epoch).await?,
            Effect::Follow { .. } => self.follow(),
            Effect::SaveHardState(_) | Effect::Truncate { .. } | Effect::Append { .. } => {
                unreachable!("gathered into one write")
            }
        }
        Ok(false)
    }

    fn apply(&mut self, base_offset: Offset, entries: &[Entry]) -> Result<(), MetadataFault> {
        for (offset, entry) in (base_offset..).zip(entries) {
            fold_entry(&mut self.committed, offset, entry)?;
        }
        Ok(())
    }

    /// The first records of a new cluster, decided by the controller's own rules.
    fn found(&mut self) {
        let mut machine = Controller::new(seed());
        let mut out = Outbox::new();
        let now = self.now();
        machine.handle(now, &self.settings, Ticket(0), Request::Found(self.founding.clone()), &mut out);
        let mut image = MetadataImage::default();
        for record in &out.records {
            fold(&mut image, 0, record);
        }
        image.set_end_offset(1);
        tracing::info!("founding the cluster {}", self.founding.cluster_id);
        self.raft.found(now.monotonic, state::encode(&image, now.wall).into());
    }

    /// This node's own entry is committed, so all before it is, and nothing comes after it yet.
    async fn lead(&mut self, epoch: model::LeaderEpoch) -> Result<(), MetadataFault> {
        tracing::info!("this node is the controller now, in epoch {epoch}");
        let machine = Controller::from_image(self.committed.clone(), seed());
        self.leading = Some(Leading { machine, asked: BTreeMap::new(), decided: BTreeMap::new(), next_ticket: 0 });
        let now = self.now();
        let (end, settings) = (self.raft.log_end_offset(), &self.settings);
        let leading = self.leading.as_mut().expect("made above");
        leading.machine.skip_to(end);
        let mut out = Outbox::new();
        leading.machine.loaded(now, settings, &mut out);
        if !out.records.is_empty() {
            let _ = self.append(std::mem::take(&mut out.records)).await?; // what it could not do now it does when asked
        }
        Ok(())
    }

    fn follow(&mut self) {
        // Another leader may put something else where the other changes are: what comes of them is not known.
        let committed = self.committed.end_offset();
        self.changes.retain(|(offset, _)| *offset < committed);
        let Some(leading) = self.leading.take() else { return };
        tracing::info!("this node is not the controller any more");
        for (_, reply) in leading.asked {
            let _ = reply.send(Err(AskError::Unknown)); // who asked may be gone
        }
    }

    fn publish(&mut self) {
        if self.committed.end_offset() != self.published {
            self.published = self.committed.end_offset();
            if let Some(id) = self.committed.cluster_id() {
                self.peers.set_cluster_id(id);
            }
            self.images.send_replace(Arc::new(self.committed.clone()));
        }
        self.publish_status();
    }

    fn publish_status(&self) {
        let status = QuorumStatus::of(&self.raft, self.leading.is_some());
        if *status != **self.status.borrow() {
            self.peers.dial(status.addresses_of_others(self.raft.me().id));
            self.status.send_replace(status);
        }
    }

    /// The leader's connection has ended: if its process has, nobody need wait for it.
    fn look_for(&self, node: NodeId) {
        let status = self.status.borrow().clone();
        if status.leader != Some(node) {
            return;
        }
        let Some(address) = status.voters.get(&node).cloned() else { return };
        let (peers, mailbox) = (self.peers.clone(), self.mailbox.clone());
        runtime::task::spawn("probe", async move {
            // Its connections may end before its port is closed, while the kernel clears up after a killed process.
            for _ in 0..LOOKS {
                if super::probe::is_refused(&address).await {
                    let Some(mailbox) = mailbox.upgrade() else { return };
                    let _ = mailbox.send(Command::PeerDied(node)).await; // an error means that this node stops
                    return;
                }
                time::sleep(LOOK_INTERVAL).await;
                if peers.is_connected(node) {
                    return;
                }
            }
        });
    }

    /// Delivers the replies whose decisions are committed; the image is published before.
    fn answer(&mut self) {
        let committed = self.committed.end_offset();
        for (offset, reply) in self.changes.extract_if(.., |(offset, _)| *offset < committed) {
            let _ = reply.send(QuorumReply::Changed(Ok(offset))); // who asked may be gone
        }
        let Some(leading) = &mut self.leading else { return };
        while let Some(first) = leading.decided.first_entry() {
            if first.key().0 > committed {
                return;
            }
            let ((until, ticket), reply) = first.remove_entry();
            if let Some(asked) = leading.asked.remove(&ticket) {
                let _ = asked.send(Ok((reply, until))); // who asked may be gone
            }
        }
    }

    async fn compact(&mut self) -> Result<(), MetadataFault> {
        if self.log.length() < self.snapshot_at || self.committed.cluster_id().is_none() {
            return Ok(());
        }
        let state = state::encode(&self.committed, runtime::clock::now());
        let size = state.len() as u64;
        self.raft.snapshot(state.into(), self.committed.end_offset());
        let effects = self.raft.take_effects();
        self.perform(effects).await?;
        self.snapshot_at = self.log.length() + self.snapshot_after.max(size);
        Ok(())
    }

    /// Others need not wait until they miss a leader that goes.
    async fn resign(&mut self) {
        let now = self.now().monotonic;
        self.raft.resign(now);
        let effects = self.raft.take_effects();
        let _ = self.perform(effects).await; // the next start reads what is on the disk
    }

    /// Answers, but for a change that has begun: that is answered when it is committed.
    fn ask_quorum(&mut self, request: QuorumRequest, reply: oneshot::Sender<QuorumReply>) {
        let now = self.now().monotonic;
        match super::quorum_requests::answer(&mut self.raft, now, self.leading.is_some(), request) {
            QuorumReply::Changed(Ok(offset)) => self.changes.push((offset, reply)),
            answer => drop(reply.send(answer)), // who asked may be gone
        }
    }
}

pub(super) fn seed() -> [u64; 4] {
    std::array::from_fn(|_| runtime::rand::u64())
}

async fn halt(fault: &MetadataFault) {
    runtime::process::halt(&format!("the metadata log failed: {fault}")).await;
}

#[cfg(all(test, not(madsim)))] // on a real directory
mod tests;
