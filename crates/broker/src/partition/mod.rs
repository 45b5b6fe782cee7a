//! A hosted partition: one task owns its log; everyone else holds a [`Partition`] handle.

mod acks;
mod brokers;
mod cleaning;
mod following;
mod mending;
mod replica;
mod space;
mod task;
mod unsure;
mod waiters;

pub use cleaning::CleaningStep;
pub use mending::Mending;
pub use replica::AckLevel;
pub use task::{Acked, AppendFailure, Command, Hosting, News, spawn};
pub use waiters::FetchWait;

use crate::repair::{Finding, Repairs};
use crate::replication::{Fetchers, IsrChanges};
use model::metadata_image::MetadataImage;
use model::state_machine::Instant;
use model::{ErrorCode, LeaderEpoch, NodeId, Offset, TopicPartition, Uuid};
use replica::{Replica, Role};
use replication::{
    CheckedFetch, FetchCheck, FollowerFetch, IsrAnswer, LeaderLog, ProposalId, ReplicaProgress, Wanted, check_fetch,
};
use runtime::sync::{Notify, mpsc, oneshot};
use runtime::time;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use storage::LogReader;
use waiters::FetchWaiters;

/// Requests that wait in a partition's mailbox, at most; beyond it connections wait.
const MAILBOX: usize = 256;

/// What everyone may know of a hosted partition, and its mailbox.
#[derive(Debug)]
pub struct Partition {
    /// Its name.
    pub topic_partition: TopicPartition,
    /// The id of its topic: another topic of the same name has another.
    pub topic_id: Uuid,
    /// The place of its log directory in the broker's list.
    pub directory: usize,
    /// Reads its log, beside the task that owns it.
    pub reader: LogReader,
    mailbox: mpsc::Sender<Command>,
    replica: Mutex<Replica>,
    started: time::Instant,
    isr_changes: IsrChanges,
    fetchers: Fetchers,
    leader_epoch: AtomicI32,
    leads: AtomicBool,
    high_watermark: AtomicI64,
    /// How often the high watermark went back.
    high_watermark_regressions: AtomicU32,
    offline: AtomicBool,
    /// Its disk has no space: others should lead.
    full: AtomicBool,
    /// Part of its log is not what was written.
    damaged: AtomicBool,
    /// A read has failed, and somebody looks why.
    suspected: AtomicBool,
    /// There are other replicas.
    has_peers: AtomicBool,
    repairs: Repairs,
    /// Those that wait for what is committed.
    committed_waiters: FetchWaiters,
    /// Followers, which wait for what is appended.
    appended_waiters: FetchWaiters,
}

