//! The follower's side: fetch, compare, cut, append, and only then believe the leader's high watermark.

mod answer;
mod truncation;

pub use answer::{Batches, FetchAnswer};

use crate::{EndOfEpoch, OwnLog};
use model::state_machine::Instant;
use model::{LeaderEpoch, NodeId, Offset, mark, planted};
use std::time::Duration;

/// Whom a follower follows, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Following {
    /// The leader.
    pub leader: NodeId,
    /// The epoch that it leads in.
    pub leader_epoch: LeaderEpoch,
    /// `replica.fetch.backoff.ms`: the rest after an error.
    pub fetch_backoff: Duration,
}

/// The follower's own log, told by its owner each time it moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerLog {
    /// Its ends.
    pub ends: OwnLog,
    /// The leader epoch of its last *record*, whatever epochs began after it without one; -1 when the log is empty or
    /// does not know.
    pub last_epoch: LeaderEpoch,
}

/// Names the state of the log that a fetch was made for. An answer to a fetch of another state is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FetchToken {
    leader_epoch: LeaderEpoch,
    generation: u64,
}

/// What to fetch. It is the same until an answer to it, the log itself or the image changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// To be handed back with the answer.
    pub token: FetchToken,
    /// From whom.
    pub leader: NodeId,
    /// The epoch that it leads in.
    pub current_leader_epoch: LeaderEpoch,
    /// The partition epoch of the image that is gone by ([`Follower::image_changed`]), for
    /// [`CheckedFetch::made_in`](crate::CheckedFetch::made_in) at the leader; `None` when it was not said.
    pub partition_epoch: Option<i32>,
    /// Where the own log ends.
    pub fetch_offset: Offset,
    /// The epoch of its last record; -1 when it is empty.
    pub last_fetched_epoch: LeaderEpoch,
    /// Where it starts.
    pub log_start_offset: Offset,
    /// Up to where it is on stable storage; `None` when it is not journaled.
    pub durable_end: Option<Offset>,
    /// What is known to be committed here (KIP-1166): the leader answers at once when it knows more.
    pub high_watermark: Offset,
}

/// What is to be done to the log. After `Append`, `AppendFrom`, `Truncate` and `ResetTo` the owner says [`Follower::done`] or
/// [`Follower::failed`]; until then nothing more is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowerStep {
    /// Nothing; the high watermark or the log start may have moved.
    Nothing,
    /// Append the batches of the answer.
    Append,
    /// Let the empty log start here, before where it did, and append the batches of the answer.
    AppendFrom {
        /// The base offset of the first.
        start: Offset,
    },
    /// Cut the log so that it ends here (or earlier, at a batch's start).
    Truncate {
        /// The new end, below the present one.
        to: Offset,
        /// It cuts what was known to be committed: only an unclean election can have led here.
        below_high_watermark: bool,
    },
    /// Empty the log and let it start here.
    ResetTo {
        /// Where the leader's log starts.
        start: Offset,
    },
    /// Nothing is wanted before `until`.
    BackOff {
        /// When to look again.
        until: Instant,
    },
    /// The leader has moved on: nothing is wanted in this leader epoch any more.
    WaitForMetadata,
}

/// Follows one leader in one leader epoch.
#[derive(Clone, Debug)]
pub struct Follower {
    following: Following,
    partition_epoch: Option<i32>,
    log: FollowerLog,
    high_watermark: Offset,
    /// The leader's log start, when it is ahead of what may be let go here.
    leader_log_start: Offset,
    generation: u64,
    /// How often in a row the leader did not know yet that it leads.
    early: u32,
    state: State,
}

/// The first rest where the leader has not heard yet that it leads.
const FIRST_REST: Duration = Duration::from_millis(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fetching,
    /// The owner is at this step; the answer's high watermark counts once it is done.
    Working {
        step: FollowerStep,
        leader_high_watermark: Offset,
    },
    Resting {
        until: Instant,
    },
    Fenced,
}

impl Follower {
    /// Begins to follow, with the log as it stands, and says what is to be done to it first. `high_watermark` is what
    /// was known before, clipped to the log here. `generation` is 0, or [`Follower::next_generation`] of the machine
    /// that followed before, so that answers to its fetches are known to be void.
    ///
    /// The first step is nothing: the first fetch will show where the logs differ. Only a log that holds records and
    /// does not know their epochs cannot be compared, and is cut to what was committed (as in KIP-101).
    #[must_use = "the step is to be done"]
    pub fn new(
        following: Following,
        log: FollowerLog,
        high_watermark: Offset,
        generation: u64,
    ) -> (Self, FollowerStep) {
        let ends = log.ends;
        let high_watermark = high_watermark.clamp(ends.log_start_offset, ends.log_end_offset);
        let leader_log_start = ends.log_start_offset;
        let mut follower = Follower {
            following,
            partition_epoch: None,
            log,
            high_watermark,
            leader_log_start,
            generation,
            early: 0,
            state: State::Fetching,
        };
        let step = if follower.cannot_be_compared() || planted!("truncate to the own high watermark") {
            follower.cut_to(high_watermark)
        } else {
            FollowerStep::Nothing
        };
        (follower, step)
    }

    fn cannot_be_compared(&self) -> bool {
        let unknown = self.log.last_epoch < 0 && self.log.ends.log_start_offset < self.log.ends.log_end_offset;
        if unknown {
            mark!("log without epochs cut to its high watermark");
        }
        unknown
    }

    /// The image that is gone by, at first and whenever it changes within this leader epoch. An older one changes
    /// nothing.
    pub fn image_changed(&mut self, partition_epoch: i32) {
        self.partition_epoch = self.partition_epoch.max(Some(partition_epoch));
    }

