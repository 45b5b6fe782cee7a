//! Kafka's producer snapshot file, version 1, with a tail of our own.
//!
//! ```text
//! version i16 = 1 | CRC-32C of what follows u32 | count i32
//! each: producer id i64, epoch i16, last sequence i32, last offset i64, offset delta i32, timestamp i64,
//!       coordinator epoch i32, start of the open transaction i64 or -1
//! ours: magic u32 | each producer with more to tell: id i64, last seen i64, last change i64, count u8,
//!       its earlier batches: last sequence i32, last offset i64, offset delta i32, timestamp i64
//! ```
//! Kafka keeps one batch of a producer over a restart; with the tail, which it skips, we keep five.

use super::ProducerStates;
use super::state::{ProducerState, WrittenBatch};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use model::{Offset, Timestamp};

const VERSION: i16 = 1;
const CRC_AT: usize = 2;
const ENTRIES_AT: usize = CRC_AT + 4;
const TAIL_MAGIC: u32 = u32::from_be_bytes(*b"TWP1");

/// Why a snapshot cannot be used. There may be an older one, and there is the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SnapshotError {
    /// It ends too early, or its bytes were changed.
    #[error("the producer snapshot is torn or rotten")]
    Damaged,
    /// Another program wrote it.
    #[error("producer snapshot version {0} is not known")]
    Version(i16),
}

impl ProducerStates {
    /// The snapshot file's bytes.
    pub fn encode_snapshot(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(64 + self.producers.len() * 80);
        bytes.put_i16(VERSION);
        bytes.put_u32(0);
        bytes.put_i32(i32::try_from(self.producers.len()).expect("fewer producers than fit into memory"));
        for (id, producer) in &self.producers {
            let last = producer.batches.back();
            bytes.put_i64(*id);
            bytes.put_i16(producer.epoch);
            bytes.put_i32(producer.last_sequence());
            bytes.put_i64(last.map_or(-1, |batch| batch.last_offset));
            bytes.put_i32(last.map_or(0, |batch| batch.offset_delta));
            bytes.put_i64(producer.last_timestamp);
            bytes.put_i32(producer.coordinator_epoch);
            bytes.put_i64(producer.transaction_start.unwrap_or(-1));
        }
        if !self.producers.is_empty() {
            self.encode_tail(&mut bytes);
        }
        let crc = crc32c::crc32c(&bytes[ENTRIES_AT..]);
        bytes[CRC_AT..ENTRIES_AT].copy_from_slice(&crc.to_be_bytes());
        bytes.freeze()
    }

    fn encode_tail(&self, bytes: &mut BytesMut) {
        bytes.put_u32(TAIL_MAGIC);
        for (id, producer) in &self.producers {
            let earlier = producer.batches.len().saturating_sub(1);
            bytes.put_i64(*id);
            bytes.put_i64(producer.last_seen);
            bytes.put_i64(producer.last_change);
            bytes.put_u8(earlier as u8);
            for batch in producer.batches.iter().take(earlier) {
                put_batch(bytes, batch);
            }
        }
    }

    /// Reads a snapshot of the log up to `offset`. Producers of a file that Kafka wrote count as seen at `now`.
    pub fn decode_snapshot(bytes: &[u8], offset: Offset, now: Timestamp) -> Result<ProducerStates, SnapshotError> {
        let mut from = bytes;
        let version = from.try_get_i16().map_err(damaged)?;
        if version != VERSION {
            return Err(SnapshotError::Version(version));
        }
        let crc = from.try_get_u32().map_err(damaged)?;
        if crc != crc32c::crc32c(from) {
            return Err(SnapshotError::Damaged);
        }
        let count = from.try_get_i32().map_err(damaged)?;
        let mut states = ProducerStates::default();
        for _ in 0..count {
            let id = from.try_get_i64().map_err(damaged)?;
            let producer = decode_producer(&mut from, offset, now).map_err(damaged)?;
            states.producers.insert(id, producer);
        }
        if from.try_get_u32() == Ok(TAIL_MAGIC) {
            while from.has_remaining() {
                states.decode_tail(&mut from)?;
            }
        }
        Ok(states)
    }

    fn decode_tail(&mut self, from: &mut &[u8]) -> Result<(), SnapshotError> {
        let id = from.try_get_i64().map_err(damaged)?;
        let producer = self.producers.get_mut(&id).ok_or(SnapshotError::Damaged)?;
        producer.last_seen = from.try_get_i64().map_err(damaged)?;
        producer.last_change = from.try_get_i64().map_err(damaged)?;
        let earlier = usize::from(from.try_get_u8().map_err(damaged)?);
        for n in 0..earlier {
            let batch = decode_batch(from).map_err(damaged)?;
            producer.batches.insert(n, batch);
        }
        while producer.batches.len() > super::remembered_batches() {
            producer.batches.pop_front();
        }
        Ok(())
    }
}

