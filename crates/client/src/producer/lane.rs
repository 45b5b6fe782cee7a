//! The batches of one partition, in order: what may be sent now, and what an answer means. Time comes as an argument.
//!
//! Order and exactly-once rest on these rules. A batch keeps its sequence over all its attempts. A batch that was sent
//! before is sent again only when nothing of its partition is under way, so nothing overtakes it. The first batch of an
//! identity travels alone: a broker that does not know the producer takes any sequence for its first. After a batch with
//! a sequence has failed for good, the sequence has a gap: what is under way is waited for, batches that surely were not
//! written get new sequences under the next epoch, and that epoch fences what the network may still hold.

use super::ProducerRecord;
use super::batch::{Batch, Number};
use super::config::ProducerConfig;
use super::delivery::{Delivery, Outcome, Place};
use super::identity::{Identity, advance};
use crate::backoff::Backoff;
use crate::error::{ClientError, SendError};
use model::{ErrorCode, LeaderEpoch, ProducerId, Sequence, Timestamp, TopicPartition};
use runtime::sync::OwnedSemaphorePermit;
use runtime::time::Instant;
use std::collections::VecDeque;
use std::sync::Arc;

/// The batches of one partition.
#[derive(Debug)]
pub(super) struct Lane {
    of: TopicPartition,
    /// Not under way, the oldest first; only the last one may still take records.
    queue: VecDeque<Batch>,
    in_flight: Vec<InFlight>,
    identity: Option<Identity>,
    next_sequence: Sequence,
    /// Whether something was acknowledged to this identity.
    is_known: bool,
    /// The last batch, in the order of the lane, that was acknowledged.
    acknowledged: Option<Number>,
    /// The sequence has a gap: the next new batch needs a new identity.
    renew: bool,
    /// An id whose epochs are used up.
    spent: Option<ProducerId>,
    next_number: u64,
    backoff: Backoff,
    not_before: Option<Instant>,
    /// In which epoch of the leader a batch was last sent; -1 before any was, or where brokers do not tell.
    sent_in: LeaderEpoch,
    last_error: Option<ClientError>,
}

/// What the lane keeps of a batch that travels.
#[derive(Debug)]
struct InFlight {
    number: Number,
    outcome: Arc<Outcome>,
    deadline: Instant,
}

/// Whether a lane has something to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// A batch may go now.
    Ready,
    /// A batch may go, but a producer id other than this must be got first.
    NeedsIdentity(Option<ProducerId>),
    /// Nothing before the lane changes or time passes.
    Waits,
}

impl Lane {
    pub fn new(of: TopicPartition, config: &ProducerConfig) -> Lane {
        Lane {
            of,
            queue: VecDeque::new(),
            in_flight: Vec::new(),
            identity: None,
            next_sequence: 0,
            is_known: false,
            acknowledged: None,
            renew: false,
            spent: None,
            next_number: 0,
            backoff: Backoff::new(config.retry_backoff),
            not_before: None,
            sent_in: -1,
            last_error: None,
        }
    }

    /// Puts a record into the last batch, or into a new one that takes `memory`; none when memory is needed and not
    /// given. Also tells whether the sender should look: a batch was begun or got full.
    pub fn append(
        &mut self,
        record: &ProducerRecord,
        (size, timestamp): (usize, Timestamp),
        memory: &mut Option<OwnedSemaphorePermit>,
        now: Instant,
        config: &ProducerConfig,
    ) -> Option<(Delivery, bool)> {
        let mut look = false;
        if !self.queue.back().is_some_and(|batch| batch.has_room(size, config.batch_size)) {
            let memory = memory.take()?;
            if let Some(full) = self.queue.back_mut() {
                full.closed = true;
            }
            self.queue.push_back(Batch::new(self.next_number, now, config, memory));
            self.next_number += 1;
            look = true;
        }
        let batch = self.queue.back_mut().expect("just looked at");
        let delivery = batch.append(&self.of, record, timestamp);
        if batch.size() >= config.batch_size {
            batch.closed = true;
            look = true;
        }
        Some((delivery, look))
    }

    /// Bytes of the batch that would be taken next, before compression.
    pub fn next_size(&self) -> usize {
        self.queue.front().map_or(0, Batch::size)
    }

    /// Sends what it has without waiting for more. Returns all that is not resolved yet.
    pub fn flush(&mut self) -> Vec<Arc<Outcome>> {
        self.queue.iter_mut().for_each(|batch| batch.closed = true);
        let waiting = self.queue.iter().map(|batch| batch.outcome.clone());
        self.in_flight.iter().map(|batch| batch.outcome.clone()).chain(waiting).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.in_flight.is_empty()
    }

