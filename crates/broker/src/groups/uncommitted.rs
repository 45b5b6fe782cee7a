//! Replies that wait until all they rest on is committed.

use crate::partition::{Acked, AppendFailure, Partition};
use coordinator::group::Reply;
use model::state_machine::Ticket;
use model::{ErrorCode, LeaderEpoch, Offset};
use runtime::sync::oneshot;
use runtime::time::Instant;
use std::collections::VecDeque;
use std::sync::Arc;

/// Replies in the order of the log.
#[derive(Debug, Default)]
pub(super) struct Uncommitted {
    waiting: VecDeque<Waiting>,
    /// Tells when the first of them may go.
    first: Option<oneshot::Receiver<Result<Acked, AppendFailure>>>,
    /// All below is committed.
    committed: Offset,
}

#[derive(Debug)]
struct Waiting {
    end: Offset,
    deadline: Instant,
    replies: Vec<(Ticket, Reply)>,
}

/// What became of replies that waited.
#[derive(Debug)]
pub(super) enum Moved {
    /// These may go.
    Committed(Vec<(Ticket, Reply)>),
    /// What these rest on is in the log, and not known to be committed.
    Failed(ErrorCode, Vec<(Ticket, Reply)>),
    /// The log is led no more.
    Lost,
}

impl Uncommitted {
    /// Takes replies that rest on all below `end`; gives them back when they may go at once.
    pub fn wait(
        &mut self,
        partition: &Partition,
        leader_epoch: LeaderEpoch,
        (end, deadline): (Offset, Instant),
        replies: Vec<(Ticket, Reply)>,
    ) -> Vec<(Ticket, Reply)> {
        if replies.is_empty() || self.is_committed(partition, leader_epoch, end) {
            return replies;
        }
        self.waiting.push_back(Waiting { end, deadline, replies });
        self.watch_first(partition, leader_epoch);
        Vec::new()
    }

    fn is_committed(&mut self, partition: &Partition, leader_epoch: LeaderEpoch, end: Offset) -> bool {
        if model::planted!("a commit is answered before it is committed") {
            return true;
        }
        let high_watermark = partition.high_watermark();
        if high_watermark > self.committed && partition.leads_in(leader_epoch) {
            self.committed = high_watermark;
        }
        self.waiting.is_empty() && end <= self.committed
    }

    fn watch_first(&mut self, partition: &Partition, leader_epoch: LeaderEpoch) {
        if self.first.is_none() {
            self.first = self.waiting.front().map(|first| partition.committed(leader_epoch, first.end));
        }
    }

    /// Waits until the first of them may go or never will.
    pub async fn moved(&mut self) -> Result<Acked, AppendFailure> {
        match &mut self.first {
            Some(first) => first.await.unwrap_or_else(|_| {
                let error = ErrorCode::NotLeaderOrFollower;
                Err(AppendFailure { error, message: String::new(), log_start_offset: -1 })
            }),
            None => std::future::pending().await,
        }
    }

    /// Takes out whom `outcome`, what [`Uncommitted::moved`] gave, is for.
    pub fn settle(
        &mut self,
        partition: &Arc<Partition>,
        leader_epoch: LeaderEpoch,
        outcome: Result<Acked, AppendFailure>,
    ) -> Moved {
        self.first = None;
        let moved = match outcome {
            Ok(acked) => {
                // The base offset is that to which all was waited for. A high watermark is read before it is made sure of
                // whose it is.
                let high_watermark = partition.high_watermark();
                let own = if partition.leads_in(leader_epoch) { high_watermark } else { acked.base_offset };
                self.committed = self.committed.max(acked.base_offset).max(own);
                Moved::Committed(self.take(|waiting, committed| waiting.end <= committed))
            }
            Err(failure) if failure.error == ErrorCode::NotLeaderOrFollower => return Moved::Lost,
            Err(failure) => {
                model::mark!("a coordinator's records are not known to be committed");
                let first = self.waiting.front().map_or(0, |first| first.end);
                Moved::Failed(failure.error, self.take(|waiting, _| waiting.end <= first))
            }
        };
        self.watch_first(partition, leader_epoch);
        moved
    }

    /// Takes out those that have waited for too long.
    pub fn expired(&mut self, partition: &Partition, leader_epoch: LeaderEpoch, now: Instant) -> Vec<(Ticket, Reply)> {
        let expired = self.take(|waiting, _| waiting.deadline <= now);
        if !expired.is_empty() {
            model::mark!("a coordinator's reply waited for too long");
            self.first = None;
            self.watch_first(partition, leader_epoch);
        }
        expired
    }

    /// When the first of them has waited for too long.
    pub fn deadline(&self) -> Option<Instant> {
        self.waiting.front().map(|first| first.deadline)
    }

    fn take(&mut self, goes: impl Fn(&Waiting, Offset) -> bool) -> Vec<(Ticket, Reply)> {
        let mut taken = Vec::new();
        while self.waiting.front().is_some_and(|first| goes(first, self.committed)) {
            taken.extend(self.waiting.pop_front().into_iter().flat_map(|first| first.replies));
        }
        taken
    }
}