impl Partition {
    /// The epoch it is led in, by this broker or another.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch.load(Ordering::Acquire)
    }

    /// Whether this broker leads it.
    pub fn leads(&self) -> bool {
        self.leads.load(Ordering::Acquire)
    }

    /// The end of what is committed: consumers read below it.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark.load(Ordering::Acquire)
    }

    /// How often what was taken for committed was taken back since the log was opened: in an unclean election alone. A
    /// damaged log that begins anew does not count.
    pub fn high_watermark_regressions(&self) -> u32 {
        self.high_watermark_regressions.load(Ordering::Acquire)
    }

    /// The end of what a read_committed consumer may read.
    pub fn last_stable_offset(&self) -> Offset {
        self.high_watermark()
    }

    /// The first offset that may be read.
    pub fn log_start_offset(&self) -> Offset {
        self.reader.bounds().log_start_offset
    }

    /// Whether its log failed closed, or its directory did.
    pub fn is_offline(&self) -> bool {
        self.offline.load(Ordering::Acquire)
    }

    /// Whether its disk has no space for appends.
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// Whether part of its log is not what was written: it serves the rest, and should not lead.
    pub fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Acquire)
    }

    /// Whether there are other replicas.
    pub(crate) fn has_peers(&self) -> bool {
        self.has_peers.load(Ordering::Acquire)
    }

    /// A read at `offset` did not get what was written: somebody looks, once.
    pub(crate) fn suspect(self: &Arc<Partition>, offset: Offset) {
        if !self.is_damaged() && !self.suspected.swap(true, Ordering::AcqRel) {
            self.repairs.tell(Finding::Suspected(self.clone(), offset));
        }
    }

    /// Nothing is wrong with it, as far as was found out: the next read that fails is looked into again.
    pub(crate) fn is_cleared(&self) {
        self.suspected.store(false, Ordering::Release);
    }

    /// Checks the epoch that a client believes in (KIP-320); -1 checks nothing.
    ///
    /// # Errors
    /// `FENCED_LEADER_EPOCH` when it is older than ours, `UNKNOWN_LEADER_EPOCH` when it is newer.
    pub fn check_leader_epoch(&self, current: LeaderEpoch) -> Result<(), ErrorCode> {
        let ours = self.leader_epoch();
        match current {
            -1 => Ok(()),
            epoch if epoch < ours => Err(ErrorCode::FencedLeaderEpoch),
            epoch if epoch > ours => Err(ErrorCode::UnknownLeaderEpoch),
            _ => Ok(()),
        }
    }

    /// As [`Partition::check_leader_epoch`], and that this broker leads.
    ///
    /// # Errors
    /// Also `NOT_LEADER_OR_FOLLOWER`.
    pub fn check_leader(&self, current: LeaderEpoch) -> Result<(), ErrorCode> {
        self.check_leader_epoch(current)?;
        if self.leads() { Ok(()) } else { Err(ErrorCode::NotLeaderOrFollower) }
    }

    /// Puts a command into the mailbox, after those before it.
    ///
    /// # Errors
    /// `NOT_LEADER_OR_FOLLOWER` when the task has ended: the partition was deleted or the broker stops.
    pub async fn send(&self, command: Command) -> Result<(), ErrorCode> {
        self.mailbox.send(command).await.map_err(|_| ErrorCode::NotLeaderOrFollower)
    }

    /// Sends the command that `command` makes of a reply channel, and waits for the reply.
    ///
    /// # Errors
    /// `NOT_LEADER_OR_FOLLOWER` when the task ended before it answered.
    pub async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, ErrorCode> {
        let (reply, answer) = oneshot::channel();
        self.send(command(reply)).await?;
        answer.await.map_err(|_| ErrorCode::NotLeaderOrFollower)
    }

    /// Whether this broker leads it, in this very epoch.
    pub fn leads_in(&self, leader_epoch: LeaderEpoch) -> bool {
        self.leads() && self.leader_epoch() == leader_epoch
    }

    /// Tells when all below `end` is committed, as a producer with acks=all hears it.
    pub fn committed(&self, leader_epoch: LeaderEpoch, end: Offset) -> oneshot::Receiver<Result<Acked, AppendFailure>> {
        let (reply, answer) = oneshot::channel();
        let acked = Acked { base_offset: end, log_append_time: -1, log_start_offset: -1 };
        self.change(|replica, _| match replica.leader_epoch() {
            Some(epoch) if epoch == leader_epoch => replica.wait(AckLevel::All, end, acked, reply),
            _ => drop(reply),
        });
        answer
    }

    /// Whether every other replica that could lead it has fetched from this broker since `asked`.
    pub fn is_confirmed_since(&self, asked: Instant) -> bool {
        matches!(&self.replica().role, Role::Leading(leader) if leader.is_confirmed_since(asked))
    }

    /// Compares a follower's log with this one and counts its progress, if it fetches in the present assignment.
    ///
    /// # Errors
    /// It believes in another epoch, this broker does not lead, or it is no replica.
    pub fn fetched(
        self: &Arc<Partition>,
        fetch: FollowerFetch,
        partition_epoch: Option<i32>,
    ) -> Result<FetchCheck, ErrorCode> {
        let leader_epoch = self.leader_epoch();
        if !self.leads() {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        if !self.replica().has_replica(fetch.replica) {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        let bounds = self.reader.bounds();
        let log = LeaderLog {
            leader_epoch,
            log_start_offset: bounds.log_start_offset,
            log_end_offset: bounds.log_end_offset,
            end_of_epoch: &|epoch| self.reader.end_offset_of_epoch(epoch),
        };
        let checked: CheckedFetch = match (check_fetch(fetch, log)?, partition_epoch) {
            (checked, Some(partition_epoch)) => checked.made_in(partition_epoch),
            (checked, None) => checked,
        };
        let outcome = checked.outcome();
        self.change(|replica, now| replica.fetched(now, &checked))?;
        self.propose();
        Ok(outcome)
    }

    /// Asks the controller for another set of in-sync replicas, where one is due.
    pub fn propose(self: &Arc<Partition>) {
        if let Some(proposal) = self.change(Replica::proposal) {
            self.isr_changes.ask(self.clone(), proposal);
        }
    }

    /// What the controller said to a proposal.
    pub fn proposal_answered(self: &Arc<Partition>, id: ProposalId, answer: IsrAnswer) {
        self.change(|replica, now| replica.proposal_answered(now, id, answer));
    }

    /// Brokers came, went, or were fenced.
    pub fn brokers_changed(self: &Arc<Partition>, cluster: &MetadataImage) {
        self.change(|replica, now| replica.brokers_changed(now, cluster));
        self.propose();
    }

    /// What is to be fetched from `leader`; while nothing is, when that changes by time alone, if it does.
    ///
    /// # Errors
    /// Nothing is to be fetched now.
    pub fn wanted(&self, leader: NodeId) -> Result<Wanted, Option<time::Instant>> {
        let (replica, now) = (self.replica(), self.now());
        let rests_until = || replica.rests_until(now, leader).map(|until| self.started + until.since_start());
        replica.wanted(now, leader).ok_or_else(rests_until)
    }

    /// Whether it follows `leader` and has to wait before it fetches on.
    pub fn waits_to_fetch_from(&self, leader: NodeId) -> bool {
        let replica = self.replica();
        let follows = matches!(&replica.role, Role::Following(follower) if follower.following().leader == leader);
        follows && replica.wanted(self.now(), leader).is_none()
    }

    /// The replica that a consumer had better read from (KIP-392), when it is another one.
    pub fn read_replica(&self, rack: &str, cluster: &MetadataImage, offset: Offset) -> Option<NodeId> {
        let rack_of = |id: NodeId| cluster.broker(id).filter(|broker| !broker.fenced)?.rack.as_deref();
        match &self.replica().role {
            Role::Leading(leader) => leader.read_replica(rack, &rack_of, offset),
            _ => None,
        }
    }

    /// How far each replica is; nothing when this broker does not lead.
    pub fn progress(&self) -> Vec<ReplicaProgress> {
        match &self.replica().role {
            Role::Leading(leader) => leader.replicas_progress(self.now()).collect(),
            _ => Vec::new(),
        }
    }

    /// The lowest log start of the replicas that are on live brokers or could lead; none where this broker does not lead,
    /// and cannot know.
    pub fn low_watermark(&self, cluster: &MetadataImage) -> Option<Offset> {
        match &self.replica().role {
            Role::Leading(leader) => Some(leader.low_watermark(&|id| cluster.is_unfenced(id))),
            _ => None,
        }
    }

    /// Whether the end of what is committed may be told (ListOffsets).
    pub fn offsets_available(&self) -> bool {
        match &self.replica().role {
            Role::Leading(leader) => leader.offsets_available(),
            _ => true,
        }
    }

    /// Wakes `wait` (as its `slot`) once something committed can be read at `offset`, or the partition changes its state.
    pub fn wake_when_committed(&self, wait: &Arc<FetchWait>, slot: usize, offset: Offset) {
        self.committed_waiters.register(wait, slot, offset);
        if self.high_watermark() > offset || self.is_offline() {
            wait.ready(slot);
        }
    }

    /// Wakes `wait` (as its `slot`) once something is appended at `offset`, or the partition changes its state.
    pub fn wake_when_appended(&self, wait: &Arc<FetchWait>, slot: usize, offset: Offset) {
        self.appended_waiters.register(wait, slot, offset);
        if self.reader.bounds().log_end_offset > offset || self.is_offline() {
            wait.ready(slot);
        }
    }

    /// Whoever fetches for this replica is woken by this from now on.
    pub(crate) fn set_fetcher(&self, wake: Option<Arc<Notify>>) {
        self.replica().wake = wake;
    }

    fn now(&self) -> Instant {
        Instant::after_start(self.started.elapsed())
    }

    fn replica(&self) -> MutexGuard<'_, Replica> {
        self.replica.lock().expect("no panic inside")
    }

    /// Changes the replica, and tells everyone what moved with it.
    fn change<T>(&self, work: impl FnOnce(&mut Replica, Instant) -> T) -> T {
        let now = self.now();
        let mut replica = self.replica();
        let result = work(&mut replica, now);
        let high_watermark = replica.high_watermark();
        let before = self.high_watermark.swap(high_watermark, Ordering::AcqRel);
        drop(replica);
        if high_watermark < before {
            self.high_watermark_regressions.fetch_add(1, Ordering::AcqRel);
        }
        if high_watermark > before {
            self.reader.keep_high_watermark(high_watermark);
            self.committed_waiters.wake_below(high_watermark);
        }
        result
    }

    fn go_offline(&self, why: &str) {
        if !self.offline.swap(true, Ordering::AcqRel) {
            tracing::error!("{}: offline: {why}", self.topic_partition);
        }
        self.wake_all();
    }

    fn wake_all(&self) {
        self.committed_waiters.wake_all();
        self.appended_waiters.wake_all();
    }
}
