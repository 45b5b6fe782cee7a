//! Making a batch of records.

use super::compression::Compression;
use super::header::{BatchHeader, HEADER_BYTES, LENGTH_PREFIX_BYTES, NO_TIMESTAMP, TimestampType, bit};
use super::record::Header;
use super::{patch, varint};
use bytes::{BufMut, Bytes, BytesMut};
use model::{ProducerEpoch, ProducerId, Sequence, Timestamp};

/// What a batch says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchOptions {
    /// The idempotent or transactional producer, or -1.
    pub producer_id: ProducerId,
    /// Its epoch, or -1.
    pub producer_epoch: ProducerEpoch,
    /// Sequence of the first record, or -1.
    pub base_sequence: Sequence,
    /// How the records are compressed.
    pub compression: Compression,
    /// How hard: see [`Compression::compress`].
    pub level: Option<i32>,
    /// Whose time the timestamps are.
    pub timestamp_type: TimestampType,
    /// It belongs to a transaction.
    pub transactional: bool,
    /// It holds control records.
    pub control: bool,
}

impl Default for BatchOptions {
    fn default() -> Self {
        BatchOptions {
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            compression: Compression::None,
            level: None,
            timestamp_type: TimestampType::CreateTime,
            transactional: false,
            control: false,
        }
    }
}

/// Collects records into one batch with base offset 0.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    options: BatchOptions,
    payload: BytesMut,
    count: i32,
    base_timestamp: Timestamp,
    max_timestamp: Timestamp,
}

impl BatchBuilder {
    /// An empty batch.
    pub fn new(options: BatchOptions) -> BatchBuilder {
        BatchBuilder { options, payload: BytesMut::new(), count: 0, base_timestamp: 0, max_timestamp: NO_TIMESTAMP }
    }

    /// Adds a record at the end.
    pub fn append(&mut self, timestamp: Timestamp, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[Header]) {
        if self.count == 0 {
            self.base_timestamp = timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let timestamp_delta = timestamp.wrapping_sub(self.base_timestamp);
        let body = body_size(timestamp_delta, self.count, key, value, headers);
        self.payload.reserve(body + 5);
        varint::write(&mut self.payload, body as i64);
        self.payload.put_u8(0);
        varint::write(&mut self.payload, timestamp_delta);
        varint::write(&mut self.payload, i64::from(self.count));
        write_nullable(&mut self.payload, key);
        write_nullable(&mut self.payload, value);
        varint::write(&mut self.payload, headers.len() as i64);
        for header in headers {
            write_nullable(&mut self.payload, Some(&header.key));
            write_nullable(&mut self.payload, header.value.as_deref());
        }
        self.count += 1;
    }

    /// How many records it has.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of the batch before compression.
    pub fn size_estimate(&self) -> usize {
        HEADER_BYTES + self.payload.len()
    }

    /// Sets who wrote it, which a producer knows only when it sends.
    pub fn set_producer(&mut self, id: ProducerId, epoch: ProducerEpoch, base_sequence: Sequence) {
        self.options = BatchOptions { producer_id: id, producer_epoch: epoch, base_sequence, ..self.options };
    }

    /// The whole batch.
    pub fn build(&self) -> Bytes {
        let payload = match self.options.compression {
            Compression::None => None,
            codec => Some(codec.compress(&self.payload, self.options.level)),
        };
        assemble(self.header(), payload.as_deref().unwrap_or(&self.payload))
    }

    fn header(&self) -> BatchHeader {
        let options = &self.options;
        let flag = |set: bool, bit: i16| if set { bit } else { 0 };
        let attributes = i16::from(options.compression.code())
            | flag(options.timestamp_type == TimestampType::LogAppendTime, bit::LOG_APPEND_TIME)
            | flag(options.transactional, bit::TRANSACTIONAL)
            | flag(options.control, bit::CONTROL);
        BatchHeader {
            base_offset: 0,
            length: 0,
            leader_epoch: -1,
            checksum: 0,
            attributes,
            last_offset_delta: self.count - 1,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: options.producer_id,
            producer_epoch: options.producer_epoch,
            base_sequence: options.base_sequence,
            record_count: self.count,
        }
    }
}

/// `header` before `payload`, with the length and checksum that fit them.
///
/// # Panics
/// When the batch would be 2 GiB or more.
pub(super) fn assemble(header: BatchHeader, payload: &[u8]) -> Bytes {
    let length = HEADER_BYTES - LENGTH_PREFIX_BYTES + payload.len();
    let length = i32::try_from(length).expect("a batch is smaller than 2 GiB");
    let mut batch = BytesMut::with_capacity(HEADER_BYTES + payload.len());
    batch.extend_from_slice(&BatchHeader { length, ..header }.to_bytes());
    batch.extend_from_slice(payload);
    patch::set_checksum(&mut batch);
    batch.freeze()
}

fn body_size(
    timestamp_delta: i64,
    offset_delta: i32,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[Header],
) -> usize {
    let headers_size: usize =
        headers.iter().map(|h| nullable_size(Some(&h.key)) + nullable_size(h.value.as_deref())).sum();
    1 + varint::size(timestamp_delta)
        + varint::size(i64::from(offset_delta))
        + nullable_size(key)
        + nullable_size(value)
        + varint::size(headers.len() as i64)
        + headers_size
}

fn nullable_size(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varint::size(bytes.len() as i64) + bytes.len())
}