fn damaged(_: bytes::TryGetError) -> SnapshotError {
    SnapshotError::Damaged
}

fn put_batch(bytes: &mut BytesMut, batch: &WrittenBatch) {
    bytes.put_i32(batch.last_sequence);
    bytes.put_i64(batch.last_offset);
    bytes.put_i32(batch.offset_delta);
    bytes.put_i64(batch.timestamp);
}

fn decode_batch(from: &mut &[u8]) -> Result<WrittenBatch, bytes::TryGetError> {
    Ok(WrittenBatch {
        last_sequence: from.try_get_i32()?,
        last_offset: from.try_get_i64()?,
        offset_delta: from.try_get_i32()?,
        timestamp: from.try_get_i64()?,
    })
}

fn decode_producer(from: &mut &[u8], offset: Offset, now: Timestamp) -> Result<ProducerState, bytes::TryGetError> {
    let epoch = from.try_get_i16()?;
    let batch = decode_batch(from)?;
    let coordinator_epoch = from.try_get_i32()?;
    let transaction_start = Some(from.try_get_i64()?).filter(|start| *start >= 0);
    // A marker leaves no offset in the file: it may have been the last thing before the snapshot.
    let last_change = if coordinator_epoch >= 0 || batch.last_offset < 0 { offset - 1 } else { batch.last_offset };
    Ok(ProducerState {
        epoch,
        coordinator_epoch,
        last_timestamp: batch.timestamp,
        last_seen: now,
        batches: Some(batch).filter(|batch| batch.last_offset >= 0).into_iter().collect(),
        transaction_start,
        last_change,
    })
}

#[cfg(test)]
mod tests {
    use super::super::state::{BatchFacts, BatchKind};
    use super::*;

    fn one_producer() -> ProducerStates {
        let mut states = ProducerStates::default();
        let batch = BatchFacts {
            producer_id: 0x0102,
            epoch: 3,
            first_sequence: 5,
            last_sequence: 6,
            first_offset: 40,
            last_offset: 41,
            timestamp: 1000,
            is_transactional: true,
            kind: BatchKind::Data,
        };
        states.learn(&batch, 7);
        states
    }

    const KAFKAS_ENTRY: [u8; 46] = [
        0, 0, 0, 0, 0, 0, 1, 2, // producer id
        0, 3, // epoch
        0, 0, 0, 6, // last sequence
        0, 0, 0, 0, 0, 0, 0, 41, // last offset
        0, 0, 0, 1, // offset delta
        0, 0, 0, 0, 0, 0, 3, 0xe8, // timestamp
        0xff, 0xff, 0xff, 0xff, // coordinator epoch
        0, 0, 0, 0, 0, 0, 0, 40, // transaction start
    ];

    fn kafkas_file() -> Vec<u8> {
        let entries = [&[0, 0, 0, 1], &KAFKAS_ENTRY[..]].concat();
        [&[0, 1], &crc32c::crc32c(&entries).to_be_bytes()[..], &entries[..]].concat()
    }

    #[test]
    fn the_front_is_kafkas_file() {
        let bytes = one_producer().encode_snapshot();
        assert_eq!(bytes[..2], [0, 1]);
        assert_eq!(bytes[6..10], [0, 0, 0, 1]);
        assert_eq!(bytes[10..56], KAFKAS_ENTRY);
        assert_eq!(&bytes[56..60], b"TWP1");
        assert_eq!(ProducerStates::default().encode_snapshot()[..], [0, 1, 0x48, 0x67, 0x4b, 0xc7, 0, 0, 0, 0]);
    }

    #[test]
    fn a_file_that_kafka_wrote_is_read() {
        let states = ProducerStates::decode_snapshot(&kafkas_file(), 50, 7).expect("a good file");
        assert_eq!(states, one_producer());
    }

    #[test]
    fn a_torn_or_changed_file_is_refused() {
        let good = one_producer().encode_snapshot();
        for cut in 0..good.len() {
            assert!(ProducerStates::decode_snapshot(&good[..cut], 50, 7).is_err(), "cut at {cut}");
        }
        for at in 2..good.len() {
            let mut bytes = good.to_vec();
            bytes[at] ^= 1;
            assert_eq!(ProducerStates::decode_snapshot(&bytes, 50, 7), Err(SnapshotError::Damaged), "byte {at}");
        }
        let mut bytes = good.to_vec();
        bytes[1] = 2;
        assert_eq!(ProducerStates::decode_snapshot(&bytes, 50, 7), Err(SnapshotError::Version(2)));
    }
}
