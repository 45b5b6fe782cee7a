//! Record batches as the model knows them.

use bytes::{Bytes, BytesMut};
use model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence};
use protocol::records::{BatchBuilder, BatchHeader, BatchOptions, BatchView, set_base_offset, set_leader_epoch};

/// The wall clock of all histories.
pub const NOW: i64 = 1_700_000_000_000;

/// A batch of a log, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub base_offset: Offset,
    /// The offset after its last record.
    pub end_offset: Offset,
    pub leader_epoch: LeaderEpoch,
    /// Whose it is, and the sequence of its last record.
    pub producer: Option<(ProducerId, ProducerEpoch, Sequence)>,
    /// As it is in the log.
    pub bytes: Bytes,
}

/// An idempotent producer's part of a batch: id, epoch, base sequence.
pub type Producer = (ProducerId, ProducerEpoch, Sequence);

/// A batch as it is sent: `count` records of `size` bytes each that say `number`.
pub fn sent(number: u64, count: usize, size: usize, producer: Option<Producer>) -> BytesMut {
    let mut options = BatchOptions::default();
    if let Some((producer_id, producer_epoch, base_sequence)) = producer {
        options = BatchOptions { producer_id, producer_epoch, base_sequence, ..options };
    }
    let mut builder = BatchBuilder::new(options);
    for n in 0..count {
        let value = filled(number, n, size);
        builder.append(NOW + number as i64, Some(b"key"), Some(&value), &[]);
    }
    BytesMut::from(&builder.build()[..])
}

/// A batch with a record of `size` bytes for each of `keys`, or the mark of its deletion.
pub fn put(number: u64, keys: &[&str], size: Option<usize>) -> BytesMut {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    for (n, key) in keys.iter().enumerate() {
        let value = size.map(|size| filled(number, n, size));
        builder.append(NOW + number as i64, Some(key.as_bytes()), value.as_deref(), &[]);
    }
    BytesMut::from(&builder.build()[..])
}

fn filled(number: u64, n: usize, size: usize) -> Vec<u8> {
    let mut value = format!("batch {number} record {n} ").into_bytes();
    // No sector is like another one, or its loss would not be seen.
    let filler = (value.len()..size).map(|at| (number as usize * 31 + n * 7 + at * at / 64) as u8);
    let filler: Vec<u8> = filler.collect();
    value.extend(filler);
    value
}

impl Batch {
    /// What `sent` is in the log once a leader of `leader_epoch` has appended it at `base_offset`.
    pub fn appended(sent: &[u8], base_offset: Offset, leader_epoch: LeaderEpoch) -> Batch {
        let mut bytes = BytesMut::from(sent);
        set_base_offset(&mut bytes, base_offset);
        set_leader_epoch(&mut bytes, leader_epoch);
        Batch::of(bytes.freeze())
    }

    /// A whole batch.
    pub fn of(bytes: Bytes) -> Batch {
        let header: BatchHeader = BatchView::parse(&bytes).expect("a whole batch").header;
        let producer =
            header.has_producer_id().then(|| (header.producer_id, header.producer_epoch, header.last_sequence()));
        Batch {
            base_offset: header.base_offset,
            end_offset: header.next_offset(),
            leader_epoch: header.leader_epoch,
            producer,
            bytes,
        }
    }
}