    /// What to fetch now; `None` while a step is being done, after an error, and while what was fetched is not yet on
    /// stable storage: the next fetch tells the leader that it is.
    pub fn wanted(&self, now: Instant) -> Option<Wanted> {
        match self.state {
            State::Working { .. } | State::Fenced => return None,
            State::Resting { until } if now < until => return None,
            State::Fetching | State::Resting { .. } => {}
        }
        if self.waits_for_durability() {
            return None;
        }
        let ends = &self.log.ends;
        Some(Wanted {
            token: self.token(),
            leader: self.following.leader,
            current_leader_epoch: self.following.leader_epoch,
            partition_epoch: self.partition_epoch,
            fetch_offset: ends.log_end_offset,
            last_fetched_epoch: self.log.last_epoch,
            log_start_offset: ends.log_start_offset,
            durable_end: ends.journaled.then_some(ends.durable_end),
            high_watermark: self.high_watermark,
        })
    }

    /// Whether there is something that the leader is to be told as soon as it is on stable storage. A fetch of other
    /// partitions over the same connection must not wait at the leader meanwhile.
    pub fn waits_for_durability(&self) -> bool {
        self.log.ends.progress() < self.log.ends.log_end_offset
    }

    /// When [`Follower::wanted`] may change by time alone.
    pub fn next_deadline(&self) -> Option<Instant> {
        match self.state {
            State::Resting { until } => Some(until),
            State::Fetching | State::Working { .. } | State::Fenced => None,
        }
    }

    /// The step is done, and so stands the log now. The leader's high watermark is believed from here on: before, the
    /// log may have held what the leader's does not (KAFKA-14704).
    ///
    /// # Panics
    /// There was no step to do.
    pub fn done(&mut self, log: FollowerLog) {
        let State::Working { step, leader_high_watermark } = self.state else {
            panic!("no step was being done");
        };
        self.state = State::Fetching;
        self.log = log;
        match step {
            FollowerStep::Truncate { .. } => self.high_watermark = self.high_watermark.min(log.ends.log_end_offset),
            FollowerStep::ResetTo { .. } => self.high_watermark = log.ends.log_start_offset,
            _ => self.believe(leader_high_watermark),
        }
        self.generation += 1;
    }

    /// The step could not be done (no space, batches that are corrupt); so stands the log now. Rests, then fetches
    /// again.
    ///
    /// # Panics
    /// There was no step to do.
    pub fn failed(&mut self, now: Instant, log: FollowerLog) -> FollowerStep {
        assert!(matches!(self.state, State::Working { .. }), "no step was being done");
        mark!("follower could not do its step");
        self.log = log;
        self.high_watermark = self.high_watermark.min(log.ends.log_end_offset);
        self.generation += 1;
        self.back_off(now)
    }

    /// Something became durable, or the log start moved. A log that has to end elsewhere than it did is for
    /// [`Follower::done`].
    pub fn log_moved(&mut self, log: FollowerLog) {
        if log.ends.log_end_offset != self.log.ends.log_end_offset {
            self.generation += 1;
            self.high_watermark = self.high_watermark.min(log.ends.log_end_offset);
        }
        self.log = log;
    }

    /// What is known to be committed here. Below it the log is like the leader's.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// Where the log should start, when that is above where it does: records below were deleted at the leader. Never
    /// above the high watermark.
    pub fn log_start_to_take(&self) -> Option<Offset> {
        let start = self.leader_log_start.min(self.high_watermark);
        if planted!("keep records that the leader has deleted") {
            return None;
        }
        (start > self.log.ends.log_start_offset).then_some(start)
    }

    /// The log could not be made to start there. Rests: the leader may have nothing else to say, and say it at once.
    pub fn could_not_take_log_start(&mut self, now: Instant) {
        if self.state == State::Fetching {
            let _ = self.back_off(now);
        }
    }

    /// Whom it follows.
    pub fn following(&self) -> Following {
        self.following
    }

    /// For the machine that follows next in this partition.
    pub fn next_generation(&self) -> u64 {
        self.generation + 1
    }

    fn token(&self) -> FetchToken {
        FetchToken { leader_epoch: self.following.leader_epoch, generation: self.generation }
    }

    fn work(&mut self, step: FollowerStep, leader_high_watermark: Offset) -> FollowerStep {
        self.state = State::Working { step, leader_high_watermark };
        step
    }

    fn back_off(&mut self, now: Instant) -> FollowerStep {
        self.rest(now, self.following.fetch_backoff)
    }

    /// Of two nodes that hear of a new leader one is first, and often that is the follower. Nothing is committed while it
    /// rests, so it asks again at once, and then twice as late each time: the leader mostly hears within milliseconds.
    fn ask_again_soon(&mut self, now: Instant) -> FollowerStep {
        mark!("a follower was there before its leader");
        let rest = FIRST_REST.saturating_mul(1 << self.early.min(20));
        self.early += 1;
        self.rest(now, rest.min(self.following.fetch_backoff))
    }

    fn rest(&mut self, now: Instant, rest: Duration) -> FollowerStep {
        let until = now + rest;
        self.state = State::Resting { until };
        FollowerStep::BackOff { until }
    }

    /// The leader says that everything below `leader_high_watermark` is committed, and the log is like the leader's.
    fn believe(&mut self, leader_high_watermark: Offset) {
        self.high_watermark = self.high_watermark.max(leader_high_watermark.min(self.log.ends.log_end_offset));
    }
}