    /// Whether the oldest waiting batch may go. `given` is the identity of the producer, if it has one.
    pub fn readiness(&self, now: Instant, given: Option<Identity>, config: &ProducerConfig) -> Readiness {
        let Some(front) = self.queue.front() else { return Readiness::Waits };
        let due = front.closed || front.ready_at <= now;
        let backed_off = self.is_backed_off(now);
        let alone = front.attempts > 0 || config.idempotent && !self.is_known;
        let room = if alone { self.in_flight.is_empty() } else { self.in_flight.len() < config.max_in_flight };
        if !due || backed_off || !room {
            return Readiness::Waits;
        }
        if !config.idempotent || front.written_as.is_some() && (!self.renew || front.ambiguous) {
            return Readiness::Ready;
        }
        if self.renew && !self.in_flight.is_empty() {
            return Readiness::Waits;
        }
        let (known, spent) = match self.identity {
            Some(identity) if self.renew => (identity.next(), Some(identity.id)),
            Some(identity) => (Some(identity), None),
            None => (None, self.spent),
        };
        let fresh = given.filter(|given| Some(given.id) != spent);
        if known.or(fresh).is_some() { Readiness::Ready } else { Readiness::NeedsIdentity(spent) }
    }

    /// Takes the oldest waiting batch out, to be sent. Only when [`readiness`](Self::readiness) is `Ready`.
    pub fn take(&mut self, given: Option<Identity>, config: &ProducerConfig) -> Option<Batch> {
        if config.idempotent {
            self.prepare_identity(given)?;
        }
        let mut batch = self.queue.pop_front()?;
        batch.closed = true;
        if config.idempotent && batch.written_as.is_none() {
            batch.set_writer(Some((self.identity?, self.next_sequence)));
            self.next_sequence = advance(self.next_sequence, batch.record_count());
        }
        batch.attempts += 1;
        let (number, outcome, deadline) = (batch.number, batch.outcome.clone(), batch.deadline);
        self.in_flight.push(InFlight { number, outcome, deadline });
        Some(batch)
    }

    fn prepare_identity(&mut self, given: Option<Identity>) -> Option<()> {
        let front = self.queue.front()?;
        let settled = front.written_as.is_some() && (!self.renew || front.ambiguous);
        if settled || (self.identity.is_some() && !self.renew) {
            return Some(());
        }
        if self.renew {
            model::mark!("a producer goes on under a new epoch after a gap");
            self.renew = false;
            self.start_over();
        }
        self.identity = self.identity.or(given.filter(|given| Some(given.id) != self.spent));
        self.identity.map(drop)
    }

    /// The next epoch, from sequence 0 on. Of what waits with an old sequence, only what surely was not written goes on,
    /// and only if nothing that came after it was: a broker that forgot its producer lets it be overtaken.
    fn start_over(&mut self) {
        let before = self.identity.take();
        self.identity = before.and_then(Identity::next);
        if self.identity.is_none() {
            self.spent = before.map(|identity| identity.id);
        }
        self.next_sequence = 0;
        self.is_known = false;
        let cause = self.last_error.clone().unwrap_or(ClientError::Closed);
        self.queue.retain_mut(|batch| {
            if batch.ambiguous && batch.written_as.is_some() {
                batch.outcome.resolve(Err(SendError::Unknown(cause.clone())));
            } else if Some(batch.number) < self.acknowledged {
                batch.outcome.resolve(Err(SendError::NotWritten(cause.clone())));
            }
            batch.set_writer(None);
            !batch.outcome.is_resolved()
        });
    }

    /// The batch that was taken goes to the leader of this epoch.
    pub fn sent_in(&mut self, epoch: LeaderEpoch) {
        self.sent_in = epoch;
    }

    pub fn is_backed_off(&self, now: Instant) -> bool {
        self.not_before.is_some_and(|not_before| not_before > now)
    }

    /// What failed at one leader need not wait before it is tried at the next (KIP-951), and does not wait longer there:
    /// the next one may not have heard yet that it leads, which is a first failure.
    pub fn led_in(&mut self, epoch: LeaderEpoch) {
        if epoch > self.sent_in {
            self.not_before = None;
            self.backoff.reset();
        }
    }

