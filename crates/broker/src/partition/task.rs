//! The task that owns one partition's log. Writes come by mailbox and are appended as a group; the task never waits
//! for a sync: what became durable is told by the log, and moves the high watermark.

use super::acks::{Acks, Reply};
use super::waiters::FetchWaiters;
use super::{MAILBOX, Partition};
use bytes::Bytes;
use model::{ErrorCode, LeaderEpoch, Offset, Timestamp, TopicPartition, Uuid};
use runtime::sync::{mpsc, oneshot, select, watch};
use runtime::time::{Duration, Instant, sleep_until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, Ordering};
use storage::{ActiveProducer, AppendError, Appended, Durable, LeaderAppend, Log, LogConfig, Origin, StorageFault};

/// Appends that go to the disk as one write, at most.
const MAX_GROUP: usize = 64;

/// What a partition's task is asked to do.
#[derive(Debug)]
pub enum Command {
    /// Append validated batches, and answer when they are as durable and committed as `acks` asks.
    Append {
        /// Whole batches; offsets are given here.
        records: Bytes,
        /// The time that the broker gave them; -1 when they keep their own.
        log_append_time: Timestamp,
        /// Whether the answer waits until the records are committed (acks 1 and all) or not (acks 0).
        wait: bool,
        /// Where the answer goes.
        reply: Reply,
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
    /// Lead in this epoch from now on.
    Lead(LeaderEpoch),
    /// End the task and give the log back.
    Close(oneshot::Sender<Log>),
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

/// How a partition is hosted.
#[derive(Clone, Copy, Debug)]
pub struct Hosting {
    /// The place of its log directory in the broker's list.
    pub directory: usize,
    /// The epoch it is led in.
    pub leader_epoch: LeaderEpoch,
    /// How often rolls and retention are looked at.
    pub housekeeping: Duration,
}

/// Starts the task of a partition.
pub fn spawn(topic_partition: TopicPartition, topic_id: Uuid, log: Log, hosting: Hosting) -> Arc<Partition> {
    let Hosting { directory, leader_epoch, housekeeping } = hosting;
    let (mailbox, commands) = mpsc::channel(MAILBOX);
    let durable = log.durable();
    let partition = Arc::new(Partition {
        topic_partition,
        topic_id,
        directory,
        reader: log.reader(),
        mailbox,
        leader_epoch: AtomicI32::new(leader_epoch),
        high_watermark: AtomicI64::new(log.log_start_offset()),
        offline: AtomicBool::new(false),
        fetch_waiters: FetchWaiters::default(),
    });
    let due = Instant::now() + housekeeping.mul_f64(0.5 + runtime::rand::below(1000) as f64 / 2000.0);
    let wants_journal = log.config().wants_journal();
    let acks = Acks::default();
    let mut task = Task { partition: partition.clone(), log, durable, acks, wants_journal, housekeeping, due };
    task.log.note_leader_epoch(leader_epoch);
    task.durable_moved();
    runtime::task::spawn("partition", task.run(commands));
    partition
}

struct Task {
    partition: Arc<Partition>,
    log: Log,
    durable: watch::Receiver<Durable>,
    acks: Acks,
    /// What the config asks for; the log is behind it while its disk has no space for the change.
    wants_journal: bool,
    housekeeping: Duration,
    due: Instant,
}

struct PendingAppend {
    log_append_time: Timestamp,
    wait: bool,
    reply: Reply,
}

impl Task {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut group = Vec::new();
        loop {
            select! {
                biased;
                changed = self.durable.changed() => match changed {
                    Ok(()) => self.durable_moved(),
                    Err(_) => return self.stop("its log directory has failed"),
                },
                count = commands.recv_many(&mut group, MAX_GROUP) => {
                    if count == 0 {
                        return;
                    }
                    if let Some(reply) = self.obey(&mut group).await {
                        let _ = reply.send(self.log); // a broker that does not wait has crashed
                        return;
                    }
                }
                () = sleep_until(self.due) => self.keep_house().await,
            }
        }
    }

    /// Does what `commands` say, in order; appends that stand together go to the disk together.
    async fn obey(&mut self, commands: &mut Vec<Command>) -> Option<oneshot::Sender<Log>> {
        let mut appends = Vec::new();
        let mut pending = Vec::new();
        for command in commands.drain(..) {
            if let Command::Append { records, log_append_time, wait, reply } = command {
                appends.push(LeaderAppend {
                    records,
                    leader_epoch: self.partition.leader_epoch(),
                    now: runtime::clock::now(),
                    origin: Origin::Client,
                });
                pending.push(PendingAppend { log_append_time, wait, reply });
                continue;
            }
            self.append(&mut appends, &mut pending).await;
            match command {
                Command::Append { .. } => unreachable!("taken above"),
                Command::DeleteRecords { before, reply } => {
                    let _ = reply.send(self.delete_records(before).await);
                }
                Command::DescribeProducers(reply) => {
                    let _ = reply.send(self.log.active_producers());
                }
                Command::SetConfig(config) => self.set_config(*config).await,
                Command::Lead(epoch) => {
                    self.partition.leader_epoch.store(epoch, Ordering::Release);
                    self.log.note_leader_epoch(epoch);
                }
                Command::Close(reply) => return Some(reply),
            }
        }
        self.append(&mut appends, &mut pending).await;
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
        let results = self.log.append(appends).await;
        appends.clear();
        let start = self.log.log_start_offset();
        for (result, pending) in results.into_iter().zip(pending.drain(..)) {
            match result {
                Ok(appended) => self.appended(appended, pending, start),
                Err(error) => {
                    let _ = pending.reply.send(Err(self.refused(error, start)));
                }
            }
        }
        self.durable_moved();
    }

    fn appended(&mut self, appended: Appended, pending: PendingAppend, log_start_offset: Offset) {
        let acked = Acked {
            base_offset: appended.base_offset,
            log_append_time: if appended.duplicate { appended.max_timestamp } else { pending.log_append_time },
            log_start_offset,
        };
        // A duplicate waits like its original: that one may not be durable yet.
        if pending.wait && !(appended.duplicate && model::planted!("answer-duplicate-early")) {
            self.acks.wait(appended.last_offset + 1, acked, pending.reply);
        } else {
            let _ = pending.reply.send(Ok(acked));
        }
    }

    fn refused(&self, error: AppendError, log_start_offset: Offset) -> AppendFailure {
        match error {
            AppendError::Outcome { error, message } => {
                tracing::debug!("{}: append refused: {error}: {message}", self.partition.topic_partition);
                AppendFailure { error, message: told(error, message), log_start_offset }
            }
            AppendError::Fault(message) => {
                self.partition.go_offline(&message);
                AppendFailure { error: ErrorCode::KafkaStorageError, message, log_start_offset: -1 }
            }
        }
    }

    /// This broker is the only replica: what is durable here is committed.
    fn durable_moved(&mut self) {
        let durable = *self.durable.borrow_and_update();
        let bounds = self.partition.reader.bounds();
        if durable.truncation != bounds.truncation {
            model::mark!("a sync ended after a truncation");
            return;
        }
        let end = durable.offset;
        self.log.set_high_watermark(end);
        self.partition.publish_high_watermark(end);
        self.acks.reached(end);
    }

    async fn delete_records(&mut self, before: Offset) -> Result<Offset, ErrorCode> {
        let high_watermark = self.partition.high_watermark();
        let before = if before == -1 { high_watermark } else { before };
        if before < 0 || before > high_watermark {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        if before > self.log.log_start_offset()
            && let Err(fault) = self.log.advance_start(before).await
        {
            self.cannot("delete records", &fault);
            return Err(ErrorCode::KafkaStorageError);
        }
        Ok(self.log.log_start_offset())
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
        }
        self.durable_moved();
    }

    /// Nothing is acknowledged from the page cache once the config promises more.
    async fn reach_promised_mode(&mut self) -> Result<(), StorageFault> {
        if !self.wants_journal || self.log.is_journaled() {
            return Ok(());
        }
        model::mark!("append before the log could become journaled");
        self.log.set_journaled(true).await?;
        self.durable_moved();
        Ok(())
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
    }

    /// A full disk passes; a directory that has failed does not.
    fn cannot(&self, what: &str, fault: &StorageFault) {
        tracing::warn!("{} cannot {what}: {fault}", self.partition.topic_partition);
        if self.log.directory_has_failed() {
            self.partition.go_offline(&fault.to_string());
        }
    }

    fn stop(mut self, why: &str) {
        self.partition.go_offline(why);
        let failure =
            AppendFailure { error: ErrorCode::KafkaStorageError, message: why.to_owned(), log_start_offset: -1 };
        self.acks.fail(&failure);
    }
}

/// What a client reads beside an error. Kafka says nothing about sequences and epochs, and clients know the codes.
fn told(error: ErrorCode, message: String) -> String {
    match error {
        ErrorCode::OutOfOrderSequenceNumber | ErrorCode::InvalidProducerEpoch => String::new(),
        _ => message,
    }
}
