//! Appends of a leader.

use super::run::{Run, producer_facts};
use super::{Appended, LeaderAppend, Log, Origin};
use crate::fault::{AppendError, StorageFault};
use crate::producers::Verdict;
use crate::scan::check_offsets;
use bytes::{Bytes, BytesMut};
use model::{ErrorCode, mark};
use protocol::records::{BatchHeader, BatchView, Batches, HEADER_BYTES, set_base_offset, set_leader_epoch};
use runtime::time::Duration;

/// How long a full journal may take to make room before the reason is looked at.
const ROOM_CHECK: Duration = Duration::from_millis(50);

/// What becomes of one append.
type Outcome = Result<Appended, AppendError>;

/// An append whose batches are known to be whole.
struct Checked {
    headers: Vec<BatchHeader>,
    size: usize,
    offsets: i64,
}

impl Log {
    /// Appends `requests` in order, as one group: one write for all that go into the same segment. No record
    /// is copied. One outcome for each, in order. What was appended is
    /// durable when [`Log::durable`] says so.
    ///
    /// An append to a full disk is refused with `KAFKA_STORAGE_ERROR` and may be tried again; while the journal is
    /// full this waits.
    pub async fn append(&mut self, requests: &mut [LeaderAppend]) -> Vec<Outcome> {
        if let Err(error) = self.get_ready().await {
            return requests.iter().map(|_| Err(error.clone())).collect();
        }
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(requests.len());
        // Where in `outcomes` those begin that depend on the run.
        let mut run_from = 0;
        let mut run = Run::new(self.place());
        for request in requests {
            let checked = match self.check(&run, request) {
                Ok(checked) => checked,
                Err(outcome) => {
                    outcomes.push(outcome);
                    continue;
                }
            };
            if self.must_roll(&run, &checked, request.now) {
                let written = std::mem::replace(&mut run, Run::new(self.place()));
                let result = self.write(written).await;
                self.settle(&mut outcomes[run_from..], &result);
                run_from = outcomes.len();
                let result = match result {
                    Ok(()) => self.roll(request.now).await,
                    Err(fault) => Err(fault),
                };
                run = Run::new(self.place());
                if let Err(fault) = result {
                    outcomes.push(Err(self.append_error(&fault)));
                    continue;
                }
            }
            outcomes.push(Ok(self.admit(&mut run, request, checked)));
        }
        let result = self.write(run).await;
        self.settle(&mut outcomes[run_from..], &result);
        outcomes
    }

    /// Waits for room in the journal, and loads what an append needs.
    pub(super) async fn get_ready(&mut self) -> Result<(), AppendError> {
        self.core.reading.volume.check().map_err(|fault| self.append_error(&fault))?;
        if self.shared.progress().journaled {
            self.wait_for_room().await?;
        }
        self.make_live().await.map_err(|fault| self.append_error(&fault))
    }

    async fn wait_for_room(&self) -> Result<(), AppendError> {
        loop {
            runtime::sync::select! {
                biased;
                () = self.core.journal.ready() => return Ok(()),
                () = runtime::time::sleep(ROOM_CHECK) => {}
            }
            mark!("journal full");
            self.core.reading.volume.check().map_err(|fault| self.append_error(&fault))?;
            if self.core.is_out_of_space() {
                let message = "the journal is full, and the disk has no space to empty it";
                return Err(AppendError::outcome(ErrorCode::KafkaStorageError, message));
            }
        }
    }

    /// Whether `request` may be appended after `run`; if not, its outcome.
    fn check(&self, run: &Run, request: &LeaderAppend) -> Result<Checked, Outcome> {
        let refuse = |error, message: String| Err(AppendError::outcome(error, message));
        if request.leader_epoch < self.shared.latest_epoch() {
            let message =
                format!("epoch {} of the leader is below {}", request.leader_epoch, self.shared.latest_epoch());
            return Err(refuse(ErrorCode::FencedLeaderEpoch, message));
        }
        let mut checked = Checked { headers: Vec::with_capacity(1), size: request.records.len(), offsets: 0 };
        for batch in Batches::new(&request.records) {
            let batch = batch.map_err(|error| refuse(ErrorCode::CorruptMessage, error.to_string()))?;
            check_offsets(&batch.header).map_err(|message| refuse(ErrorCode::InvalidRecord, message))?;
            if let Some(outcome) = self.judge(run, request, &batch) {
                return Err(outcome);
            }
            checked.offsets += i64::from(batch.header.last_offset_delta) + 1;
            checked.headers.push(batch.header);
        }
        if checked.headers.is_empty() {
            return Err(refuse(ErrorCode::InvalidRecord, "no records".to_owned()));
        }
        if checked.size as u64 > self.config.segment_bytes {
            let message = format!("{} bytes are more than segment.bytes, {}", checked.size, self.config.segment_bytes);
            return Err(refuse(ErrorCode::RecordListTooLarge, message));
        }
        Ok(checked)
    }

