//! Batches for tests.

use bytes::{Bytes, BytesMut};
use model::{LeaderEpoch, Offset, Timestamp};
use protocol::records::{BatchBuilder, BatchOptions, set_base_offset, set_leader_epoch};

/// A batch of `records` records that starts at `base_offset`; record n has timestamp 1,000 + its offset.
pub(crate) fn batch(base_offset: Offset, records: i32, leader_epoch: LeaderEpoch) -> Bytes {
    let mut bytes = BytesMut::from(&unplaced(1000 + base_offset, records)[..]);
    set_base_offset(&mut bytes, base_offset);
    set_leader_epoch(&mut bytes, leader_epoch);
    bytes.freeze()
}

/// The same as a producer sends it: base offset 0.
pub(crate) fn unplaced(first_timestamp: Timestamp, records: i32) -> Bytes {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    for n in 0..records {
        let value = format!("value {n} at {first_timestamp}");
        builder.append(first_timestamp + i64::from(n), None, Some(value.as_bytes()), &[]);
    }
    builder.build()
}
