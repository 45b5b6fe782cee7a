//! The writes of one producer to one partition that are not resolved yet, in order, and the connection they travel on.

use super::identity::{Identity, NOBODY};
use super::requests::{answer, ask_identity, batch, produce, topic_id};
use crate::clients::routes::Routes;
use crate::clients::surroundings::{Client, Phase};
use crate::clients::wire::Wire;
use crate::plan::{ProducerHabit, WriteStep};
use bytes::Bytes;
use jepsen_lite::history::{Acks, Action, Answer, OperationId, Outcome, Produce, RecordId, Session};
use jepsen_lite::workload::{may_have_happened, write_outcome};
use model::{ErrorCode, Uuid};
use protocol::messages::ProduceRequest;
use runtime::time::{Duration, Instant, timeout_at};
use std::collections::VecDeque;

/// How long the answer to a zombie is waited for.
const LATE_WITHIN: Duration = Duration::from_secs(1);

/// See the module's text.
pub struct Lane {
    client: Client,
    habit: ProducerHabit,
    identity: Identity,
    /// Whether a producer id must be asked for before anything is written.
    nameless: bool,
    /// Of the present identity; none before it is known.
    session: Option<u32>,
    next_number: u32,
    steps: VecDeque<WriteStep>,
    unresolved: VecDeque<Write>,
    routes: Routes,
    /// To the leader.
    wire: Option<Wire>,
    /// How many of the first unresolved writes were sent on this connection.
    sent: usize,
    /// The first request of the present life, which a copy may be kept of.
    opening: Option<ProduceRequest>,
    /// That of the life before, until its copy has been delivered.
    late: Option<ProduceRequest>,
}

struct Write {
    operation: OperationId,
    topic_id: Option<Uuid>,
    batch: Bytes,
    given_up_at: Instant,
    sent_at: Instant,
    /// Whether it was ever sent.
    attempted: bool,
    /// Whether an attempt may have arrived without its answer coming back.
    answer_lost: bool,
}

impl Lane {
    /// A producer that has written nothing.
    pub fn new(client: Client, habit: ProducerHabit) -> Lane {
        let first = Identity::first(habit.identity);
        let mut lane = Lane {
            routes: Routes::new(client.clone()),
            client,
            habit,
            identity: first.unwrap_or(NOBODY),
            nameless: first.is_none(),
            session: None,
            next_number: 0,
            steps: VecDeque::new(),
            unresolved: VecDeque::new(),
            wire: None,
            sent: 0,
            opening: None,
            late: None,
        };
        lane.begin_session();
        lane
    }

    fn begin_session(&mut self) {
        self.next_number = 0;
        self.session = None;
        if self.nameless {
            return;
        }
        let Identity { id, epoch, .. } = self.identity;
        let session = Session {
            process: self.client.process,
            idempotent: id >= 0,
            may_resend: self.habit.resends,
            producer: (id >= 0).then_some((id, epoch)),
        };
        self.session = Some(self.client.around.chronicle.session(session));
    }

    /// Takes a step; it is sent as soon as that is possible.
    pub fn write(&mut self, step: WriteStep) {
        self.steps.push_back(step);
        if !self.nameless {
            self.begin_waiting_writes();
        }
    }

    fn begin_waiting_writes(&mut self) {
        while let Some(step) = self.steps.pop_front() {
            let session = self.session.expect("whoever has an identity has a session");
            let first = RecordId::new(session, self.next_number);
            self.next_number += u32::from(step.records);
            let identity = self.identity;
            let sequence = self.identity.take(step.records);
            let is_compacted = self.client.around.topics[usize::from(self.habit.place.topic)].is_compacted();
            let (batch, records) = batch(&self.habit, step, identity, sequence, first, is_compacted);
            let topic_id = topic_id(&self.client, &self.habit);
            let partition = self.client.partition(self.habit.place);
            let action = Produce { partition, topic_id, acks: self.habit.acks, one_batch: true, records };
            let operation = self.client.around.chronicle.invoke(self.client.process, Action::Produce(action));
            let now = Instant::now();
            let given_up_at = now + Duration::from_millis(u64::from(self.habit.delivery_timeout_ms));
            let write =
                Write { operation, topic_id, batch, given_up_at, sent_at: now, attempted: false, answer_lost: false };
            self.unresolved.push_back(write);
        }
    }

