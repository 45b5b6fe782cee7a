//! The task that owns one partition's log. Writes come by mailbox and are appended as a group; the task never waits
//! for a sync: what became durable is told by the log, and moves the high watermark.

use super::acks::Reply;
use super::cleaning::CleaningStep;
use super::mending::Mending;
use super::replica::{AckLevel, Replica};
use super::waiters::FetchWaiters;
use super::{MAILBOX, Partition};
use crate::repair::{Finding, Repairs};
use crate::replication::{Fetchers, IsrChanges};
use bytes::Bytes;
use model::metadata_image::{MetadataImage, PartitionImage};
use model::{ErrorCode, LeaderEpoch, NodeId, Offset, Timestamp, TopicPartition, Uuid};
use replication::{FetchAnswer, FetchToken, FollowerLog, OwnLog, Terms};
use runtime::sync::{mpsc, oneshot, select, watch};
use runtime::time::{self, Duration, Instant, sleep_until};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use storage::{ActiveProducer, AppendError, Appended, Durable, LeaderAppend, Log, LogConfig, Origin, StorageFault};

/// Appends that go to the disk as one write, at most.
const MAX_GROUP: usize = 64;

/// Rest before a change of durability that did not work is tried again.
const MODE_RETRY: Duration = Duration::from_secs(1);

/// What a partition's task is asked to do.
#[derive(Debug)]
pub enum Command {
    /// Append validated batches, and answer when they are as durable and committed as `level` asks.
    Append {
        /// Whole batches; offsets are given here.
        records: Bytes,
        /// The time that the broker gave them; -1 when they keep their own.
        log_append_time: Timestamp,
        /// When the answer is due.
        level: AckLevel,
        /// Where the answer goes.
        reply: Reply,
    },
    /// Append a coordinator's own records, and answer as soon as they are in the log: who wrote them waits himself until
    /// they are committed ([`Partition::committed`]).
    AppendOwn {
        /// Whole batches; offsets are given here.
        records: Bytes,
        /// The epoch that the coordinator knows the log of. In another one nothing is appended.
        leader_epoch: LeaderEpoch,
        /// Where the answer goes.
        reply: Reply,
    },
    /// Take what the leader answered to a fetch.
    Replicate {
        /// Which fetch it was.
        token: FetchToken,
        /// What the leader said.
        answer: FetchAnswer,
        /// What came.
        records: Bytes,
        /// Told when it is done.
        done: oneshot::Sender<()>,
    },
    /// Let everything below `before` go (DeleteRecords); -1 means the high watermark. Answers the new log start.
    DeleteRecords {
        /// The first offset to keep.
        before: Offset,
        /// Where the answer goes.
        reply: oneshot::Sender<Result<Offset, ErrorCode>>,
    },
    /// Tell which idempotent producers the log remembers.
    DescribeProducers(oneshot::Sender<Vec<ActiveProducer>>),
    /// Follow a changed topic config.
    SetConfig(Box<LogConfig>),
    /// Follow what the metadata says of this partition.
    Follow(Box<News>),
    /// Do a step of a repair.
    Mend(Mending),
    /// Do a step of a cleaning.
    Clean(Box<CleaningStep>),
    /// Answer when all before this is done.
    Settled(oneshot::Sender<()>),
    /// End the task and give the log back.
    Close(oneshot::Sender<Log>),
}

/// What the metadata says of one partition.
#[derive(Clone, Debug)]
pub struct News {
    /// The partition.
    pub image: Arc<PartitionImage>,
    /// The whole.
    pub cluster: Arc<MetadataImage>,
    /// What its leader demands of followers.
    pub terms: Terms,
}

/// Where records were appended.
#[derive(Clone, Debug)]
pub struct Acked {
    /// Offset of the first record.
    pub base_offset: Offset,
    /// The time the broker gave the batch, or a duplicate's max timestamp; -1 with `CreateTime`.
    pub log_append_time: Timestamp,
    /// First offset of the log.
    pub log_start_offset: Offset,
}

