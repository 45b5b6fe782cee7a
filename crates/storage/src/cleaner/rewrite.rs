//! A batch with fewer records. What it says of its place, its producer and its compression stays; a record that stays
//! keeps its bytes, but for its time where the batch gets a delete horizon (KIP-534): that stands where the first time
//! stood.

use bytes::{BufMut, BytesMut};
use model::Timestamp;
use protocol::records::{
    BatchError, BatchHeader, BatchView, Compression, HEADER_BYTES, LENGTH_PREFIX_BYTES, NO_TIMESTAMP, TimestampType,
    varint,
};
use std::ops::Range;

/// The attribute of a batch whose base timestamp is its delete horizon.
const DELETE_HORIZON: i16 = 0x40;
const COMPRESSION: i16 = 0x07;
/// Where the checksum begins to count.
const CHECKSUM_FROM: usize = 21;

/// When the marks of deletions in a batch may go.
#[derive(Clone, Copy, Debug)]
pub(super) enum Horizon {
    /// As the batch says, or does not say yet.
    AsItIs,
    /// At this time of the wall clock.
    New(Timestamp),
}

/// The batch with those of the records in `payload` that are in `ranges`: `count` ones, the largest of whose timestamp
/// deltas is given. `None` when it would be longer than a batch can be.
pub(super) fn rewritten(
    batch: &BatchView<'_>,
    payload: &[u8],
    ranges: &[Range<usize>],
    count: i32,
    largest_delta: i64,
    horizon: Horizon,
) -> Result<Option<Vec<u8>>, BatchError> {
    let mut header = BatchHeader { record_count: count, ..batch.header };
    if header.timestamp_type() == TimestampType::CreateTime && !header.is_control() {
        header.max_timestamp = header.base_timestamp.wrapping_add(largest_delta);
    }
    let mut records = BytesMut::with_capacity(ranges.iter().map(ExactSizeIterator::len).sum::<usize>());
    match horizon {
        Horizon::AsItIs => ranges.iter().for_each(|range| records.extend_from_slice(&payload[range.clone()])),
        Horizon::New(time) => {
            let earlier = header.base_timestamp.wrapping_sub(time);
            for range in ranges {
                move_times(&payload[range.clone()], earlier, &mut records)?;
            }
            header.base_timestamp = time;
            header.attributes |= DELETE_HORIZON;
        }
    }
    Ok(match header.compression()? {
        Compression::None => assembled(header, &records),
        codec => assembled(header, &codec.compress(&records, None)),
    })
}

/// The header of a batch of which no record stays: it holds its place and its producer's sequence.
pub(super) fn empty(header: &BatchHeader) -> Vec<u8> {
    let attributes = header.attributes & !(DELETE_HORIZON | COMPRESSION);
    let header = BatchHeader { attributes, base_timestamp: NO_TIMESTAMP, record_count: 0, ..*header };
    assembled(header, &[]).expect("a header alone is short")
}

/// Copies records, with `by` added to each timestamp delta.
fn move_times(records: &[u8], by: i64, out: &mut BytesMut) -> Result<(), BatchError> {
    let malformed = || BatchError::Record { index: 0, what: "it changed while it was read" };
    let mut position = 0;
    while position < records.len() {
        let length = varint::read_i32(records, &mut position).ok_or_else(malformed)?;
        let end = position + usize::try_from(length).map_err(|_| malformed())?;
        let attributes = *records.get(position).ok_or_else(malformed)?;
        position += 1;
        let delta = varint::read_i64(records, &mut position).ok_or_else(malformed)?.wrapping_add(by);
        let rest = records.get(position..end).ok_or_else(malformed)?;
        varint::write(out, (1 + varint::size(delta) + rest.len()) as i64);
        out.put_u8(attributes);
        varint::write(out, delta);
        out.put_slice(rest);
        position = end;
    }
    Ok(())
}

