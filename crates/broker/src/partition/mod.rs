//! A hosted partition: one task owns its log; everyone else holds a [`Partition`] handle.

mod acks;
mod task;
mod waiters;

pub use task::{Acked, AppendFailure, Command, Hosting, spawn};
pub use waiters::FetchWait;

use model::{ErrorCode, LeaderEpoch, Offset, TopicPartition, Uuid};
use runtime::sync::{mpsc, oneshot};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, Ordering};
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
    leader_epoch: AtomicI32,
    high_watermark: AtomicI64,
    offline: AtomicBool,
    fetch_waiters: FetchWaiters,
}

impl Partition {
    /// The epoch this broker leads it in.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch.load(Ordering::Acquire)
    }

    /// The end of what is committed: consumers read below it.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark.load(Ordering::Acquire)
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

    /// Wakes `wait` (as its `slot`) once something can be read at `offset`, or the partition changes its state.
    pub fn wake_when_readable(&self, wait: &Arc<FetchWait>, slot: usize, offset: Offset) {
        self.fetch_waiters.register(wait, slot, offset);
        if self.high_watermark() > offset || self.is_offline() {
            wait.ready(slot);
        }
    }

    fn publish_high_watermark(&self, offset: Offset) {
        let before = self.high_watermark.swap(offset, Ordering::AcqRel);
        if offset > before {
            self.fetch_waiters.wake_below(offset);
        }
    }

    fn go_offline(&self, why: &str) {
        if !self.offline.swap(true, Ordering::AcqRel) {
            tracing::error!("{}: offline: {why}", self.topic_partition);
        }
        self.fetch_waiters.wake_all();
    }
}
