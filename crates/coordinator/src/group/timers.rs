//! What is to happen when: one queue for all groups of a coordinator.
//!
//! Entries are never taken out before they are due. Whoever is woken looks whether its time has really come, and arms
//! itself again when it has moved on; so a heartbeat costs one assignment.

use super::consumer;
use model::state_machine::Instant;
use protocol::Text;
use std::collections::BTreeMap;

/// What is due.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Timer {
    /// A member of a classic group was not heard of.
    Session { group: Text, member: Text },
    /// Members of a classic group with a promised id have not joined.
    Promises { group: Text },
    /// A rebalance has waited long enough for members to join.
    Join { group: Text },
    /// A generation has waited long enough for its members to sync.
    Sync { group: Text },
    /// What is not in the log yet should be tried again.
    Write { group: Text },
    /// Offsets and groups that nobody needs any more are looked for.
    Retention,
    /// Offsets of topics that are gone are taken away.
    DeletedTopics,
    /// Something of a consumer group.
    Consumer { group: Text, timer: consumer::Timer },
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    queue: BTreeMap<(Instant, u64), Timer>,
    drawn: u64,
}

impl Timers {
    /// `timer` is due at `at`.
    pub fn arm(&mut self, at: Instant, timer: Timer) {
        self.drawn += 1;
        self.queue.insert((at, self.drawn), timer);
    }

    /// When the first is due.
    pub fn next(&self) -> Option<Instant> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the first that is due, with the time that it was armed for.
    pub fn pop_due(&mut self, now: Instant) -> Option<(Instant, Timer)> {
        if self.next()? > now {
            return None;
        }
        self.queue.pop_first().map(|((at, _), timer)| (at, timer))
    }
}
