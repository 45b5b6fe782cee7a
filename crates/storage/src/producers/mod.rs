//! What a log knows about its idempotent producers (KIP-98), so that a retry is recognised and a gap refused.
//! Pure: whoever calls says what time it is.
//!
//! Appends are checked against this state and learned only once they are written ([`Tentative`] holds what a group of
//! appends would change). A follower's appends are learned without a check: the leader did that.

mod snapshot;
mod state;
mod verdict;

pub(crate) use state::{BatchFacts, BatchKind};
pub(crate) use verdict::Verdict;

use crate::cleaner::LastOfProducer;
use model::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp, mark, planted};
use state::ProducerState;
use std::collections::BTreeMap;

/// The producers of one log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProducerStates {
    producers: BTreeMap<ProducerId, ProducerState>,
}

/// What a group of appends will have changed when it is written.
#[derive(Debug, Default)]
pub(crate) struct Tentative {
    producers: BTreeMap<ProducerId, ProducerState>,
}

/// One producer, as `DescribeProducers` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveProducer {
    /// Its id.
    pub producer_id: ProducerId,
    /// Its last epoch.
    pub producer_epoch: ProducerEpoch,
    /// The sequence of its last record, or -1.
    pub last_sequence: Sequence,
    /// The largest timestamp of its last batch.
    pub last_timestamp: Timestamp,
    /// The epoch of the coordinator that wrote its last marker, or -1.
    pub coordinator_epoch: i32,
    /// Where its open transaction starts, or -1.
    pub current_transaction_start_offset: Offset,
}

impl ProducerStates {
    /// Judges a batch of a client, or of a coordinator, that would be appended after those in `tentative`.
    pub fn check(&self, tentative: &Tentative, batch: &BatchFacts, from_client: bool) -> Verdict {
        let known = tentative.producers.get(&batch.producer_id).or_else(|| self.producers.get(&batch.producer_id));
        verdict::check(known, batch, from_client)
    }

    /// Notes in `tentative` what `batch` will change.
    pub fn prepare(&self, tentative: &mut Tentative, batch: &BatchFacts, seen: Timestamp) {
        let known = || self.producers.get(&batch.producer_id).cloned().unwrap_or_default();
        tentative.producers.entry(batch.producer_id).or_insert_with(known).learn(batch, seen);
    }

    /// The group was written.
    pub fn commit(&mut self, tentative: Tentative) {
        self.producers.extend(tentative.producers);
    }

    /// Learns a batch that is in the log. `seen` is now, by the wall clock.
    pub fn learn(&mut self, batch: &BatchFacts, seen: Timestamp) {
        self.producers.entry(batch.producer_id).or_default().learn(batch, seen);
    }

    /// Forgets producers that wrote nothing for `expiration_ms`, unless a transaction of theirs is open.
    pub fn expire(&mut self, now: Timestamp, expiration_ms: i64) {
        let before = self.producers.len();
        self.producers.retain(|_, producer| !producer.is_expired(now, expiration_ms));
        if self.producers.len() != before {
            mark!("producer expired");
        }
    }

    /// Whether anything here came from an offset at or above `end`: after a cut there it must be learned anew.
    pub fn reaches(&self, end: Offset) -> bool {
        self.producers.values().any(|producer| producer.last_change() >= end)
    }

    /// Where the earliest open transaction starts.
    pub fn first_open_transaction(&self) -> Option<Offset> {
        self.producers.values().filter_map(ProducerState::transaction_start).min()
    }

    /// Where the last batches are that their states are made of.
    pub fn last_batches(&self) -> BTreeMap<ProducerId, LastOfProducer> {
        self.producers.iter().map(|(id, producer)| (*id, producer.last_batches())).collect()
    }

    /// All of them, by id.
    pub fn active(&self) -> Vec<ActiveProducer> {
        self.producers.iter().map(|(id, producer)| producer.describe(*id)).collect()
    }
}

