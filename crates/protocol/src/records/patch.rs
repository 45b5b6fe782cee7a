//! The fields a broker changes in a batch that it stores as it came.
//!
//! All of these panic when `batch` is shorter than a header: callers patch what they have parsed.

use super::header::{at, bit};
use model::{LeaderEpoch, Offset, Timestamp};

/// Gives the batch its place in the log. The checksum leaves this field out.
pub fn set_base_offset(batch: &mut [u8], base_offset: Offset) {
    batch[at::BASE_OFFSET..at::LENGTH].copy_from_slice(&base_offset.to_be_bytes());
}

/// Says which leader appended it. The checksum leaves this field out.
pub fn set_leader_epoch(batch: &mut [u8], leader_epoch: LeaderEpoch) {
    batch[at::LEADER_EPOCH..at::MAGIC].copy_from_slice(&leader_epoch.to_be_bytes());
}

/// Makes `timestamp` the time of every record (`message.timestamp.type=LogAppendTime`) and computes the checksum anew.
pub fn set_max_timestamp_and_append_time(batch: &mut [u8], timestamp: Timestamp) {
    let attributes = i16::from_be_bytes([batch[at::ATTRIBUTES], batch[at::ATTRIBUTES + 1]]);
    set_timestamps(batch, attributes | bit::LOG_APPEND_TIME, timestamp);
}

/// Sets the attributes and the max timestamp, and computes the checksum anew.
pub(super) fn set_timestamps(batch: &mut [u8], attributes: i16, max_timestamp: Timestamp) {
    batch[at::ATTRIBUTES..at::LAST_OFFSET_DELTA].copy_from_slice(&attributes.to_be_bytes());
    batch[at::MAX_TIMESTAMP..at::PRODUCER_ID].copy_from_slice(&max_timestamp.to_be_bytes());
    set_checksum(batch);
}

/// Computes the checksum of a whole batch and stores it.
pub(super) fn set_checksum(batch: &mut [u8]) {
    let checksum = crc32c::crc32c(&batch[at::ATTRIBUTES..]);
    batch[at::CHECKSUM..at::ATTRIBUTES].copy_from_slice(&checksum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::super::{BatchBuilder, BatchHeader, BatchOptions, BatchView, TimestampType};
    use super::*;

    fn batch() -> Vec<u8> {
        let mut builder = BatchBuilder::new(BatchOptions::default());
        builder.append(5, Some(b"k"), Some(b"v"), &[]);
        builder.build().to_vec()
    }

    #[test]
    fn place_and_epoch_leave_the_checksum_right() {
        let mut batch = batch();
        set_base_offset(&mut batch, 1 << 40);
        set_leader_epoch(&mut batch, 12);
        let view = BatchView::parse(&batch).unwrap();
        assert_eq!((view.header.base_offset, view.header.leader_epoch), (1 << 40, 12));
        assert_eq!(view.check_crc(), Ok(()));
    }

    #[test]
    fn append_time_is_set_with_a_new_checksum() {
        let mut batch = batch();
        set_max_timestamp_and_append_time(&mut batch, 77);
        let view = BatchView::parse(&batch).unwrap();
        assert_eq!(view.header.timestamp_type(), TimestampType::LogAppendTime);
        assert_eq!(view.header.max_timestamp, 77);
        assert_eq!(view.header.base_timestamp, BatchHeader::parse(&batch).unwrap().base_timestamp);
        assert_eq!(view.check_crc(), Ok(()));
    }
}
