//! Whether a batch is the next of its producer, a repeat, or neither.

use super::state::{BatchFacts, BatchKind, ProducerState};
use model::{ErrorCode, Offset, Timestamp, mark, planted};

/// What to do with a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Append it.
    New,
    /// It is in the log already, there.
    Duplicate { first_offset: Offset, last_offset: Offset, timestamp: Timestamp },
    /// It must not be appended.
    Refused { error: ErrorCode, message: String },
}

/// Judges `batch` by what is known of its producer.
pub(super) fn check(known: Option<&ProducerState>, batch: &BatchFacts, from_client: bool) -> Verdict {
    // Whatever a producer that is not known starts with is taken: its history may have been deleted with the records.
    let Some(known) = known else { return Verdict::New };
    if from_client && let Some(duplicate) = find_duplicate(known, batch) {
        mark!("duplicate batch");
        return duplicate;
    }
    if is_older_epoch(known, batch) {
        let message = format!("producer {} has epoch {}, not {}", batch.producer_id, known.epoch, batch.epoch);
        return Verdict::Refused { error: ErrorCode::InvalidProducerEpoch, message };
    }
    match batch.kind {
        BatchKind::EndTransaction { coordinator_epoch } => check_coordinator(known, coordinator_epoch),
        BatchKind::Data if from_client => check_sequence(known, batch),
        BatchKind::Data => Verdict::New,
    }
}

fn is_older_epoch(known: &ProducerState, batch: &BatchFacts) -> bool {
    if planted!("epoch-plus-one") {
        return i32::from(batch.epoch) + 1 < i32::from(known.epoch);
    }
    batch.epoch < known.epoch
}

fn find_duplicate(known: &ProducerState, batch: &BatchFacts) -> Option<Verdict> {
    if batch.epoch != known.epoch || batch.first_sequence < 0 {
        return None;
    }
    let same = |written: &&super::state::WrittenBatch| {
        written.last_sequence == batch.last_sequence && written.first_sequence() == batch.first_sequence
    };
    known.batches.iter().find(same).map(|written| Verdict::Duplicate {
        first_offset: written.first_offset(),
        last_offset: written.last_offset,
        timestamp: written.timestamp,
    })
}

fn check_sequence(known: &ProducerState, batch: &BatchFacts) -> Verdict {
    let (last, first) = (known.last_sequence(), batch.first_sequence);
    let in_order = if known.epoch < 0 {
        true
    } else if batch.epoch != known.epoch {
        first == 0
    } else {
        first == next_after(last)
    };
    if in_order {
        return Verdict::New;
    }
    mark!("sequence out of order");
    let old = batch.epoch == known.epoch && first <= last;
    let error = if old && planted!("unknown-error-for-old-duplicate") {
        ErrorCode::UnknownServerError
    } else {
        ErrorCode::OutOfOrderSequenceNumber
    };
    let message = format!(
        "producer {} epoch {}: sequence {first} does not follow {last} of epoch {}",
        batch.producer_id, batch.epoch, known.epoch
    );
    Verdict::Refused { error, message }
}

fn next_after(sequence: i32) -> i32 {
    if sequence == i32::MAX {
        mark!("sequence wrapped");
        0
    } else {
        sequence + 1
    }
}

fn check_coordinator(known: &ProducerState, coordinator_epoch: i32) -> Verdict {
    if coordinator_epoch >= known.coordinator_epoch {
        return Verdict::New;
    }
    let message = format!("coordinator epoch {coordinator_epoch} is below {}", known.coordinator_epoch);
    Verdict::Refused { error: ErrorCode::TransactionCoordinatorFenced, message }
}