/// Why records were not appended, or not known to be.
#[derive(Clone, Debug)]
pub struct AppendFailure {
    /// For the wire.
    pub error: ErrorCode,
    /// For a person.
    pub message: String,
    /// First offset of the log; -1 when the log was not reached.
    pub log_start_offset: Offset,
}

impl AppendFailure {
    /// With where the log starts, as Kafka has it: beside what the log itself refused, and not beside what kept the records
    /// from it.
    fn of(error: ErrorCode, message: String, log_start_offset: Offset) -> AppendFailure {
        let reached = !matches!(
            error,
            ErrorCode::NotLeaderOrFollower
                | ErrorCode::UnknownTopicOrPartition
                | ErrorCode::RecordListTooLarge
                | ErrorCode::MessageTooLarge
                | ErrorCode::CorruptMessage
                | ErrorCode::KafkaStorageError
        );
        AppendFailure { error, message, log_start_offset: if reached { log_start_offset } else { -1 } }
    }
}

/// How a partition is hosted.
#[derive(Clone, Debug)]
pub struct Hosting {
    /// This broker.
    pub node_id: NodeId,
    /// The place of its log directory in the broker's list.
    pub directory: usize,
    /// How often rolls and retention are looked at.
    pub housekeeping: Duration,
    /// `replica.fetch.backoff.ms`.
    pub fetch_backoff: Duration,
    /// What monotonic time counts from.
    pub started: time::Instant,
    /// The way of changes of in-sync replicas.
    pub isr_changes: IsrChanges,
    /// Who fetches for replicas.
    pub fetchers: Fetchers,
    /// Who looks after what is damaged.
    pub repairs: Repairs,
}

/// Starts the task of a partition. It serves nobody before it was told what the metadata says of it.
pub fn spawn(topic_partition: TopicPartition, topic_id: Uuid, log: Log, hosting: Hosting) -> Arc<Partition> {
    let (mailbox, commands) = mpsc::channel(MAILBOX);
    let durable = log.durable();
    let wants_journal = log.config().wants_journal();
    // What was found has been made durable, whatever mode it was left in.
    let own = own_log(&log, *durable.borrow(), wants_journal, true);
    let high_watermark = log.high_watermark().clamp(own.log_start_offset, own.log_end_offset);
    let is_damaged = !log.reader().damage().is_empty();
    let partition = Arc::new(Partition {
        topic_partition,
        topic_id,
        directory: hosting.directory,
        reader: log.reader(),
        mailbox,
        replica: Mutex::new(Replica::new(hosting.node_id, own, high_watermark)),
        started: hosting.started,
        isr_changes: hosting.isr_changes,
        fetchers: hosting.fetchers,
        leader_epoch: AtomicI32::new(-1),
        leads: AtomicBool::new(false),
        high_watermark: AtomicI64::new(high_watermark),
        high_watermark_regressions: AtomicU32::new(0),
        offline: AtomicBool::new(false),
        full: AtomicBool::new(false),
        damaged: AtomicBool::new(is_damaged),
        suspected: AtomicBool::new(false),
        has_peers: AtomicBool::new(false),
        repairs: hosting.repairs,
        committed_waiters: FetchWaiters::default(),
        appended_waiters: FetchWaiters::default(),
    });
    if is_damaged {
        partition.repairs.tell(Finding::Known(partition.clone()));
    }
    let housekeeping = hosting.housekeeping;
    let due = Instant::now() + housekeeping.mul_f64(0.5 + runtime::rand::below(1000) as f64 / 2000.0);
    let task = Task {
        partition: partition.clone(),
        node_id: hosting.node_id,
        wants_journal,
        settled: true,
        log,
        durable,
        housekeeping,
        fetch_backoff: hosting.fetch_backoff,
        due,
        generation: 0,
        replicas: 0,
    };
    runtime::task::spawn("partition", task.run(commands));
    partition
}

