//! Drives the machine of one coordinator: requests in, records into its log, replies once what they rest on is committed.
//!
//! An append ends in one of three ways. Rejected: the machine hears it, and nothing is as if. Lost (leadership gone, or
//! nobody knows what the disk has): the machine is dropped and built anew from the log. Appended and not committed in
//! time: those replies become errors, and the machine keeps what it learnt.

use super::uncommitted::{Moved, Uncommitted};
use super::unsure::{Unsure, may_be_deposed};
use super::{Answer, Asked, Comparison, Mail, loading};
use crate::broker::Broker;
use crate::partition::{Acked, AppendFailure, Command, Partition};
use coordinator::group::{GroupCoordinator, Record, Reply, World, encode};
use model::state_machine::{Entry, Instant as MachineInstant, Now, Outbox, Position, StateMachine, Ticket};
use model::{ErrorCode, LeaderEpoch, Offset, Timestamp, mark, planted};
use protocol::records::{BatchBuilder, BatchOptions};
use runtime::sync::{mpsc, oneshot, select, watch};
use runtime::time::{Duration, Instant, sleep, sleep_until};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Rest before a log that could not be read is read again, or a machine that was lost is built again.
const REST: Duration = Duration::from_millis(100);

/// One coordinator, from the moment its log is led here until it is not.
pub(super) struct Driver {
    pub partition: Arc<Partition>,
    pub leader_epoch: LeaderEpoch,
    pub world: watch::Receiver<Arc<World>>,
    pub loaded: Arc<AtomicBool>,
    pub broker: Arc<Broker>,
    /// `max.message.bytes` of the topic.
    pub max_batch_bytes: usize,
    /// How long a reply waits for what it rests on to be committed.
    pub patience: Duration,
}

/// The log is led no more, or it is not known what it holds.
struct Lost;

impl Driver {
    /// Serves until the mailbox is closed or the log is led no more.
    pub async fn run(self, mut requests: mpsc::Receiver<Mail>) {
        let (done, settled) = oneshot::channel();
        if self.partition.send(Command::Settled(done)).await.is_err() || settled.await.is_err() {
            return;
        }
        // What makes the partition's task lead may come behind something that waits for the disk.
        while self.partition.leader_epoch() < self.leader_epoch {
            if requests.is_closed() {
                return;
            }
            sleep(REST).await;
        }
        while self.partition.leads_in(self.leader_epoch) {
            let seed = std::array::from_fn(|_| runtime::rand::u64());
            match loading::load(&self.partition, seed).await {
                Ok((mut machine, end)) => {
                    machine.set_max_batch_bytes(self.max_batch_bytes);
                    let mut serving = Serving::new(&self, machine, end);
                    self.loaded.store(true, Ordering::Release);
                    let ended = serving.serve(&mut requests).await;
                    self.loaded.store(false, Ordering::Release);
                    serving.end();
                    if ended.is_ok() || !self.partition.leads_in(self.leader_epoch) {
                        return;
                    }
                    mark!("a coordinator is built anew");
                }
                Err(why) => tracing::error!("{}: groups cannot be loaded: {why}", self.partition.topic_partition),
            }
            while let Ok(mail) = requests.try_recv() {
                if let Mail::Asked(asked) = mail {
                    let _ = asked.reply.send(Err(ErrorCode::CoordinatorLoadInProgress)); // the client may be gone
                }
            }
            sleep(REST).await;
            if requests.is_closed() {
                return;
            }
        }
    }
}

/// A loaded machine at work.
struct Serving<'a> {
    driver: &'a Driver,
    machine: GroupCoordinator,
    world: watch::Receiver<Arc<World>>,
    callers: BTreeMap<Ticket, oneshot::Sender<Answer>>,
    next_ticket: u64,
    /// The offset after the last entry that the machine learnt.
    end: Offset,
    uncommitted: Uncommitted,
    unsure: Unsure,
}