    /// A batch that was sent is answered, or will not be.
    pub fn answered(
        &mut self,
        mut batch: Batch,
        result: Result<Place, ClientError>,
        now: Instant,
        config: &ProducerConfig,
    ) {
        self.in_flight.retain(|under_way| under_way.number != batch.number);
        let error = match result {
            Ok(place) => return self.written(&batch, place),
            // Of one that surely was not written, something else has the sequence.
            Err(error) if error.error_code() == Some(ErrorCode::DuplicateSequenceNumber) && batch.ambiguous => {
                return self.written(&batch, Place { base_offset: -1, log_append_time: -1 });
            }
            Err(error) => error,
        };
        batch.ambiguous |= error.may_have_happened();
        self.last_error = Some(error.clone());
        if batch.outcome.is_resolved() {
            self.renew |= batch.written_as.is_some(); // given up while it was under way
            return;
        }
        if self.may_go_again(&batch, &error, now, config) {
            self.renew |= is_forgotten(&error);
            // At first a gap closes by itself, or by a new epoch.
            if !is_gap(&error) || batch.attempts > 1 {
                self.not_before = Some(now + self.backoff.next_wait());
            }
            self.put_back(batch);
        } else if may_be_cut(&batch, &error, now) {
            model::mark!("a batch too large for the broker was cut in two");
            batch.cut(config).into_iter().for_each(|half| self.put_back(half));
        } else {
            self.give_up(&batch, error);
        }
    }

    fn written(&mut self, batch: &Batch, place: Place) {
        self.acknowledged = self.acknowledged.max(Some(batch.number));
        self.is_known |= batch.written_as.map(|(identity, _)| identity) == self.identity;
        batch.outcome.resolve(Ok(place));
        self.backoff.reset();
        self.not_before = None;
        self.last_error = None;
    }

    fn may_go_again(&self, batch: &Batch, error: &ClientError, now: Instant, config: &ProducerConfig) -> bool {
        if batch.deadline <= now || batch.attempts > config.retries {
            return false;
        }
        if !is_gap(error) {
            return error.is_retriable();
        }
        // The broker does not know what came before. If an older batch of ours is missing, this one follows it, under
        // the next epoch if that one was given up; if none is, the broker has lost what it acknowledged, and the caller
        // must hear of it.
        let older_is_missing = self.renew
            || self.in_flight.iter().any(|other| other.number < batch.number)
            || self.queue.iter().any(|other| other.number < batch.number);
        !batch.ambiguous && (older_is_missing || is_forgotten(error))
    }

    fn put_back(&mut self, batch: Batch) {
        let place = self.queue.iter().position(|other| other.number > batch.number).unwrap_or(self.queue.len());
        self.queue.insert(place, batch);
    }

    fn give_up(&mut self, batch: &Batch, error: ClientError) {
        self.renew |= batch.written_as.is_some();
        let error = if batch.ambiguous { SendError::Unknown(error) } else { SendError::NotWritten(error) };
        batch.outcome.resolve(Err(error));
    }

    /// Gives up what is overdue. What is under way stays so, but its end is told now.
    pub fn expire(&mut self, now: Instant, config: &ProducerConfig, why: Option<&ClientError>) {
        let late = || ClientError::TimedOut { what: "the delivery".to_owned(), within: config.delivery_timeout };
        let cause = self.last_error.clone().or_else(|| why.cloned()).unwrap_or_else(late);
        for under_way in self.in_flight.iter().filter(|batch| batch.deadline <= now) {
            under_way.outcome.resolve(Err(SendError::Unknown(late())));
        }
        while self.queue.front().is_some_and(|batch| batch.deadline <= now) {
            let batch = self.queue.pop_front().expect("just looked at");
            self.give_up(&batch, cause.clone());
        }
    }

    /// Gives up all that waits: nothing more can be sent.
    pub fn fail(&mut self, error: &ClientError) {
        for batch in std::mem::take(&mut self.queue) {
            self.give_up(&batch, error.clone());
        }
    }

    /// When time alone changes something, after `now`.
    pub fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let overdue = self.in_flight.iter().filter(|b| !b.outcome.is_resolved()).map(|b| b.deadline);
        let front = self.queue.front();
        let due = front.filter(|batch| !batch.closed).map(|batch| batch.ready_at);
        let times = [front.map(|batch| batch.deadline), due, self.not_before.filter(|_| front.is_some())];
        times.into_iter().flatten().chain(overdue).filter(|time| *time > now).min()
    }
}

/// Whether its halves may be written where it could not. One that may have been written whole must stay whole.
fn may_be_cut(batch: &Batch, error: &ClientError, now: Instant) -> bool {
    let too_large = error.error_code() == Some(ErrorCode::MessageTooLarge);
    too_large && batch.record_count() > 1 && !batch.ambiguous && batch.deadline > now
}

/// Whether the broker misses something before this batch, or does not know its producer any more.
fn is_gap(error: &ClientError) -> bool {
    error.error_code() == Some(ErrorCode::OutOfOrderSequenceNumber) || is_forgotten(error)
}

/// Whether the broker does not know the producer, or knows a later epoch of it.
fn is_forgotten(error: &ClientError) -> bool {
    use ErrorCode as E;
    matches!(error.error_code(), Some(E::UnknownProducerId | E::InvalidProducerEpoch | E::InvalidProducerIdMapping))
}

#[cfg(test)]
#[path = "lane_stories.rs"]
mod stories;