/// The ends of the log; what is durable after another cut says nothing of it.
fn own_log(log: &Log, durable: Durable, wants_journal: bool, settled: bool) -> OwnLog {
    let bounds = log.reader().bounds();
    let is_of_this_log = durable.truncation == bounds.truncation;
    let durable_end = if is_of_this_log {
        durable.offset
    } else {
        model::mark!("a sync ended after a truncation");
        bounds.log_start_offset
    };
    // Before its first append a log may not be journaled yet, and nothing in it is in doubt. One that is journaled still,
    // where the config has stopped to ask for it, loses what the journal has not even in a crash of the process.
    let asks_stable_storage = wants_journal && (log.is_journaled() || settled);
    OwnLog {
        log_start_offset: bounds.log_start_offset,
        log_end_offset: bounds.log_end_offset,
        durable_end: durable_end.min(bounds.log_end_offset),
        journaled: asks_stable_storage || log.is_journaled(),
        asks_stable_storage,
    }
}

pub(super) struct Task {
    pub(super) partition: Arc<Partition>,
    pub(super) node_id: NodeId,
    pub(super) log: Log,
    durable: watch::Receiver<Durable>,
    /// What the config asks for; the log is behind it while its disk has no space for the change.
    wants_journal: bool,
    /// Nothing was appended outside the journal since all of it was durable.
    pub(super) settled: bool,
    housekeeping: Duration,
    pub(super) fetch_backoff: Duration,
    due: Instant,
    /// The generation of the next follower's fetches.
    pub(super) generation: u64,
    /// How many replicas the partition has.
    pub(super) replicas: usize,
}

struct PendingAppend {
    log_append_time: Timestamp,
    level: AckLevel,
    reply: Reply,
}