fn assembled(header: BatchHeader, payload: &[u8]) -> Option<Vec<u8>> {
    let length = i32::try_from(HEADER_BYTES - LENGTH_PREFIX_BYTES + payload.len()).ok()?;
    let header = BatchHeader { length, ..header };
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&header.to_bytes()[CHECKSUM_FROM..]), payload);
    let mut batch = Vec::with_capacity(HEADER_BYTES + payload.len());
    batch.extend_from_slice(&BatchHeader { checksum, ..header }.to_bytes());
    batch.extend_from_slice(payload);
    Some(batch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::records::{BatchBuilder, BatchOptions, RecordView};

    fn built(compression: Compression, timestamp_type: TimestampType) -> bytes::Bytes {
        let options = BatchOptions {
            compression,
            timestamp_type,
            producer_id: 7,
            producer_epoch: 1,
            base_sequence: 40,
            ..BatchOptions::default()
        };
        let mut builder = BatchBuilder::new(options);
        for (n, timestamp) in [5000, 9000, -1, 7000].into_iter().enumerate() {
            let headers = [protocol::records::Header::new("h", vec![b'x'; n])];
            builder.append(timestamp, Some(format!("key {n}").as_bytes()), (n != 1).then_some(b"value"), &headers);
        }
        let mut bytes = BytesMut::from(&builder.build()[..]);
        protocol::records::set_base_offset(&mut bytes, 100);
        bytes.freeze()
    }

    fn ranges(payload: &[u8]) -> Vec<Range<usize>> {
        let mut position = 0;
        let mut next = || {
            let start = position;
            RecordView::parse(payload, &mut position).expect("a record");
            start..position
        };
        (0..4).map(|_| next()).collect()
    }

    /// Offset, timestamp, key, value and headers.
    type Seen = (i64, i64, Vec<u8>, Option<Vec<u8>>, usize);

    fn seen(bytes: &[u8]) -> Vec<Seen> {
        let view = BatchView::parse(bytes).expect("a whole batch");
        view.check_crc().expect("its checksum");
        let header = view.header;
        let records = view.records(1 << 20).expect("its codec").map(|record| record.expect("whole records"));
        records
            .map(|record| {
                let key = record.key.expect("a key").to_vec();
                let offset = header.base_offset + i64::from(record.offset_delta);
                (
                    offset,
                    header.timestamp_of(record.timestamp_delta),
                    key,
                    record.value.map(|v| v.to_vec()),
                    record.headers.len(),
                )
            })
            .collect()
    }

    #[test]
    fn records_that_stay_look_as_before_whatever_the_codec_and_the_horizon() {
        for compression in Compression::ALL {
            for timestamp_type in [TimestampType::CreateTime, TimestampType::LogAppendTime] {
                let bytes = built(compression, timestamp_type);
                let batch = BatchView::parse(&bytes).expect("a batch");
                let payload = batch.decompressed(1 << 20).expect("its codec");
                let ranges = ranges(&payload);
                let kept = [ranges[1].clone(), ranges[2].start..ranges[3].end];
                for horizon in [Horizon::AsItIs, Horizon::New(1_700_000_000_000)] {
                    let new = rewritten(&batch, &payload, &kept, 3, 4000, horizon).expect("good").expect("short");
                    assert_eq!(seen(&new), seen(&bytes)[1..], "{compression} {timestamp_type:?} {horizon:?}");
                    let header = BatchView::parse(&new).expect("a batch").header;
                    let same = BatchHeader {
                        length: batch.header.length,
                        checksum: batch.header.checksum,
                        attributes: header.attributes & !DELETE_HORIZON,
                        base_timestamp: batch.header.base_timestamp,
                        record_count: 4,
                        ..header
                    };
                    assert_eq!(same, batch.header, "place, producer and times are the batch's");
                    let expected = matches!(horizon, Horizon::New(_)).then_some(1_700_000_000_000);
                    assert_eq!(header.has_delete_horizon().then_some(header.base_timestamp), expected);
                }
            }
        }
    }

    #[test]
    fn an_empty_batch_is_a_header_that_keeps_place_and_sequence() {
        let bytes = built(Compression::Zstd, TimestampType::CreateTime);
        let before = BatchView::parse(&bytes).expect("a batch").header;
        let empty = empty(&before);
        let view = BatchView::parse(&empty).expect("a batch");
        assert_eq!((view.bytes.len(), view.check_crc(), view.header.record_count), (HEADER_BYTES, Ok(()), 0));
        assert_eq!((view.header.base_offset, view.header.next_offset()), (100, 104));
        assert_eq!(view.header.last_sequence(), before.last_sequence());
        assert_eq!(view.header.compression(), Ok(Compression::None));
    }
}
