//! The 61 bytes before the records.

use super::compression::Compression;
use super::error::BatchError;
use model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

/// The only batch format that is read or written.
pub const MAGIC: i8 = 2;
/// Bytes of a batch before its first record.
pub const HEADER_BYTES: usize = 61;
/// Base offset and length: what the length field does not count.
pub const LENGTH_PREFIX_BYTES: usize = 12;
/// What stands in a timestamp field where there is no time.
pub const NO_TIMESTAMP: Timestamp = -1;

/// Where each field starts.
pub(super) mod at {
    pub const BASE_OFFSET: usize = 0;
    pub const LENGTH: usize = 8;
    pub const LEADER_EPOCH: usize = 12;
    pub const MAGIC: usize = 16;
    pub const CHECKSUM: usize = 17;
    pub const ATTRIBUTES: usize = 21;
    pub const LAST_OFFSET_DELTA: usize = 23;
    pub const BASE_TIMESTAMP: usize = 27;
    pub const MAX_TIMESTAMP: usize = 35;
    pub const PRODUCER_ID: usize = 43;
    pub const PRODUCER_EPOCH: usize = 51;
    pub const BASE_SEQUENCE: usize = 53;
    pub const RECORD_COUNT: usize = 57;
}

/// The bits of the attributes.
pub(super) mod bit {
    pub const COMPRESSION: i16 = 0x07;
    pub const LOG_APPEND_TIME: i16 = 0x08;
    pub const TRANSACTIONAL: i16 = 0x10;
    pub const CONTROL: i16 = 0x20;
    pub const DELETE_HORIZON: i16 = 0x40;
}

/// The smallest message of the formats before 2; no batch of any format is shorter.
const LEGACY_OVERHEAD: i32 = 14;

/// Whose time a record's timestamp is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's, set for each record.
    #[default]
    CreateTime,
    /// The broker's, one for the batch: its max timestamp.
    LogAppendTime,
}