/// How many batches of a producer are remembered: as many as it may have in flight.
fn remembered_batches() -> usize {
    if planted!("remember-one-batch") { 1 } else { 5 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ErrorCode;
    use proptest::prelude::*;

    const PRODUCER: ProducerId = 7;

    fn batch(epoch: ProducerEpoch, first_sequence: Sequence, records: i32, first_offset: Offset) -> BatchFacts {
        let last = (i64::from(first_sequence) + i64::from(records) - 1) % (1 << 31);
        BatchFacts {
            producer_id: PRODUCER,
            epoch,
            first_sequence,
            last_sequence: last as Sequence,
            first_offset,
            last_offset: first_offset + i64::from(records) - 1,
            timestamp: 1000 + first_offset,
            is_transactional: false,
            kind: BatchKind::Data,
        }
    }

    fn judge(states: &ProducerStates, batch: &BatchFacts) -> Verdict {
        states.check(&Tentative::default(), batch, true)
    }

    fn is_new(states: &ProducerStates, batch: &BatchFacts) -> bool {
        judge(states, batch) == Verdict::New
    }

    fn refusal(states: &ProducerStates, batch: &BatchFacts) -> ErrorCode {
        match judge(states, batch) {
            Verdict::Refused { error, .. } => error,
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Five batches of ten records, sequences 0 to 49, offsets 100 to 149.
    fn five_batches() -> ProducerStates {
        let mut states = ProducerStates::default();
        for n in 0..5 {
            states.learn(&batch(3, 10 * n, 10, 100 + 10 * i64::from(n)), 0);
        }
        states
    }

    #[test]
    fn a_producer_that_is_not_known_may_start_anywhere() {
        let states = ProducerStates::default();
        assert!(is_new(&states, &batch(9, 12345, 1, 0)));
    }

    #[test]
    fn the_next_sequence_is_new_and_a_gap_is_refused() {
        let states = five_batches();
        assert!(is_new(&states, &batch(3, 50, 5, 150)));
        assert_eq!(refusal(&states, &batch(3, 51, 5, 150)), ErrorCode::OutOfOrderSequenceNumber);
    }

    #[test]
    fn each_of_the_last_five_batches_is_known_with_its_offsets() {
        let states = five_batches();
        for n in 0..5 {
            let offset = 100 + 10 * i64::from(n);
            let expected =
                Verdict::Duplicate { first_offset: offset, last_offset: offset + 9, timestamp: 1000 + offset };
            assert_eq!(judge(&states, &batch(3, 10 * n, 10, 999)), expected);
        }
    }

    #[test]
    fn older_repeats_overlaps_and_other_lengths_are_out_of_order() {
        let mut states = five_batches();
        states.learn(&batch(3, 50, 10, 150), 0);
        for repeat in [batch(3, 0, 10, 999), batch(3, 45, 10, 999), batch(3, 50, 9, 999), batch(3, 50, 11, 999)] {
            assert_eq!(refusal(&states, &repeat), ErrorCode::OutOfOrderSequenceNumber, "{repeat:?}");
        }
    }

    #[test]
    fn a_newer_epoch_starts_at_zero_and_the_old_one_stays_otherwise() {
        let mut states = five_batches();
        assert_eq!(refusal(&states, &batch(4, 50, 1, 150)), ErrorCode::OutOfOrderSequenceNumber);
        assert!(is_new(&states, &batch(3, 50, 1, 150)), "the refused batch changed nothing");
        assert!(is_new(&states, &batch(4, 0, 1, 150)));
        states.learn(&batch(4, 0, 10, 150), 0);
        assert_eq!(
            refusal(&states, &batch(3, 40, 10, 999)),
            ErrorCode::InvalidProducerEpoch,
            "known, but of an old epoch"
        );
    }

    #[test]
    fn an_epoch_below_the_last_by_one_is_refused_too() {
        let states = five_batches();
        assert_eq!(refusal(&states, &batch(2, 50, 1, 150)), ErrorCode::InvalidProducerEpoch);
        assert_eq!(refusal(&states, &batch(0, 0, 1, 150)), ErrorCode::InvalidProducerEpoch);
    }

    #[test]
    fn a_producer_without_an_epoch_has_no_sequence_to_keep() {
        let mut states = ProducerStates::default();
        states.learn(&batch(-1, 5, 1, 0), 0);
        assert!(is_new(&states, &batch(-1, 77, 1, 1)));
    }

    #[test]
    fn sequences_wrap_after_the_largest() {
        let mut states = ProducerStates::default();
        states.learn(&batch(0, i32::MAX - 4, 10, 0), 0);
        assert!(is_new(&states, &batch(0, 5, 1, 10)));
        assert_eq!(refusal(&states, &batch(0, 4, 1, 10)), ErrorCode::OutOfOrderSequenceNumber);
        assert!(matches!(judge(&states, &batch(0, i32::MAX - 4, 10, 99)), Verdict::Duplicate { first_offset: 0, .. }));
        let mut states = ProducerStates::default();
        states.learn(&batch(0, i32::MAX - 9, 10, 0), 0);
        assert!(is_new(&states, &batch(0, 0, 1, 10)), "a batch that ends at the largest is followed by 0");
    }

    #[test]
    fn batches_of_one_group_follow_each_other() {
        let states = five_batches();
        let mut tentative = Tentative::default();
        let next = batch(3, 50, 10, 150);
        assert_eq!(states.check(&tentative, &next, true), Verdict::New);
        states.prepare(&mut tentative, &next, 0);
        assert_eq!(states.check(&tentative, &batch(3, 60, 1, 160), true), Verdict::New);
        assert!(matches!(states.check(&tentative, &next, true), Verdict::Duplicate { first_offset: 150, .. }));
        assert!(is_new(&states, &next), "nothing is learned before the group is written");
        let mut states = states;
        states.commit(tentative);
        assert!(!is_new(&states, &next));
    }

    #[test]
    fn a_producer_that_is_silent_for_long_is_forgotten() {
        let mut states = five_batches();
        states.learn(&BatchFacts { producer_id: 8, ..batch(0, 0, 1, 150) }, 500);
        states.learn(&BatchFacts { producer_id: 9, is_transactional: true, ..batch(0, 0, 1, 151) }, 0);
        states.expire(999, 1000);
        assert_eq!(states.active().len(), 3);
        states.expire(1000, 1000);
        let left: Vec<_> = states.active().iter().map(|producer| producer.producer_id).collect();
        assert_eq!(left, [8, 9], "an open transaction keeps its producer");
    }

    #[test]
    fn a_marker_ends_the_transaction() {
        let mut states = ProducerStates::default();
        let data = BatchFacts { is_transactional: true, ..batch(0, 0, 5, 10) };
        states.learn(&data, 0);
        states.learn(&BatchFacts { is_transactional: true, ..batch(0, 5, 5, 15) }, 0);
        assert_eq!(states.first_open_transaction(), Some(10));
        let marker = BatchFacts {
            first_sequence: -1,
            last_sequence: -1,
            kind: BatchKind::EndTransaction { coordinator_epoch: 6 },
            ..batch(1, 0, 1, 20)
        };
        assert_eq!(states.check(&Tentative::default(), &marker, false), Verdict::New);
        states.learn(&marker, 0);
        assert_eq!(states.first_open_transaction(), None);
        assert_eq!(states.active()[0].coordinator_epoch, 6);
        assert!(is_new(&states, &batch(1, 0, 1, 21)), "the marker's epoch counts, its sequences start at 0");
        let zombie = BatchFacts { kind: BatchKind::EndTransaction { coordinator_epoch: 5 }, ..marker };
        let verdict = states.check(&Tentative::default(), &zombie, false);
        assert!(matches!(verdict, Verdict::Refused { error: ErrorCode::TransactionCoordinatorFenced, .. }));
    }

    #[test]
    fn a_cut_is_felt_by_producers_at_or_above_it() {
        let states = five_batches();
        assert!(states.reaches(149) && !states.reaches(150));
    }

    #[test]
    fn a_snapshot_keeps_all_five_batches() {
        let states = five_batches();
        let bytes = states.encode_snapshot();
        let read = ProducerStates::decode_snapshot(&bytes, 150, 0).expect("a good snapshot");
        assert_eq!(read, states);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_as_a_snapshot_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(ProducerStates::decode_snapshot(&bytes, 0, 0).is_err());
        }

        #[test]
        fn a_producer_that_retries_at_random_writes_each_batch_once(
            start in prop_oneof![Just(0), Just(i32::MAX - 20), 0..i32::MAX],
            retries in proptest::collection::vec(0usize..5, 1..60),
        ) {
            let mut states = ProducerStates::default();
            let mut sent: Vec<BatchFacts> = Vec::new();
            let (mut sequence, mut offset) = (start, 0);
            for back in retries {
                if back > 0 && back <= sent.len() {
                    let repeat = sent[sent.len() - back];
                    let expected = Verdict::Duplicate {
                        first_offset: repeat.first_offset, last_offset: repeat.last_offset, timestamp: repeat.timestamp
                    };
                    prop_assert_eq!(judge(&states, &repeat), expected);
                    continue;
                }
                let next = batch(0, sequence, 3, offset);
                prop_assert_eq!(judge(&states, &next), Verdict::New);
                states.learn(&next, 0);
                sent.push(next);
                sequence = ((i64::from(sequence) + 3) % (1 << 31)) as i32;
                offset += 3;
            }
        }
    }
}
