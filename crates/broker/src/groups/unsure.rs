//! Replies of a coordinator that may have been deposed without knowing.
//!
//! A reply that rests on a new record waits until that is committed, which a deposed leader never sees. One that only
//! reads may go at once while the broker's session with the controller lives: until it ends, nobody else was made leader
//! behind this one's back for longer than the session. When the controller was not heard for that long, the reply waits
//! until every other replica that could lead has fetched from here since the question came.

use crate::broker::Broker;
use crate::partition::Partition;
use coordinator::group::Reply;
use model::state_machine::{Instant as MachineInstant, Ticket};
use runtime::time::{Duration, Instant};
use std::collections::VecDeque;

/// How often those that could lead are looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Whether the controller was not heard for a whole session.
pub(super) fn may_be_deposed(broker: &Broker) -> bool {
    let session = Duration::from_millis(broker.config.cluster.session_timeout_ms.unsigned_abs());
    broker.last_heard() >= session && !model::planted!("a deposed coordinator answers reads")
}

/// Replies in the order of their questions.
#[derive(Debug, Default)]
pub(super) struct Unsure {
    waiting: VecDeque<Waiting>,
    /// When to look again; set while any wait.
    look_at: Option<Instant>,
}

#[derive(Debug)]
struct Waiting {
    asked: MachineInstant,
    deadline: Instant,
    replies: Vec<(Ticket, Reply)>,
}

impl Unsure {
    /// Keeps replies to a question that came at `asked`.
    pub fn wait(&mut self, asked: MachineInstant, deadline: Instant, replies: Vec<(Ticket, Reply)>) {
        model::mark!("a coordinator asks its followers whether it leads");
        self.waiting.push_back(Waiting { asked, deadline, replies });
        self.look_at.get_or_insert(Instant::now() + LOOK);
    }

    /// Takes out the replies that may go now.
    pub fn confirmed(&mut self, partition: &Partition) -> Vec<(Ticket, Reply)> {
        self.take(|waiting| partition.is_confirmed_since(waiting.asked))
    }

    /// Takes out those that have waited for too long.
    pub fn expired(&mut self, now: Instant) -> Vec<(Ticket, Reply)> {
        self.take(|waiting| waiting.deadline <= now)
    }

    /// When to look again.
    pub fn deadline(&self) -> Option<Instant> {
        self.look_at
    }

    /// It was looked at.
    pub fn looked(&mut self, now: Instant) {
        self.look_at = (!self.waiting.is_empty()).then(|| now + LOOK);
    }

    fn take(&mut self, goes: impl Fn(&Waiting) -> bool) -> Vec<(Ticket, Reply)> {
        let mut taken = Vec::new();
        while self.waiting.front().is_some_and(&goes) {
            taken.extend(self.waiting.pop_front().into_iter().flat_map(|first| first.replies));
        }
        taken
    }
}