impl<'a> Serving<'a> {
    fn new(driver: &'a Driver, machine: GroupCoordinator, end: Offset) -> Serving<'a> {
        Serving {
            driver,
            machine,
            world: driver.world.clone(),
            callers: BTreeMap::new(),
            next_ticket: 0,
            end,
            uncommitted: Uncommitted::default(),
            unsure: Unsure::default(),
        }
    }

    /// Until the mailbox is closed, or what the machine knows counts no more.
    async fn serve(&mut self, requests: &mut mpsc::Receiver<Mail>) -> Result<(), Lost> {
        let mut world = self.next_world();
        let mut out = Outbox::new();
        self.machine.loaded(self.now(), &world, &mut out);
        self.carry_out(None, out).await?;
        loop {
            let due = self.due();
            if due <= Instant::now() {
                self.expire(&world).await?; // however many requests there are
                continue;
            }
            select! {
                biased;
                outcome = self.uncommitted.moved() => self.moved(outcome)?,
                changed = self.world.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    world = self.next_world();
                    let mut out = Outbox::new();
                    self.machine.world_changed(self.now(), &world, &mut out);
                    self.carry_out(None, out).await?;
                }
                mail = requests.recv() => match mail {
                    Some(Mail::Asked(asked)) => self.handle(&world, asked).await?,
                    Some(Mail::Compare(reply)) => drop(reply.send(self.compared_with_log().await)),
                    None => return Ok(()),
                },
                () = sleep_until(due) => {}
            }
        }
    }

    fn next_world(&mut self) -> Arc<World> {
        self.world.borrow_and_update().clone()
    }

    async fn handle(&mut self, world: &World, Asked { request, reply }: Asked) -> Result<(), Lost> {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.callers.insert(ticket, reply);
        let mut out = Outbox::new();
        self.machine.handle(self.now(), world, ticket, request, &mut out);
        self.carry_out(Some(ticket), out).await
    }

    async fn expire(&mut self, world: &World) -> Result<(), Lost> {
        let driver = self.driver;
        let (partition, now) = (&driver.partition, Instant::now());
        self.check_leadership()?;
        let confirmed = self.unsure.confirmed(partition);
        self.answer(confirmed);
        let mut late = self.unsure.expired(now);
        self.unsure.looked(now);
        late.extend(self.uncommitted.expired(partition, driver.leader_epoch, now));
        self.fail(late, ErrorCode::RequestTimedOut);
        if self.machine.next_deadline().is_some_and(|deadline| deadline <= self.now().monotonic) {
            let mut out = Outbox::new();
            self.machine.expire(self.now(), world, &mut out);
            self.carry_out(None, out).await?;
        }
        Ok(())
    }

    /// Appends what was decided, lets the machine learn it, and lets the replies go when it is committed.
    async fn carry_out(&mut self, ticket: Option<Ticket>, out: Outbox<GroupCoordinator>) -> Result<(), Lost> {
        let decides = !out.records.is_empty();
        if decides {
            let timestamp = runtime::clock::now();
            match self.append(&out.records, timestamp).await? {
                Ok(acked) => self.learn(acked.base_offset, timestamp, &out.records),
                Err(error) => return self.rejected(ticket, error, out.replies),
            }
        } else {
            self.check_leadership()?;
        }
        if !decides && !out.replies.is_empty() && may_be_deposed(&self.driver.broker) {
            self.unsure.wait(self.now().monotonic, Instant::now() + self.driver.patience, out.replies);
        } else {
            self.answer(out.replies);
        }
        Ok(())
    }

    /// What was known in an epoch counts no more when it is over, though this broker may lead again in a later one.
    fn check_leadership(&self) -> Result<(), Lost> {
        let leads = self.driver.partition.leads_in(self.driver.leader_epoch);
        if leads || planted!("a coordinator outlives its leadership") { Ok(()) } else { Err(Lost) }
    }

    /// Lets replies go when all that the machine knows is committed.
    fn answer(&mut self, replies: Vec<(Ticket, Reply)>) {
        let deadline = Instant::now() + self.driver.patience;
        let (partition, epoch) = (&self.driver.partition, self.driver.leader_epoch);
        let may_go = self.uncommitted.wait(partition, epoch, (self.end, deadline), replies);
        self.send(may_go);
    }