fn write_nullable(out: &mut BytesMut, bytes: Option<&[u8]>) {
    varint::write(out, bytes.map_or(-1, |bytes| bytes.len() as i64));
    out.extend_from_slice(bytes.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::super::BatchView;
    use super::*;

    #[test]
    fn what_goes_in_comes_out_in_every_codec() {
        let headers = [Header::new("h", "1"), Header { key: "h".into(), value: None }, Header::new("", "")];
        for compression in Compression::ALL {
            let options = BatchOptions {
                producer_id: 9,
                producer_epoch: 2,
                base_sequence: 40,
                compression,
                transactional: true,
                ..Default::default()
            };
            let mut builder = BatchBuilder::new(options);
            builder.append(1000, Some(b"k"), None, &headers);
            builder.append(900, None, Some(b"v"), &[]);
            let batch = builder.build();
            let view = BatchView::parse(&batch).unwrap();
            assert_eq!(view.check_crc(), Ok(()));
            let header = view.header;
            assert_eq!((header.record_count, header.last_offset_delta, header.max_timestamp), (2, 1, 1000));
            assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (9, 2, 40));
            assert!(header.is_transactional() && !header.is_control());
            let records: Vec<_> = view.records(1 << 20).unwrap().map(Result::unwrap).collect();
            assert_eq!(records[0].headers, headers, "{compression}");
            assert_eq!((records[0].key.as_deref(), records[0].value.as_deref()), (Some(&b"k"[..]), None));
            assert_eq!(header.timestamp_of(records[1].timestamp_delta), 900);
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_format() {
        let mut builder = BatchBuilder::new(BatchOptions::default());
        builder.append(5, Some(b"k"), Some(b"v"), &[]);
        let batch = builder.build();
        let hex: String = batch.iter().map(|byte| format!("{byte:02x}")).collect();
        let expected = [
            "0000000000000000", // base offset
            "0000003a",         // length
            "ffffffff",         // leader epoch
            "02",               // magic
            &hex[34..42],       // CRC-32C, checked apart
            "0000",             // attributes
            "00000000",         // last offset delta
            "0000000000000005", // base timestamp
            "0000000000000005", // max timestamp
            "ffffffffffffffff", // producer id
            "ffff",             // producer epoch
            "ffffffff",         // base sequence
            "00000001",         // record count
            "1000000002",       // length 8, attributes, deltas, key length
            "6b0276",           // "k", value length, "v"
            "00",               // headers
        ]
        .concat();
        assert_eq!(hex, expected);
        assert_eq!(BatchView::parse(&batch).unwrap().check_crc(), Ok(()));
    }
}