/// A parsed copy of a batch's header. The checksum is not checked by parsing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record; in a compacted batch, the one it had.
    pub base_offset: Offset,
    /// Bytes after the length field.
    pub length: i32,
    /// Epoch of the leader that appended it; -1 from a producer.
    pub leader_epoch: LeaderEpoch,
    /// CRC-32C from the attributes to the end.
    pub checksum: u32,
    /// Compression, timestamp type and flags.
    pub attributes: i16,
    /// Last offset less base offset; kept when compaction removes the last record.
    pub last_offset_delta: i32,
    /// What the records' timestamps count from; the delete horizon when [`has_delete_horizon`](Self::has_delete_horizon).
    pub base_timestamp: Timestamp,
    /// The largest timestamp of its records, or the append time.
    pub max_timestamp: Timestamp,
    /// The idempotent producer, or -1.
    pub producer_id: ProducerId,
    /// The producer's epoch, or -1.
    pub producer_epoch: ProducerEpoch,
    /// Sequence of the first record, or -1.
    pub base_sequence: Sequence,
    /// How many records are inside.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads the header of the batch that starts at the front of `bytes`. The records need not be there yet.
    ///
    /// # Errors
    /// Cut before the end of the header, a length below it, or another magic than 2.
    pub fn parse(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
        let length = check_prefix(bytes)?;
        if (length as usize) < HEADER_BYTES - LENGTH_PREFIX_BYTES {
            return Err(BatchError::Length(length));
        }
        let Some(fixed) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(BatchError::Cut { needed: HEADER_BYTES, found: bytes.len() });
        };
        Ok(BatchHeader::from_fixed(fixed, length))
    }

    fn from_fixed(fixed: &[u8; HEADER_BYTES], length: i32) -> BatchHeader {
        BatchHeader {
            base_offset: i64::from_be_bytes(field(fixed, at::BASE_OFFSET)),
            length,
            leader_epoch: i32::from_be_bytes(field(fixed, at::LEADER_EPOCH)),
            checksum: u32::from_be_bytes(field(fixed, at::CHECKSUM)),
            attributes: i16::from_be_bytes(field(fixed, at::ATTRIBUTES)),
            last_offset_delta: i32::from_be_bytes(field(fixed, at::LAST_OFFSET_DELTA)),
            base_timestamp: i64::from_be_bytes(field(fixed, at::BASE_TIMESTAMP)),
            max_timestamp: i64::from_be_bytes(field(fixed, at::MAX_TIMESTAMP)),
            producer_id: i64::from_be_bytes(field(fixed, at::PRODUCER_ID)),
            producer_epoch: i16::from_be_bytes(field(fixed, at::PRODUCER_EPOCH)),
            base_sequence: i32::from_be_bytes(field(fixed, at::BASE_SEQUENCE)),
            record_count: i32::from_be_bytes(field(fixed, at::RECORD_COUNT)),
        }
    }

    /// The 61 bytes of this header.
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[at::BASE_OFFSET..at::LENGTH].copy_from_slice(&self.base_offset.to_be_bytes());
        bytes[at::LENGTH..at::LEADER_EPOCH].copy_from_slice(&self.length.to_be_bytes());
        bytes[at::LEADER_EPOCH..at::MAGIC].copy_from_slice(&self.leader_epoch.to_be_bytes());
        bytes[at::MAGIC] = MAGIC as u8;
        bytes[at::CHECKSUM..at::ATTRIBUTES].copy_from_slice(&self.checksum.to_be_bytes());
        bytes[at::ATTRIBUTES..at::LAST_OFFSET_DELTA].copy_from_slice(&self.attributes.to_be_bytes());
        bytes[at::LAST_OFFSET_DELTA..at::BASE_TIMESTAMP].copy_from_slice(&self.last_offset_delta.to_be_bytes());
        bytes[at::BASE_TIMESTAMP..at::MAX_TIMESTAMP].copy_from_slice(&self.base_timestamp.to_be_bytes());
        bytes[at::MAX_TIMESTAMP..at::PRODUCER_ID].copy_from_slice(&self.max_timestamp.to_be_bytes());
        bytes[at::PRODUCER_ID..at::PRODUCER_EPOCH].copy_from_slice(&self.producer_id.to_be_bytes());
        bytes[at::PRODUCER_EPOCH..at::BASE_SEQUENCE].copy_from_slice(&self.producer_epoch.to_be_bytes());
        bytes[at::BASE_SEQUENCE..at::RECORD_COUNT].copy_from_slice(&self.base_sequence.to_be_bytes());
        bytes[at::RECORD_COUNT..].copy_from_slice(&self.record_count.to_be_bytes());
        bytes
    }

    /// Bytes of the whole batch.
    pub fn size_in_bytes(&self) -> usize {
        self.length as usize + LENGTH_PREFIX_BYTES
    }

    /// Offset of the last record, or the one it had before compaction.
    pub fn last_offset(&self) -> Offset {
        self.base_offset.wrapping_add(i64::from(self.last_offset_delta))
    }

    /// The offset after this batch.
    pub fn next_offset(&self) -> Offset {
        self.last_offset().wrapping_add(1)
    }

    /// Sequence of the last record: after `i32::MAX` comes 0. -1 without a sequence.
    pub fn last_sequence(&self) -> Sequence {
        if self.base_sequence < 0 {
            return -1;
        }
        (i64::from(self.base_sequence) + i64::from(self.last_offset_delta)).rem_euclid(1 << 31) as Sequence
    }

    /// Whether an idempotent or transactional producer wrote it.
    pub fn has_producer_id(&self) -> bool {
        self.producer_id >= 0
    }

    /// Whether it belongs to a transaction (markers do too).
    pub fn is_transactional(&self) -> bool {
        self.attributes & bit::TRANSACTIONAL != 0
    }

    /// Whether it holds control records, which applications never see.
    pub fn is_control(&self) -> bool {
        self.attributes & bit::CONTROL != 0
    }

    /// Whether the base timestamp is the time after which its tombstones may go (KIP-534).
    pub fn has_delete_horizon(&self) -> bool {
        self.attributes & bit::DELETE_HORIZON != 0
    }

    /// How its records are compressed.
    ///
    /// # Errors
    /// Codec numbers 5 to 7.
    pub fn compression(&self) -> Result<Compression, BatchError> {
        let codec = (self.attributes & bit::COMPRESSION) as u8;
        Compression::from_code(codec).ok_or(BatchError::Codec(codec))
    }

    /// Whose time its timestamps are.
    pub fn timestamp_type(&self) -> TimestampType {
        if self.attributes & bit::LOG_APPEND_TIME != 0 {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        }
    }

    /// The timestamp a reader sees for a record `timestamp_delta` after the base.
    pub fn timestamp_of(&self, timestamp_delta: i64) -> Timestamp {
        match self.timestamp_type() {
            TimestampType::LogAppendTime => self.max_timestamp,
            TimestampType::CreateTime => self.base_timestamp.wrapping_add(timestamp_delta),
        }
    }
}