    /// What the log took, or the reason why it took nothing.
    async fn append(&self, records: &[Record], timestamp: Timestamp) -> Result<Result<Acked, ErrorCode>, Lost> {
        let mut batch = BatchBuilder::new(BatchOptions::default());
        for record in records {
            let (key, value) = encode(record);
            batch.append(timestamp, Some(&key), value.as_deref(), &[]);
        }
        if batch.size_estimate() > self.driver.max_batch_bytes {
            mark!("a coordinator's records are too large");
            return Ok(Err(ErrorCode::MessageTooLarge));
        }
        let (records, leader_epoch) = (batch.build(), self.driver.leader_epoch);
        let partition = &self.driver.partition;
        let answer = partition.ask(|reply| Command::AppendOwn { records, leader_epoch, reply }).await;
        match answer.map_err(|_| Lost)? {
            Ok(acked) => Ok(Ok(acked)),
            Err(AppendFailure { error: ErrorCode::NotEnoughReplicas, .. }) => {
                Ok(Err(ErrorCode::CoordinatorNotAvailable))
            }
            // A full disk took nothing; one that failed may have.
            Err(AppendFailure { error: ErrorCode::KafkaStorageError, .. }) if !partition.is_offline() => {
                Ok(Err(ErrorCode::KafkaStorageError))
            }
            Err(failure) => {
                tracing::warn!("{}: {}: {}", partition.topic_partition, failure.error, failure.message);
                Err(Lost)
            }
        }
    }

    fn learn(&mut self, base_offset: Offset, timestamp: Timestamp, records: &[Record]) {
        for (offset, record) in (base_offset..).zip(records) {
            self.machine.replay(Position { offset, timestamp, producer: None }, Entry::Record(record));
            self.end = offset + 1;
        }
    }

    /// Nothing was appended: every reply of that decision is void.
    fn rejected(
        &mut self,
        ticket: Option<Ticket>,
        error: ErrorCode,
        replies: Vec<(Ticket, Reply)>,
    ) -> Result<(), Lost> {
        mark!("a coordinator's records were rejected");
        if planted!("a rejected append drops the machine") {
            return Err(Lost);
        }
        let others = replies.into_iter().filter(|(other, _)| Some(*other) != ticket);
        self.fail(others.collect(), error);
        let Some(ticket) = ticket else { return Ok(()) };
        let mut out = Outbox::new();
        self.machine.rejected(ticket, error, &mut out);
        self.send(out.replies);
        Ok(())
    }

    /// Nothing is appended meanwhile, so that the log and the machine end at the same offset.
    async fn compared_with_log(&self) -> Comparison {
        let partition = &self.driver.partition;
        let replayed = loading::load(partition, [0; 4]).await;
        let Ok((replayed, end)) = replayed else { return Comparison::Unknown };
        if !partition.leads_in(self.driver.leader_epoch) {
            Comparison::Unknown
        } else if end != self.end {
            Comparison::Differs(format!("the log ends at {end}, and what the coordinator learnt at {}", self.end))
        } else {
            self.machine.difference(&replayed).map_or(Comparison::Equal, Comparison::Differs)
        }
    }

    fn moved(&mut self, outcome: Result<Acked, AppendFailure>) -> Result<(), Lost> {
        let driver = self.driver;
        match self.uncommitted.settle(&driver.partition, driver.leader_epoch, outcome) {
            Moved::Committed(replies) => self.send(replies),
            Moved::Failed(error, replies) => self.fail(replies, error),
            Moved::Lost => return Err(Lost),
        }
        Ok(())
    }

    fn send(&mut self, replies: Vec<(Ticket, Reply)>) {
        for (ticket, reply) in replies {
            if let Some(caller) = self.callers.remove(&ticket) {
                let _ = caller.send(Ok(reply)); // the client may be gone
            }
        }
    }

    fn fail(&mut self, replies: Vec<(Ticket, Reply)>, error: ErrorCode) {
        for (ticket, _) in replies {
            if let Some(caller) = self.callers.remove(&ticket) {
                let _ = caller.send(Err(error)); // the client may be gone
            }
        }
    }

    /// Nobody hears more from this machine.
    fn end(self) {
        for caller in self.callers.into_values() {
            let _ = caller.send(Err(ErrorCode::NotCoordinator)); // the client may be gone
        }
    }

    fn now(&self) -> Now {
        Now {
            monotonic: MachineInstant::after_start(self.driver.broker.started.elapsed()),
            wall: runtime::clock::now(),
        }
    }

    fn due(&self) -> Instant {
        let machine = self.machine.next_deadline().map(|deadline| self.driver.broker.started + deadline.since_start());
        let replies = self.uncommitted.deadline().into_iter().chain(self.unsure.deadline());
        machine.into_iter().chain(replies).min().unwrap_or_else(|| Instant::now() + Duration::from_secs(3600))
    }
}