    /// Works until no more than the allowed number of writes is unresolved.
    pub async fn make_room(&mut self) {
        while self.unresolved.len() + self.steps.len() >= usize::from(self.habit.in_flight) {
            if self.client.is_past(Phase::Faults) {
                return;
            }
            self.work_until(Instant::now() + Duration::from_millis(20), Phase::Faults).await;
        }
    }

    /// Works until everything is resolved.
    pub async fn finish(&mut self) {
        self.steps.clear();
        while !self.unresolved.is_empty() {
            self.work_until(Instant::now() + Duration::from_millis(100), Phase::Drain).await;
            if self.client.is_past(Phase::Drain) {
                self.give_up_all("the run ended");
            }
        }
    }

    /// Sends and receives until `until`, or the end of a phase.
    pub async fn work_until(&mut self, until: Instant, phase: Phase) {
        while Instant::now() < until && !self.client.is_past(phase) {
            self.give_up_the_overdue();
            if self.unresolved.is_empty() && !self.nameless {
                return self.client.pause_until(until, phase).await;
            }
            if !self.prepare().await {
                continue;
            }
            self.send_waiting(until).await;
            self.receive_one(until).await;
        }
    }

    /// Makes sure of a connection and an identity.
    async fn prepare(&mut self) -> bool {
        if self.wire.is_none() {
            self.wire = self.routes.connect_to_leader(self.habit.place).await;
        }
        let Some(wire) = self.wire.as_mut() else { return false };
        if !self.nameless {
            return true;
        }
        match ask_identity(wire).await {
            Ok(identity) => {
                (self.identity, self.nameless) = (identity, false);
                self.begin_session();
                self.begin_waiting_writes();
                true
            }
            Err(_) => {
                self.disconnect();
                self.client.back_off().await;
                false
            }
        }
    }

    async fn send_waiting(&mut self, until: Instant) {
        let request_timeout = self.request_timeout();
        while let (Some(wire), Some(write)) = (self.wire.as_mut(), self.unresolved.get_mut(self.sent)) {
            let request = produce(&self.client, &self.habit, write.topic_id, &write.batch);
            if self.opening.is_none() {
                self.opening = Some(request.clone());
            }
            if std::mem::replace(&mut write.attempted, true) {
                self.client.around.chronicle.resent(write.operation);
            }
            write.sent_at = Instant::now();
            // A write that would block for long is a broken connection; part of it may have arrived.
            let deadline = until.max(write.sent_at + request_timeout);
            let unanswered = self.habit.acks == Acks::None;
            let sending = async {
                if unanswered {
                    wire.send_unanswered(&request, self.habit.version).await
                } else {
                    wire.send(&request, self.habit.version).await
                }
            };
            match timeout_at(deadline, sending).await {
                Ok(Ok(())) if unanswered => {
                    let outcome = Outcome::Ok(Answer::Produced { base_offset: None });
                    self.resolve_at(self.sent, outcome);
                }
                Ok(Ok(())) => self.sent += 1,
                Ok(Err(_)) | Err(_) => {
                    write.answer_lost = true;
                    self.connection_failed().await;
                }
            }
        }
    }

    async fn receive_one(&mut self, until: Instant) {
        if self.sent == 0 {
            return;
        }
        let overdue = self.unresolved[0].sent_at + self.request_timeout();
        let Some(wire) = self.wire.as_mut() else { return };
        match timeout_at(until.min(overdue), wire.receive::<ProduceRequest>(self.habit.version)).await {
            Ok(Ok(response)) => match answer(&response) {
                Ok(base_offset) => {
                    self.sent -= 1;
                    self.resolve_at(0, Outcome::Ok(Answer::Produced { base_offset: Some(base_offset) }));
                    self.deliver_late().await;
                }
                Err(error) => self.refused(error).await,
            },
            Ok(Err(_)) => self.connection_failed().await,
            Err(_) if Instant::now() >= overdue => self.connection_failed().await,
            Err(_) => {} // only the caller's time is over
        }
    }

