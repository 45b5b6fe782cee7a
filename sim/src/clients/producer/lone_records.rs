//! Single records to acks=all, for any partition: sent again until one is acknowledged or its time is over.

use super::identity::Identity;
use super::requests::{answer, batch, produce};
use crate::clients::routes::Routes;
use crate::clients::surroundings::Client;
use crate::plan::{self, Place, ProducerHabit, WriteStep};
use jepsen_lite::history::{Acks, Action, Answer, OperationId, Outcome, Produce, RecordId, Session};
use jepsen_lite::workload::{Shape, may_have_happened, write_outcome};
use model::{ErrorCode, ProducerId};
use protocol::messages::ProduceRequest;
use runtime::time::{Duration, Instant};

/// The last version of Produce that names topics by name: of some topics the id was never told.
const VERSION: i16 = 12;
/// Above all that the producers of a plan bring.
const FIRST_PRODUCER_ID: ProducerId = 2_000_000;
/// Compacted topics take no record without a key, and some topics none that is large.
const RECORD: WriteStep =
    WriteStep { pause: 0, records: 1, shape: Shape { keys: 1000, value_bytes: Some(20), headers: 0 }, ahead_ms: 0 };
/// A topic that is not there need not be waited for as long as one that is.
const PATIENCE_FOR_THE_ABSENT: Duration = Duration::from_secs(3);

/// See the module's text. Each record is the only one of its producer: whatever became of those before it, its sequence is
/// the first.
pub struct LoneRecords {
    client: Client,
    routes: Routes,
    next_producer_id: ProducerId,
}

/// Why a record was not acknowledged.
pub struct NotWritten {
    /// In words.
    pub why: String,
    /// Its time is too far from the broker's: clocks that jumped are not set right when all else is healed.
    pub is_clock_wrong: bool,
}

/// What became of the attempts so far.
#[derive(Default)]
struct Attempts {
    /// One of them may have been done without its answer coming back.
    answer_lost: bool,
    sent: bool,
    why: String,
}

impl LoneRecords {
    /// Nothing is written yet; `series` tells those apart that write in one run.
    pub fn new(client: Client, series: ProducerId) -> LoneRecords {
        let next_producer_id = FIRST_PRODUCER_ID + series * 1000;
        LoneRecords { routes: Routes::new(client.clone()), client, next_producer_id }
    }

    /// Writes one record.
    ///
    /// # Errors
    /// Why it was not acknowledged within the time.
    pub async fn write(&mut self, place: Place, within: Duration) -> Result<(), NotWritten> {
        let chronicle = self.client.around.chronicle.clone();
        let process = self.client.process;
        self.next_producer_id += 1;
        let identity = Identity { id: self.next_producer_id, epoch: 0, sequence: 0 };
        let producer = Some((identity.id, identity.epoch));
        let session = chronicle.session(Session { process, idempotent: true, may_resend: true, producer });
        let habit = habit(place, identity, within);
        let is_compacted = self.client.around.topics[usize::from(place.topic)].is_compacted();
        let (batch, records) = batch(&habit, RECORD, identity, 0, RecordId::new(session, 0), is_compacted);
        let request = produce(&self.client, &habit, None, &batch);
        let partition = self.client.partition(place);
        let action = Produce { partition, topic_id: None, acks: Acks::All, one_batch: true, records };
        let operation = chronicle.invoke(process, Action::Produce(action));
        let began = Instant::now();
        let mut attempts = Attempts::default();
        loop {
            let left = within.saturating_sub(began.elapsed());
            let refused = match self.attempt((place, operation), &request, left, &mut attempts).await {
                Ok(outcome) => {
                    chronicle.complete(operation, outcome);
                    return Ok(());
                }
                Err(refused) => refused,
            };
            let absent = refused == Some(ErrorCode::UnknownTopicOrPartition);
            let patience = if absent { within.min(PATIENCE_FOR_THE_ABSENT) } else { within };
            let is_clock_wrong = refused == Some(ErrorCode::InvalidTimestamp);
            if is_clock_wrong || began.elapsed() >= patience {
                chronicle.complete(operation, given_up(refused, &attempts));
                return Err(NotWritten { why: attempts.why, is_clock_wrong });
            }
            self.client.back_off().await;
        }
    }

    /// One attempt; the error when a broker refused it.
    async fn attempt(
        &mut self,
        (place, operation): (Place, OperationId),
        request: &ProduceRequest,
        within: Duration,
        attempts: &mut Attempts,
    ) -> Result<Outcome, Option<ErrorCode>> {
        let leader = self.routes.leader(place).await;
        let wire = match leader {
            Some(leader) => self.routes.wire(leader).await,
            None => None,
        };
        let (Some(wire), Some(leader)) = (wire, leader) else {
            "no leader, or no connection to it".clone_into(&mut attempts.why);
            self.routes.forget(place);
            return Err(None);
        };
        if std::mem::replace(&mut attempts.sent, true) {
            self.client.around.chronicle.resent(operation);
        }
        match wire.call(request, VERSION, within).await {
            Ok(response) => match answer(&response) {
                Ok(base_offset) => Ok(Outcome::Ok(Answer::Produced { base_offset: Some(base_offset) })),
                Err(error) => {
                    attempts.answer_lost |= may_have_happened(error);
                    error.name().clone_into(&mut attempts.why);
                    self.routes.forget(place);
                    Err(Some(error))
                }
            },
            Err(failure) => {
                attempts.answer_lost = true;
                attempts.why = failure.to_string();
                self.routes.drop_wire(leader);
                Err(None)
            }
        }
    }
}

fn given_up(refused: Option<ErrorCode>, attempts: &Attempts) -> Outcome {
    match refused {
        Some(error) => write_outcome(error, attempts.answer_lost),
        None if attempts.answer_lost => Outcome::Unknown(attempts.why.clone()),
        None => Outcome::Fail(attempts.why.clone()),
    }
}

fn habit(place: Place, Identity { id, epoch, sequence }: Identity, within: Duration) -> ProducerHabit {
    let timeout_ms = within.as_millis() as u32;
    ProducerHabit {
        place,
        acks: Acks::All,
        identity: plan::Identity::Brought { id, epoch, sequence },
        resends: true,
        in_flight: 1,
        compression: 0,
        version: VERSION,
        request_timeout_ms: timeout_ms,
        delivery_timeout_ms: timeout_ms,
    }
}