    /// What its producer's history says against appending `batch`.
    fn judge(&self, run: &Run, request: &LeaderAppend, batch: &BatchView<'_>) -> Option<Outcome> {
        let facts = producer_facts(&batch.header, batch.bytes)?;
        match self.producers.check(&run.tentative, &facts, request.origin == Origin::Client) {
            Verdict::New => None,
            Verdict::Duplicate { first_offset, last_offset, timestamp } => {
                Some(Ok(Appended { base_offset: first_offset, last_offset, max_timestamp: timestamp, duplicate: true }))
            }
            Verdict::Refused { error, message } => Some(Err(AppendError::outcome(error, message))),
        }
    }

    /// What a fault means to who appends: if the directory lives, it may be tried again.
    pub(super) fn append_error(&self, fault: &StorageFault) -> AppendError {
        match self.core.reading.volume.check() {
            Ok(()) => AppendError::outcome(ErrorCode::KafkaStorageError, fault.to_string()),
            Err(_) => AppendError::Fault(fault.to_string()),
        }
    }

    /// The write that these outcomes hoped for: where it failed, nothing of the run is in the log. An answer
    /// "duplicate" may mean an original in the same run.
    fn settle(&self, outcomes: &mut [Outcome], written: &Result<(), StorageFault>) {
        let Err(fault) = written else { return };
        for outcome in outcomes.iter_mut().filter(|outcome| outcome.is_ok()) {
            *outcome = Err(self.append_error(fault));
        }
    }

    fn must_roll(&self, run: &Run, checked: &Checked, now: i64) -> bool {
        let largest = checked.headers.iter().map(|header| header.max_timestamp).max().unwrap_or(-1);
        self.is_roll_due(run, checked.size, run.end.end_offset + checked.offsets - 1, largest, now)
    }

    /// Gives the batches their place in the log, at the end of `run`.
    fn admit(&self, run: &mut Run, request: &mut LeaderAppend, checked: Checked) -> Appended {
        let before = run.end.end_offset;
        let mut records = std::mem::take(&mut request.records);
        let max_timestamp = checked.headers.iter().map(|header| header.max_timestamp).max().unwrap_or(-1);
        let mut pieces = Vec::with_capacity(2 * checked.headers.len());
        for mut header in checked.headers {
            header.base_offset = run.end.end_offset;
            header.leader_epoch = request.leader_epoch;
            let batch = records.split_to(header.size_in_bytes());
            if let Some(facts) = producer_facts(&header, &batch) {
                self.producers.prepare(&mut run.tentative, &facts, request.now);
            }
            place_batch(batch, &header, &mut pieces);
            run.push_batch(header);
        }
        run.now = run.now.max(request.now);
        run.push_part(before, pieces);
        Appended { base_offset: before, last_offset: run.end.end_offset - 1, max_timestamp, duplicate: false }
    }
}

/// Adds `batch` to `pieces` with the base offset and leader epoch of `header`. The bytes may be shared with the request
/// and its other partitions: only what changes is copied, or a batch that is short.
fn place_batch(batch: Bytes, header: &BatchHeader, pieces: &mut Vec<Bytes>) {
    const SHORT: usize = 1024;
    let changed = if batch.len() <= SHORT { batch.len() } else { HEADER_BYTES };
    let mut first = BytesMut::from(&batch[..changed]);
    set_base_offset(&mut first, header.base_offset);
    set_leader_epoch(&mut first, header.leader_epoch);
    pieces.extend([first.freeze(), batch.slice(changed..)]);
}
