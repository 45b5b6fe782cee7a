//! One partition that a consumer reads.

use super::config::OffsetReset;
use super::fetched::Fetched;
use super::session::FetchPosition;
use crate::backoff::{Backoff, BackoffConfig};
use crate::offsets::OffsetSpec;
use model::{LeaderEpoch, NodeId, Offset, Uuid};
use runtime::time::{Duration, Instant};
use std::collections::VecDeque;

/// Where reading stands, and what is there to be read.
#[derive(Debug)]
pub(super) struct Assigned {
    /// The next offset to give out; none before it is looked up.
    position: Option<Offset>,
    /// The leader epoch of what was read before the position; -1 when nothing was, or when the caller moved it.
    last_read_epoch: LeaderEpoch,
    /// The leader epoch of the last record that was given out, or of what stands before where reading began; -1 when it
    /// is not known.
    given_epoch: LeaderEpoch,
    /// Whether somebody else finds out where to begin.
    pub held: bool,
    /// What to look up when there is no position.
    pub start: OffsetSpec,
    /// Whether that is being looked up.
    pub looking: bool,
    /// Changes whenever the caller moves the position: what was asked for before is of no use then.
    pub generation: u64,
    pub paused: bool,
    pub buffered: VecDeque<Fetched>,
    pub not_before: Option<Instant>,
    /// A replica that the leader said is better to read from (KIP-392), until when.
    preferred: Option<(NodeId, Instant)>,
    /// The leader epoch in which it was last asked for; -1 before it was.
    asked_in: LeaderEpoch,
    /// The topic that the position belongs to; zeros before it was asked for.
    topic_id: Uuid,
    backoff: Backoff,
    /// As the last fetch told.
    pub high_watermark: Option<Offset>,
    /// As the last fetch told.
    pub log_start_offset: Option<Offset>,
}

/// How many answers wait to be read: one is read while the next is on its way.
const MOST_BUFFERED: usize = 2;

impl Assigned {
    pub fn new(generation: u64, reset: OffsetReset, backoff: BackoffConfig) -> Assigned {
        Assigned {
            position: None,
            last_read_epoch: -1,
            given_epoch: -1,
            held: false,
            // Without a policy the beginning is asked for; only going out of range is an error.
            start: reset.spec().unwrap_or(OffsetSpec::Earliest),
            looking: false,
            generation,
            paused: false,
            buffered: VecDeque::new(),
            not_before: None,
            preferred: None,
            asked_in: -1,
            topic_id: Uuid::ZERO,
            backoff: Backoff::new(backoff),
            high_watermark: None,
            log_start_offset: None,
        }
    }

    /// Moves to `offset`.
    pub fn seek(&mut self, offset: Offset) {
        self.move_to(Some(offset));
    }

    /// Moves to what `start` will be found to be.
    pub fn seek_to(&mut self, start: OffsetSpec) {
        self.start = start;
        self.move_to(None);
    }

    /// Moves to `offset`, before which a record of leader `epoch` stands: should the leader's log differ there, it is
    /// noticed (KIP-320).
    pub fn seek_behind(&mut self, offset: Offset, epoch: LeaderEpoch) {
        self.move_to(Some(offset));
        (self.last_read_epoch, self.given_epoch) = (epoch, epoch);
    }

    /// A record of this leader epoch was given out.
    pub fn gave(&mut self, epoch: LeaderEpoch) {
        self.given_epoch = epoch;
    }

    /// The leader epoch of what stands before the position; -1 when it is not known.
    pub fn given_epoch(&self) -> LeaderEpoch {
        self.given_epoch
    }

    fn move_to(&mut self, position: Option<Offset>) {
        self.position = position;
        (self.last_read_epoch, self.given_epoch) = (-1, -1);
        self.held = false;
        self.generation += 1;
        self.looking = false;
        self.buffered.clear();
        self.not_before = None;
    }

    /// The next offset to give out.
    pub fn position(&self) -> Option<Offset> {
        self.buffered.front().map(Fetched::position).or(self.position)
    }

    /// Where the next fetch goes on.
    pub fn fetch_position(&self) -> Option<FetchPosition> {
        let own = |offset| FetchPosition { offset, last_fetched_epoch: self.last_read_epoch };
        self.buffered.back().map(Fetched::end).or(self.position.map(own))
    }

    /// It is asked for at the leader of this epoch. What failed at an earlier one need not wait (KIP-951).
    pub fn led_in(&mut self, epoch: LeaderEpoch) {
        if epoch > self.asked_in {
            self.not_before = None;
        }
        self.asked_in = epoch;
    }

    /// It is asked for in the topic with this id. One that was made anew under the same name has other records at the same
    /// offsets: reading begins where the policy says, as out of range, or, without one, goes on at the same offset.
    pub fn read_in(&mut self, topic_id: Uuid, reset: OffsetReset) {
        let before = std::mem::replace(&mut self.topic_id, topic_id);
        if before == topic_id || before.is_zero() || topic_id.is_zero() {
            return;
        }
        if let Some(position) = self.position() {
            model::mark!("a consumer met a topic that was made anew");
            match reset.spec() {
                Some(place) => self.seek_to(place),
                None => self.seek(position),
            }
        }
    }

    /// Drops the oldest answer, which is read to its end.
    pub fn read_to_end(&mut self) {
        if let Some(read) = self.buffered.pop_front() {
            let end = read.end();
            (self.position, self.last_read_epoch) = (Some(end.offset), end.last_fetched_epoch);
        }
    }

    /// Whether another answer can be taken.
    pub fn has_room(&self) -> bool {
        self.buffered.len() < MOST_BUFFERED
    }

    /// Reads from `node` for a while, although another one leads.
    pub fn prefer(&mut self, node: NodeId, now: Instant, age: Duration) {
        self.preferred = Some((node, now + age));
    }

    /// Who to read from, if not the leader.
    pub fn preferred(&self, now: Instant) -> Option<NodeId> {
        self.preferred.filter(|(_, until)| *until > now).map(|(node, _)| node)
    }

    /// Reads from the leader again. Says whether that is a change.
    pub fn back_to_leader(&mut self) -> bool {
        self.preferred.take().is_some()
    }

    pub fn is_backed_off(&self, now: Instant) -> bool {
        self.not_before.is_some_and(|not_before| not_before > now)
    }

    /// Its leader is away. Another one is there within a second, and is not to be missed for long.
    pub fn leader_failed(&mut self, now: Instant) {
        const MOST: Duration = Duration::from_millis(250);
        self.not_before = Some(now + self.backoff.next_wait().min(MOST));
    }

    pub fn failed(&mut self, now: Instant) {
        self.not_before = Some(now + self.backoff.next_wait());
    }

    pub fn worked(&mut self) {
        self.not_before = None;
        self.backoff.reset();
    }
}
