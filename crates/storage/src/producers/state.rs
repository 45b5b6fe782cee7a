//! One producer of one log.

use super::{ActiveProducer, remembered_batches};
use crate::cleaner::LastOfProducer;
use model::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use protocol::records::BatchHeader;
use std::collections::VecDeque;

/// What a batch tells about its producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchFacts {
    pub producer_id: ProducerId,
    pub epoch: ProducerEpoch,
    /// -1 where the batch has no sequence.
    pub first_sequence: Sequence,
    pub last_sequence: Sequence,
    pub first_offset: Offset,
    pub last_offset: Offset,
    /// The largest of the batch.
    pub timestamp: Timestamp,
    pub is_transactional: bool,
    pub kind: BatchKind,
}

/// What a batch is to its producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BatchKind {
    /// Records.
    Data,
    /// The marker that commits or aborts a transaction.
    EndTransaction {
        /// Of the coordinator that wrote it.
        coordinator_epoch: i32,
    },
}

impl BatchFacts {
    /// The facts in a header. `kind` needs the records of a control batch.
    pub fn new(header: &BatchHeader, kind: BatchKind) -> BatchFacts {
        BatchFacts {
            producer_id: header.producer_id,
            epoch: header.producer_epoch,
            first_sequence: header.base_sequence,
            last_sequence: header.last_sequence(),
            first_offset: header.base_offset,
            last_offset: header.last_offset(),
            timestamp: header.max_timestamp,
            is_transactional: header.is_transactional(),
            kind,
        }
    }
}

/// A batch that is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WrittenBatch {
    pub last_sequence: Sequence,
    pub last_offset: Offset,
    /// Last offset less first.
    pub offset_delta: i32,
    pub timestamp: Timestamp,
}

impl WrittenBatch {
    pub fn first_offset(&self) -> Offset {
        self.last_offset - i64::from(self.offset_delta)
    }

    pub fn first_sequence(&self) -> Sequence {
        if self.last_sequence < 0 {
            return -1;
        }
        (i64::from(self.last_sequence) - i64::from(self.offset_delta)).rem_euclid(1 << 31) as Sequence
    }
}

/// What is known of one producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProducerState {
    pub epoch: ProducerEpoch,
    pub coordinator_epoch: i32,
    /// The last ones of this epoch, oldest first.
    pub batches: VecDeque<WrittenBatch>,
    pub last_timestamp: Timestamp,
    /// When its last batch was learned, by the wall clock. Expiry counts from here and not from the timestamps, which
    /// a producer is free to set in the past.
    pub last_seen: Timestamp,
    pub transaction_start: Option<Offset>,
    /// The last offset that changed this state.
    pub last_change: Offset,
}

impl Default for ProducerState {
    fn default() -> Self {
        ProducerState {
            epoch: -1,
            coordinator_epoch: -1,
            batches: VecDeque::new(),
            last_timestamp: -1,
            last_seen: 0,
            transaction_start: None,
            last_change: -1,
        }
    }
}

impl ProducerState {
    /// The sequence of its last record, or -1.
    pub fn last_sequence(&self) -> Sequence {
        self.batches.back().map_or(-1, |batch| batch.last_sequence)
    }

    pub fn last_change(&self) -> Offset {
        self.last_change
    }

    pub fn transaction_start(&self) -> Option<Offset> {
        self.transaction_start
    }

    pub fn is_expired(&self, now: Timestamp, expiration_ms: i64) -> bool {
        self.transaction_start.is_none() && now.saturating_sub(self.last_seen) >= expiration_ms
    }

    /// Takes in a batch that is, or will be, in the log.
    pub fn learn(&mut self, batch: &BatchFacts, seen: Timestamp) {
        if batch.epoch != self.epoch {
            self.batches.clear();
            self.epoch = batch.epoch;
        }
        match batch.kind {
            BatchKind::EndTransaction { coordinator_epoch } => {
                self.coordinator_epoch = coordinator_epoch;
                self.transaction_start = None;
            }
            BatchKind::Data => {
                while self.batches.len() >= remembered_batches() {
                    self.batches.pop_front();
                }
                self.batches.push_back(WrittenBatch {
                    last_sequence: batch.last_sequence,
                    last_offset: batch.last_offset,
                    offset_delta: i32::try_from(batch.last_offset - batch.first_offset).unwrap_or(i32::MAX),
                    timestamp: batch.timestamp,
                });
                if batch.is_transactional && self.transaction_start.is_none() {
                    self.transaction_start = Some(batch.first_offset);
                }
            }
        }
        self.last_timestamp = batch.timestamp;
        self.last_seen = seen;
        self.last_change = batch.last_offset;
    }

    pub fn last_batches(&self) -> LastOfProducer {
        let records = self.batches.iter().map(|batch| batch.last_offset).collect();
        LastOfProducer { records, change: self.last_change }
    }

    pub fn describe(&self, producer_id: ProducerId) -> ActiveProducer {
        ActiveProducer {
            producer_id,
            producer_epoch: self.epoch,
            last_sequence: self.last_sequence(),
            last_timestamp: self.last_timestamp,
            coordinator_epoch: self.coordinator_epoch,
            current_transaction_start_offset: self.transaction_start.unwrap_or(-1),
        }
    }
}
