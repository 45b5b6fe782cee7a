//! What a leader knows of one other replica, and what it has sent it.

use crate::{Endpoint, Snapshot};
use model::Offset;
use model::state_machine::Instant;

/// So many messages with entries may be under way to a replica that takes them.
pub const MAX_IN_FLIGHT: u32 = 4;

#[derive(Debug)]
pub struct Progress {
    /// Whether it has the role `controller`.
    pub may_vote: bool,
    pub endpoint: Option<Endpoint>,
    /// All before this is on its stable storage and equals the leader's log; `None` before it said so.
    pub matched: Option<Offset>,
    /// The offset of the next entry that it is sent.
    pub next: Offset,
    /// Where the logs part is being found out: one message at a time, and `next` stays until it is answered.
    pub probing: bool,
    pub in_flight: u32,
    /// It is spoken to at the next occasion, whatever there is.
    pub due: bool,
    /// It was heard of since it was last due.
    pub answered: bool,
    /// The high watermark it was told last.
    pub told: Offset,
    /// When it was last heard of.
    pub heard: Option<Instant>,
    /// When it last had all that the leader had then.
    pub caught_up: Option<Instant>,
    /// The log's end when it was last heard of.
    end_when_heard: Offset,
    pub outgoing: Option<Outgoing>,
}

/// A snapshot on its way.
#[derive(Debug)]
pub struct Outgoing {
    pub snapshot: Snapshot,
    /// The receiver has the bytes before this.
    pub position: usize,
}

impl Progress {
    /// A replica that may have all up to `next`.
    pub fn unknown(next: Offset) -> Progress {
        Progress {
            may_vote: true,
            endpoint: None,
            matched: None,
            next,
            probing: true,
            in_flight: 0,
            due: true,
            answered: false,
            told: -1,
            heard: None,
            caught_up: None,
            end_when_heard: Offset::MAX,
            outgoing: None,
        }
    }

    /// How far it is known to go.
    pub fn matched_or_zero(&self) -> Offset {
        self.matched.unwrap_or(0)
    }

    /// So many messages may be under way now.
    pub fn window(&self) -> u32 {
        if self.probing { 1 } else { MAX_IN_FLIGHT }
    }

    /// It is time to speak to it. What was not answered since the last time is taken for lost.
    pub fn heartbeat(&mut self) {
        if !self.answered && self.in_flight > 0 {
            self.in_flight = 0;
            if let Some(matched) = self.matched.filter(|_| !self.probing) {
                self.next = matched;
                self.probing = true;
            }
        }
        self.answered = false;
        self.due = true;
    }

    /// It has said something.
    pub fn hear(&mut self, now: Instant) {
        self.heard = Some(now);
        self.answered = true;
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// It has all before `matched`; the leader's log goes to `end`.
    pub fn take(&mut self, now: Instant, matched: Offset, end: Offset) {
        let before = self.heard;
        self.hear(now);
        let matched = matched.max(self.matched_or_zero());
        self.matched = Some(matched);
        if self.outgoing.as_ref().is_some_and(|outgoing| matched >= outgoing.snapshot.end_offset) {
            self.outgoing = None;
        }
        if self.probing || matched >= self.next {
            (self.next, self.probing, self.in_flight) = (matched, false, 0);
        }
        if matched >= end {
            self.caught_up = Some(now);
        } else if matched >= self.end_when_heard {
            self.caught_up = self.caught_up.max(before);
        }
        self.end_when_heard = end;
    }

    /// Its log parts from the leader's after `next` at the latest.
    pub fn step_back(&mut self, now: Instant, next: Offset) {
        self.hear(now);
        let next = next.max(self.matched_or_zero());
        self.probing = true;
        if next < self.next {
            (self.next, self.in_flight, self.due) = (next, 0, true);
        } else {
            // Nothing was learnt: a second answer to one message, or a replica that has lost what it had taken. Were it
            // spoken to at once, the two might never rest.
            self.in_flight = 1;
        }
    }

    /// It looks for a leader, and has a log up to `next` at most.
    pub fn begin_again(&mut self, now: Instant, next: Offset) {
        self.hear(now);
        self.next = next.max(self.matched_or_zero());
        (self.probing, self.in_flight, self.due) = (true, 0, true);
    }
}
