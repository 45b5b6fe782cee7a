//! The shape of a replicated state machine: groups, transactions, the controller.
//!
//! A machine knows what its log told it and the [`World`](StateMachine::World) it is shown. It *decides* in
//! [`handle`](StateMachine::handle), which writes records, replies and effects into an [`Outbox`] and changes no hard
//! state; it *learns* in [`replay`](StateMachine::replay), the only way hard state ever changes. So a leader that
//! decided and a follower that read the log are equal: replaying the log into a fresh machine gives equal hard state.
//!
//! An append ends in one of three ways, which a driver never mixes. *Rejected* before anything was written:
//! [`rejected`](StateMachine::rejected), an error to that ticket, nothing is reloaded. *Unknown or lost* (an I/O fault,
//! leadership gone): the machine is dropped and built anew from the log. *Appended but not committed in time*: that
//! ticket gets its timeout, the state stays.

use crate::{ErrorCode, Offset, ProducerEpoch, ProducerId, Timestamp};
use std::fmt;
use std::ops::Add;
use std::time::Duration;

/// A replicated state machine. See the module.
pub trait StateMachine {
    /// What it is asked.
    type Request;
    /// What it answers.
    type Reply;
    /// What its log holds.
    type Record;
    /// What it wants done once its records are committed.
    type Effect;
    /// What it is shown besides its log: the metadata image, or settings.
    type World: ?Sized;

    /// The log is replayed and this node leads it: builds soft state and goes on with work that was left.
    fn loaded(&mut self, now: Now, world: &Self::World, out: &mut Outbox<Self>);

    /// Decides about a request. Never changes hard state.
    fn handle(&mut self, now: Now, world: &Self::World, ticket: Ticket, request: Self::Request, out: &mut Outbox<Self>);

    /// The world is another one now.
    fn world_changed(&mut self, now: Now, world: &Self::World, out: &mut Outbox<Self>);

    /// [`next_deadline`](StateMachine::next_deadline) has passed.
    fn expire(&mut self, now: Now, world: &Self::World, out: &mut Outbox<Self>);

    /// The records for this ticket were refused before any of them was written: hard state is as before.
    fn rejected(&mut self, ticket: Ticket, error: ErrorCode, out: &mut Outbox<Self>);

    /// Learns what the log holds next. Total and deterministic; the only way hard state changes.
    fn replay(&mut self, at: Position, entry: Entry<'_, Self::Record>);

    /// When [`expire`](StateMachine::expire) wants to be called.
    fn next_deadline(&self) -> Option<Instant>;
}

/// A point of monotonic time, counted from the start of the node that hosts the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The point this long after the node started.
    pub const fn after_start(elapsed: Duration) -> Instant {
        Instant(elapsed)
    }

    /// How long after the node started.
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// How long after `earlier`; zero when it is not after it.
    pub const fn saturating_since(self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, wait: Duration) -> Instant {
        Instant(self.0.saturating_add(wait))
    }
}

/// The time in hand. Deadlines come from `monotonic`; `wall` is only stored or shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time.
    pub monotonic: Instant,
    /// The wall clock, in milliseconds since 1970 UTC.
    pub wall: Timestamp,
}

/// Names a request that waits for its reply. The driver draws them; a machine only hands them back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Where in its log an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The entry's offset.
    pub offset: Offset,
    /// When it was written, by the writer's wall clock.
    pub timestamp: Timestamp,
    /// The producer of the transaction it belongs to, if any.
    pub producer: Option<(ProducerId, ProducerEpoch)>,
}

/// One entry of a machine's log.
#[derive(Debug)]
pub enum Entry<'a, R> {
    /// A record.
    Record(&'a R),
    /// The marker that ends the transaction of the position's producer.
    EndTransaction {
        /// Whether its records count.
        committed: bool,
    },
}

/// What one call of a machine wants done: one atomic batch of records, replies that leave once that batch (or, without
/// records, all that the machine could have seen) is committed, and effects that start then.
pub struct Outbox<M: StateMachine + ?Sized> {
    /// Appended together or not at all.
    pub records: Vec<M::Record>,
    /// The producer that the batch is written for, in a transaction.
    pub producer: Option<(ProducerId, ProducerEpoch)>,
    /// Answers, by ticket.
    pub replies: Vec<(Ticket, M::Reply)>,
    /// Work for the driver.
    pub effects: Vec<M::Effect>,
}

impl<M: StateMachine + ?Sized> Outbox<M> {
    /// Nothing to do yet.
    pub fn new() -> Self {
        Outbox { records: Vec::new(), producer: None, replies: Vec::new(), effects: Vec::new() }
    }

    /// Answers the request with this ticket.
    pub fn reply(&mut self, ticket: Ticket, reply: M::Reply) {
        self.replies.push((ticket, reply));
    }
}

impl<M: StateMachine + ?Sized> Default for Outbox<M> {
    fn default() -> Self {
        Outbox::new()
    }
}

impl<M: StateMachine + ?Sized> fmt::Debug for Outbox<M>
where
    M::Record: fmt::Debug,
    M::Reply: fmt::Debug,
    M::Effect: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("records", &self.records)
            .field("producer", &self.producer)
            .field("replies", &self.replies)
            .field("effects", &self.effects)
            .finish()
    }
}