/// Checks what every format has in the same place, and gives the length field: at least 14, and magic 2.
pub(super) fn check_prefix(bytes: &[u8]) -> Result<i32, BatchError> {
    let cut = |needed| BatchError::Cut { needed, found: bytes.len() };
    let length = bytes.get(at::LENGTH..).and_then(|b| b.first_chunk()).ok_or(cut(LENGTH_PREFIX_BYTES))?;
    let length = i32::from_be_bytes(*length);
    if length < LEGACY_OVERHEAD {
        return Err(BatchError::Length(length));
    }
    match *bytes.get(at::MAGIC).ok_or(cut(at::MAGIC + 1))? as i8 {
        MAGIC => Ok(length),
        magic @ (0 | 1) => Err(BatchError::Legacy(magic)),
        magic => Err(BatchError::Magic(magic)),
    }
}

fn field<const N: usize>(fixed: &[u8; HEADER_BYTES], start: usize) -> [u8; N] {
    fixed[start..start + N].try_into().expect("a range of N bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> BatchHeader {
        BatchHeader {
            base_offset: 7,
            length: 49,
            leader_epoch: 3,
            checksum: 0x0102_0304,
            attributes: 0x1c,
            last_offset_delta: 4,
            base_timestamp: 1000,
            max_timestamp: 2000,
            producer_id: 9,
            producer_epoch: 1,
            base_sequence: i32::MAX - 1,
            record_count: 5,
        }
    }

    #[test]
    fn every_field_reads_back() {
        let header = sample();
        assert_eq!(BatchHeader::parse(&header.to_bytes()), Ok(header));
    }

    #[test]
    fn the_attributes_mean_what_kafka_says() {
        let header = sample();
        assert_eq!(header.compression(), Ok(Compression::Zstd));
        assert_eq!(header.timestamp_type(), TimestampType::LogAppendTime);
        assert!(header.is_transactional() && !header.is_control() && !header.has_delete_horizon());
        assert_eq!(header.timestamp_of(5), 2000);
        assert_eq!(BatchHeader { attributes: 6, ..header }.compression(), Err(BatchError::Codec(6)));
    }

    #[test]
    fn offsets_and_sequences_count_to_the_end_of_the_batch() {
        let header = sample();
        assert_eq!((header.last_offset(), header.next_offset()), (11, 12));
        assert_eq!(header.last_sequence(), 2, "sequences wrap from i32::MAX to 0");
        assert_eq!(BatchHeader { base_sequence: -1, ..header }.last_sequence(), -1);
    }

    #[test]
    fn what_is_no_batch_is_told_apart() {
        let mut bytes = sample().to_bytes();
        assert_eq!(BatchHeader::parse(&bytes[..60]), Err(BatchError::Cut { needed: 61, found: 60 }));
        assert_eq!(BatchHeader::parse(&bytes[..11]), Err(BatchError::Cut { needed: 12, found: 11 }));
        bytes[16] = 1;
        assert_eq!(BatchHeader::parse(&bytes), Err(BatchError::Legacy(1)));
        bytes[16] = 3;
        assert_eq!(BatchHeader::parse(&bytes), Err(BatchError::Magic(3)));
        bytes[16] = 2;
        bytes[11] = 48;
        assert_eq!(BatchHeader::parse(&bytes), Err(BatchError::Length(48)));
        bytes[8] = 0xff;
        assert!(matches!(BatchHeader::parse(&bytes), Err(BatchError::Length(l)) if l < 0));
    }
}