    /// A write of this life is acknowledged, and only now comes what the network had kept of the life before: a zombie,
    /// whose records are there already or never will be. What it is answered does not matter, the log tells.
    async fn deliver_late(&mut self) {
        let Some(late) = self.late.take().filter(|_| self.zombies_are_known()) else { return };
        let Some(mut wire) = self.routes.connect_to_leader(self.habit.place).await else { return };
        let _ = wire.call(&late, self.habit.version, LATE_WITHIN).await;
    }

    /// Whether a node that has acknowledged a write of an epoch knows the epoch from then on, whatever happens to it:
    /// not where the write need not be durable, and not by a topic of the same name.
    fn zombies_are_known(&self) -> bool {
        let topic = &self.client.around.topics[usize::from(self.habit.place.topic)];
        let forgets = topic.churns || topic.configs.contains_key("flush.messages");
        !self.client.around.is_cluster() && !forgets
    }

    fn request_timeout(&self) -> Duration {
        Duration::from_millis(u64::from(self.habit.request_timeout_ms))
    }

    /// The broker refused the oldest write on its way.
    async fn refused(&mut self, error: ErrorCode) {
        if self.habit.resends && error.is_retriable() && error != ErrorCode::CorruptMessage {
            self.unresolved[0].answer_lost |= may_have_happened(error);
            self.connection_failed().await; // what follows it must not overtake it
            return;
        }
        self.sent -= 1;
        let outcome = write_outcome(error, self.unresolved[0].answer_lost);
        self.resolve_at(0, outcome);
        if self.client.around.is_cluster() && is_sent_away(error) {
            self.connection_failed().await;
        }
        if self.identity != NOBODY {
            self.give_up_all("a write before it was refused"); // the sequence has a gap now
        }
    }

    /// Drops the connection; what was sent on it has no answer.
    fn disconnect(&mut self) {
        self.wire = None;
        self.routes.forget(self.habit.place); // somebody else may lead by now
        self.unresolved.iter_mut().take(self.sent).for_each(|write| write.answer_lost = true);
        self.sent = 0;
    }

    async fn connection_failed(&mut self) {
        self.disconnect();
        if !self.habit.resends {
            while self.unresolved.front().is_some_and(|write| write.attempted) {
                self.resolve_at(0, Outcome::Unknown("the connection failed".into()));
            }
        }
        self.client.back_off().await;
    }

    fn give_up_the_overdue(&mut self) {
        let now = Instant::now();
        if self.unresolved.front().is_some_and(|write| write.given_up_at <= now) {
            self.give_up_all("not delivered in time");
        }
    }

    /// Gives up all that is not resolved, and begins a new life, in which no sequence is in doubt.
    fn give_up_all(&mut self, why: &str) {
        self.disconnect();
        while let Some(write) = self.unresolved.front() {
            let outcome = if write.attempted {
                Outcome::Unknown(why.to_owned())
            } else {
                Outcome::Fail(format!("never sent: {why}"))
            };
            self.resolve_at(0, outcome);
        }
        let next = self.identity.next(self.habit.identity);
        let same_id = next.is_some_and(|next| next != NOBODY && next.id == self.identity.id);
        self.late = self.opening.take().filter(|_| same_id);
        (self.identity, self.nameless) = (next.unwrap_or(NOBODY), next.is_none());
        self.begin_session();
    }

    fn resolve_at(&mut self, place: usize, outcome: Outcome) {
        if let Some(write) = self.unresolved.remove(place) {
            self.client.around.chronicle.complete(write.operation, outcome);
        }
    }
}

/// Whether an error says that the partition is to be looked for elsewhere.
fn is_sent_away(error: ErrorCode) -> bool {
    use ErrorCode as E;
    matches!(error, E::NotLeaderOrFollower | E::UnknownTopicOrPartition | E::UnknownTopicId | E::KafkaStorageError)
}