impl Task {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut group = Vec::new();
        loop {
            if self.due <= Instant::now() {
                self.keep_house().await; // however many commands there are: the disk would fill up
            }
            select! {
                biased;
                changed = self.durable.changed() => match changed {
                    Ok(()) => self.log_moved(),
                    Err(_) => return self.stop("its log directory has failed"),
                },
                count = commands.recv_many(&mut group, MAX_GROUP) => {
                    if count == 0 {
                        return;
                    }
                    if let Some(reply) = self.obey(&mut group).await {
                        self.partition.fetchers.unassign(&self.partition);
                        self.partition.change(|replica, _| replica.end_of_epoch());
                        self.partition.leads.store(false, Ordering::Release);
                        self.partition.wake_all();
                        let _ = reply.send(self.log); // a broker that does not wait has crashed
                        return;
                    }
                }
                () = sleep_until(self.due) => {}
            }
        }
    }

    /// Does what `commands` say, in order; appends that stand together go to the disk together.
    async fn obey(&mut self, commands: &mut Vec<Command>) -> Option<oneshot::Sender<Log>> {
        let mut appends = Vec::new();
        let mut pending = Vec::new();
        for command in commands.drain(..) {
            let Some(command) = self.gather(command, &mut appends, &mut pending) else { continue };
            self.append(&mut appends, &mut pending).await;
            match command {
                Command::Append { .. } | Command::AppendOwn { .. } => unreachable!("gathered above"),
                Command::Replicate { token, answer, records, done } => {
                    self.replicate(token, answer, records).await;
                    let _ = done.send(()); // a fetcher that does not wait was stopped
                }
                Command::DeleteRecords { before, reply } => {
                    let _ = reply.send(self.delete_records(before).await);
                }
                Command::DescribeProducers(reply) => {
                    let _ = reply.send(self.log.active_producers());
                }
                Command::SetConfig(config) => self.set_config(*config).await,
                Command::Follow(news) => self.follow(*news).await,
                Command::Mend(mending) => self.mend(mending).await,
                Command::Clean(step) => self.clean(*step).await,
                Command::Settled(done) => {
                    let _ = done.send(()); // who asked may have waited for too long
                }
                Command::Close(reply) => return Some(reply),
            }
        }
        self.append(&mut appends, &mut pending).await;
        None
    }

    /// Puts an append to those that go to the disk together; gives any other command back.
    fn gather(
        &self,
        command: Command,
        appends: &mut Vec<LeaderAppend>,
        pending: &mut Vec<PendingAppend>,
    ) -> Option<Command> {
        let (records, origin, allowed, append) = match command {
            Command::Append { records, log_append_time, level, reply } => {
                let allowed = self.partition.replica().check_append(level);
                (records, Origin::Client, allowed, PendingAppend { log_append_time, level, reply })
            }
            Command::AppendOwn { records, leader_epoch, reply } => {
                let allowed = match self.partition.leader_epoch() {
                    epoch if epoch != leader_epoch => Err(ErrorCode::NotLeaderOrFollower),
                    _ => self.partition.replica().check_append(AckLevel::All),
                };
                let append = PendingAppend { log_append_time: -1, level: AckLevel::Appended, reply };
                (records, Origin::Coordinator, allowed, append)
            }
            other => return Some(other),
        };
        if let Err(error) = allowed {
            let _ = append.reply.send(Err(AppendFailure::of(error, String::new(), self.log.log_start_offset())));
            return None;
        }
        let (leader_epoch, now) = (self.partition.leader_epoch(), runtime::clock::now());
        appends.push(LeaderAppend { records, leader_epoch, now, origin });
        pending.push(append);
        None
    }

    async fn append(&mut self, appends: &mut Vec<LeaderAppend>, pending: &mut Vec<PendingAppend>) {
        if appends.is_empty() {
            return;
        }
        let start = self.log.log_start_offset();
        if let Err(fault) = self.reach_promised_mode().await {
            appends.clear();
            for pending in pending.drain(..) {
                let error = AppendError::Outcome { error: ErrorCode::KafkaStorageError, message: fault.to_string() };
                let _ = pending.reply.send(Err(self.refused(error, start)));
            }
            return;
        }
        self.settled &= self.log.is_journaled();
        let results = self.log.append(appends).await;
        appends.clear();
        self.log_moved();
        let start = self.log.log_start_offset();
        for (result, pending) in results.into_iter().zip(pending.drain(..)) {
            match result {
                Ok(appended) => self.appended(appended, pending, start),
                Err(error) => self.not_appended(error, pending, start),
            }
        }
        self.partition.appended_waiters.wake_below(self.log.log_end_offset());
    }

    fn appended(&mut self, appended: Appended, pending: PendingAppend, log_start_offset: Offset) {
        let acked = Acked {
            base_offset: appended.base_offset,
            log_append_time: if appended.duplicate { appended.max_timestamp } else { pending.log_append_time },
            log_start_offset,
        };
        self.set_full(false);
        let PendingAppend { level, reply, .. } = pending;
        // A duplicate waits like its original: that one may not be durable yet.
        let early = appended.duplicate && model::planted!("answer-duplicate-early");
        let level = if early { AckLevel::Appended } else { level };
        self.partition.change(|replica, _| replica.wait(level, appended.last_offset + 1, acked, reply));
    }

    fn not_appended(&mut self, error: AppendError, pending: PendingAppend, log_start_offset: Offset) {
        let failure = self.refused(error, log_start_offset);
        if failure.error == ErrorCode::OutOfOrderSequenceNumber {
            self.partition.change(|replica, now| replica.refuse_when_sure(now, failure, pending.reply));
        } else {
            let _ = pending.reply.send(Err(failure)); // the client may be gone
        }
    }

    fn refused(&mut self, error: AppendError, log_start_offset: Offset) -> AppendFailure {
        match error {
            AppendError::Outcome { error, message } => {
                tracing::debug!("{}: append refused: {error}: {message}", self.partition.topic_partition);
                if error == ErrorCode::KafkaStorageError {
                    self.set_full(true);
                }
                AppendFailure::of(error, told(error, message), log_start_offset)
            }
            AppendError::Fault(message) => {
                self.partition.go_offline(&message);
                AppendFailure { error: ErrorCode::KafkaStorageError, message, log_start_offset: -1 }
            }
        }
    }

    /// Tells the replica how the log stands.
    pub(super) fn log_moved(&mut self) {
        let log = self.follower_log();
        self.partition.change(|replica, now| replica.log_moved(now, log));
    }

    pub(super) fn follower_log(&mut self) -> FollowerLog {
        let durable = *self.durable.borrow_and_update();
        let ends = own_log(&self.log, durable, self.wants_journal, self.settled);
        let last = ends.log_end_offset - 1;
        let last_epoch = if ends.log_end_offset > ends.log_start_offset {
            self.partition.reader.epoch_of(last).unwrap_or(-1)
        } else {
            -1
        };
        FollowerLog { ends, last_epoch }
    }

    async fn delete_records(&mut self, before: Offset) -> Result<Offset, ErrorCode> {
        if !self.partition.leads() {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        let high_watermark = self.partition.high_watermark();
        let before = if before == -1 { high_watermark } else { before };
        if before < 0 || before > high_watermark {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        self.advance_start(before).await?;
        Ok(self.log.log_start_offset())
    }

    pub(super) async fn advance_start(&mut self, to: Offset) -> Result<(), ErrorCode> {
        if to > self.log.log_start_offset()
            && let Err(fault) = self.log.advance_start(to).await
        {
            self.cannot("delete records", &fault);
            return Err(ErrorCode::KafkaStorageError);
        }
        self.log_moved();
        Ok(())
    }

    async fn set_config(&mut self, config: LogConfig) {
        self.wants_journal = config.wants_journal();
        self.log.set_config(config);
        self.reach_mode().await;
    }

    /// Journaled or not, as the config says.
    async fn reach_mode(&mut self) {
        if self.log.is_journaled() != self.wants_journal
            && let Err(fault) = self.log.set_journaled(self.wants_journal).await
        {
            self.cannot("change its durability", &fault);
            // A follower that is not journaled where its leader is counts for nothing.
            self.keep_house_within(MODE_RETRY);
        } else {
            self.settled |= self.log.is_journaled();
        }
        self.log_moved();
    }

    /// Nothing is acknowledged from the page cache once the config promises more.
    pub(super) async fn reach_promised_mode(&mut self) -> Result<(), StorageFault> {
        if !self.wants_journal || self.log.is_journaled() {
            return Ok(());
        }
        model::mark!("append before the log could become journaled");
        self.log.set_journaled(true).await?;
        self.settled = true;
        self.log_moved();
        Ok(())
    }

    /// Housekeeping is due after `rest` at the latest.
    pub(super) fn keep_house_within(&mut self, rest: Duration) {
        self.due = self.due.min(Instant::now() + rest);
    }

    /// Rolls, retention, forgetting producers that are silent, and what could not be done before.
    async fn keep_house(&mut self) {
        self.due = Instant::now() + self.housekeeping;
        let now = runtime::clock::now();
        self.log.expire_producers(now);
        self.reach_mode().await;
        if let Err(fault) = self.log.roll_if_due(now).await {
            self.cannot("roll", &fault);
        }
        if let Err(fault) = self.log.apply_retention(now, self.partition.high_watermark()).await {
            self.cannot("apply retention", &fault);
        }
        self.look_for_space().await;
        self.log_moved();
    }

    /// A full disk passes; a directory that has failed does not.
    pub(super) fn cannot(&self, what: &str, fault: &StorageFault) {
        tracing::warn!("{} cannot {what}: {fault}", self.partition.topic_partition);
        if self.log.directory_has_failed() {
            self.partition.go_offline(&fault.to_string());
        }
    }

    fn stop(self, why: &str) {
        self.partition.go_offline(why);
        let failure =
            AppendFailure { error: ErrorCode::KafkaStorageError, message: why.to_owned(), log_start_offset: -1 };
        self.partition.replica().fail(&failure);
    }
}

/// What a client reads beside an error. Kafka says nothing about sequences and epochs, and clients know the codes.
fn told(error: ErrorCode, message: String) -> String {
    match error {
        ErrorCode::OutOfOrderSequenceNumber | ErrorCode::InvalidProducerEpoch => String::new(),
        _ => message,
    }
}
