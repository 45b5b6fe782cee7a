//! What a broker checks before it appends what a producer sent, and the little it changes.

use super::batches::{BatchView, Front, front};
use super::builder::assemble;
use super::compression::Compression;
use super::error::BatchError;
use super::header::{BatchHeader, NO_TIMESTAMP, TimestampType, bit};
use super::patch;
use super::record::RecordViews;
use bytes::{Bytes, BytesMut};
use model::{ErrorCode, Timestamp};

/// The rules of one topic for one request.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The version of the Produce request: zstd is allowed from 7 on.
    pub produce_version: i16,
    /// Whether the request names a transactional id, without which a transactional batch is refused.
    pub has_transactional_id: bool,
    /// `max.message.bytes`, measured as the batch comes.
    pub max_message_bytes: usize,
    /// Whether the topic is compacted: then every record needs a key.
    pub compacted: bool,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`.
    pub before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub after_max_ms: i64,
    /// The broker's wall clock.
    pub now: Timestamp,
    /// `compression.type` and its level; none for `producer`.
    pub compression: Option<(Compression, Option<i32>)>,
    /// Bytes that a payload may decompress to.
    pub decompressed_limit: usize,
}

/// A batch that may be appended.
#[derive(Clone, Debug)]
pub struct Validated {
    /// One whole batch, base offset 0: the bytes that came, or new ones where the topic's config asks for a change.
    pub records: Bytes,
    /// Its header.
    pub header: BatchHeader,
}

/// Why nothing may be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For the wire.
    pub error: ErrorCode,
    /// For a person; empty where Kafka says nothing.
    pub message: String,
    /// The records at fault, by their place in the batch (KIP-467).
    pub record_errors: Vec<(i32, String)>,
    /// Whether Kafka would find it out in the log, and so would tell the log's start with it.
    pub reached_log: bool,
}

impl Refusal {
    fn new(error: ErrorCode, reached_log: bool) -> Refusal {
        Refusal { error, message: String::new(), record_errors: Vec::new(), reached_log }
    }

    /// Bytes that are no batch of today's format.
    fn of_front(error: BatchError) -> Refusal {
        Refusal { message: error.to_string(), ..Refusal::new(ErrorCode::CorruptMessage, false) }
    }

    /// A payload that does not hold what the header announces. Its checksum is right, so the producer made it so:
    /// to send it again does not help, and `CORRUPT_MESSAGE`, which clients retry, would be the wrong answer.
    fn of_payload(error: &BatchError) -> Refusal {
        match error {
            BatchError::Codec(_) => {
                Refusal { message: error.to_string(), ..Refusal::new(ErrorCode::UnsupportedCompressionType, true) }
            }
            BatchError::Undecodable { .. } | BatchError::OverLimit { .. } => {
                Refusal { message: error.to_string(), ..Refusal::new(ErrorCode::InvalidRecord, true) }
            }
            _ => Refusal::new(ErrorCode::InvalidRecord, true),
        }
    }
}

/// Checks what one partition of a Produce request holds. Bytes after the batch that are no whole batch are dropped.
///
/// # Errors
/// See [`Refusal`].
pub fn validate(records: Bytes, rules: &Rules) -> Result<Validated, Refusal> {
    let batch = only_batch(&records)?;
    let header = BatchHeader::parse(&batch).map_err(|_| Refusal::new(ErrorCode::InvalidRecord, false))?;
    let view = BatchView { header, bytes: &batch };
    check_batch(&view, rules)?;
    let codec = header.compression().map_err(|e| Refusal::of_payload(&e))?;
    check_claims(&header)?;
    let payload = view.decompressed(rules.decompressed_limit).map_err(|e| Refusal::of_payload(&e))?;
    let max_timestamp = check_records(&header, &payload, rules)?;
    let (attributes, max_timestamp) = match rules.timestamp_type {
        TimestampType::LogAppendTime => (header.attributes | bit::LOG_APPEND_TIME, rules.now),
        TimestampType::CreateTime => (header.attributes & !bit::LOG_APPEND_TIME, max_timestamp),
    };
    let records = match rules.compression {
        Some((wanted, level)) if wanted != codec => recompress(header, &payload, wanted, level),
        _ => batch.clone(),
    };
    Ok(stamped(records, attributes, max_timestamp))
}

/// A request has exactly one batch a partition, of format 2 (KIP-98).
fn only_batch(records: &Bytes) -> Result<Bytes, Refusal> {
    let invalid = Err(Refusal::new(ErrorCode::InvalidRecord, false));
    match front(records).map_err(Refusal::of_front)? {
        Front::Batch(size) => match front(&records[size..]).map_err(Refusal::of_front)? {
            Front::Nothing => Ok(records.slice(..size)),
            _ => invalid,
        },
        _ => invalid,
    }
}

/// What needs no look at the records.
fn check_batch(view: &BatchView<'_>, rules: &Rules) -> Result<(), Refusal> {
    let header = &view.header;
    if header.compression() == Ok(Compression::Zstd) && rules.produce_version < 7 {
        return Err(Refusal::new(ErrorCode::UnsupportedCompressionType, false));
    }
    if header.is_transactional() && !rules.has_transactional_id {
        return Err(Refusal::new(ErrorCode::TransactionalIdAuthorizationFailed, false));
    }
    if header.base_offset != 0 {
        return Err(Refusal::new(ErrorCode::InvalidRecord, true));
    }
    if view.bytes.len() > rules.max_message_bytes {
        return Err(Refusal::new(ErrorCode::MessageTooLarge, false));
    }
    view.check_crc().map_err(|_| Refusal::new(ErrorCode::CorruptMessage, false))
}

/// What a batch claims of itself.
fn check_claims(header: &BatchHeader) -> Result<(), Refusal> {
    let counts = header.record_count > 0 && header.last_offset_delta == header.record_count - 1;
    let producer = !header.has_producer_id() || header.base_sequence >= 0;
    if counts && producer && !header.is_control() { Ok(()) } else { Err(Refusal::new(ErrorCode::InvalidRecord, true)) }
}

/// Walks the records; returns their largest timestamp.
fn check_records(header: &BatchHeader, payload: &[u8], rules: &Rules) -> Result<Timestamp, Refusal> {
    let mut max_timestamp = NO_TIMESTAMP;
    let mut faults = Faults::default();
    for (index, record) in (0..).zip(RecordViews::new(payload, header.record_count)) {
        let record = record.map_err(|e| Refusal::of_payload(&e))?;
        if record.offset_delta != index {
            return Err(Refusal::new(ErrorCode::InvalidRecord, true));
        }
        if rules.compacted && record.key.is_none() {
            faults.keyless(index);
        }
        let timestamp = header.base_timestamp.wrapping_add(record.timestamp_delta);
        if rules.timestamp_type == TimestampType::CreateTime && !in_bounds(timestamp, rules) {
            faults.timestamp(index, timestamp, rules);
        }
        max_timestamp = max_timestamp.max(timestamp);
    }
    faults.into_result().map(|()| max_timestamp)
}

fn in_bounds(timestamp: Timestamp, rules: &Rules) -> bool {
    timestamp == NO_TIMESTAMP
        || (rules.now.saturating_sub(timestamp) <= rules.before_max_ms
            && timestamp.saturating_sub(rules.now) <= rules.after_max_ms)
}

/// How many records at fault are told one by one. A compressed batch of a few hundred bytes may hold a million of them,
/// and the answer must not be ten thousand times as large as the request. Kafka tells them all.
const MOST_NAMED: usize = 100;

/// Records at fault; the kind of the first one decides the error.
#[derive(Default)]
struct Faults {
    error: Option<ErrorCode>,
    count: usize,
    records: Vec<(i32, String)>,
}

impl Faults {
    fn add(&mut self, error: ErrorCode, index: i32, why: impl FnOnce() -> String) {
        self.error.get_or_insert(error);
        self.count += 1;
        if self.records.len() < MOST_NAMED {
            self.records.push((index, why()));
        }
    }

    fn keyless(&mut self, index: i32) {
        self.add(ErrorCode::InvalidRecord, index, || "a compacted topic takes no record without a key".to_owned());
    }

    fn timestamp(&mut self, index: i32, timestamp: Timestamp, rules: &Rules) {
        self.add(ErrorCode::InvalidTimestamp, index, || {
            format!(
                "timestamp {timestamp} is not within {} ms before and {} ms after the broker's clock",
                rules.before_max_ms, rules.after_max_ms
            )
        });
    }

    fn into_result(self) -> Result<(), Refusal> {
        let Some(error) = self.error else { return Ok(()) };
        let message = format!("{} of the batch's records are refused, so all are", self.count);
        Err(Refusal { message, record_errors: self.records, ..Refusal::new(error, true) })
    }
}

fn recompress(header: BatchHeader, payload: &[u8], codec: Compression, level: Option<i32>) -> Bytes {
    let attributes = (header.attributes & !bit::COMPRESSION) | i16::from(codec.code());
    let header = BatchHeader { attributes, ..header };
    match codec {
        Compression::None => assemble(header, payload),
        codec => assemble(header, &codec.compress(payload, level)),
    }
}

/// The batch with this timestamp type and max timestamp; a copy only when something must change.
fn stamped(records: Bytes, attributes: i16, max_timestamp: Timestamp) -> Validated {
    let header = BatchHeader::parse(&records).expect("parsed before, or just built");
    let attributes = (header.attributes & !bit::LOG_APPEND_TIME) | (attributes & bit::LOG_APPEND_TIME);
    if header.attributes == attributes && header.max_timestamp == max_timestamp {
        return Validated { records, header };
    }
    let mut records = BytesMut::from(&records[..]);
    patch::set_timestamps(&mut records, attributes, max_timestamp);
    let header = BatchHeader::parse(&records).expect("parsed before");
    Validated { records: records.freeze(), header }
}

#[cfg(test)]
mod tests {
    use super::super::{BatchBuilder, BatchOptions};
    use super::*;

    fn rules() -> Rules {
        Rules {
            produce_version: 9,
            has_transactional_id: false,
            max_message_bytes: 1 << 20,
            compacted: false,
            timestamp_type: TimestampType::CreateTime,
            before_max_ms: i64::MAX,
            after_max_ms: 3_600_000,
            now: 1_000_000,
            compression: None,
            decompressed_limit: 1 << 22,
        }
    }

    fn batch(options: BatchOptions, keys: &[Option<&[u8]>]) -> Bytes {
        let mut builder = BatchBuilder::new(options);
        for (n, key) in (0..).zip(keys) {
            builder.append(1_000_000 + n, *key, Some(b"value"), &[]);
        }
        builder.build()
    }

    fn error(records: Bytes, rules: &Rules) -> (ErrorCode, bool) {
        let refusal = validate(records, rules).expect_err("refused");
        (refusal.error, refusal.reached_log)
    }

    #[test]
    fn an_unchanged_batch_is_not_copied() {
        let records = batch(BatchOptions::default(), &[None, None]);
        let validated = validate(records.clone(), &rules()).expect("valid");
        assert_eq!(validated.records.as_ptr(), records.as_ptr());
        assert_eq!(validated.records, records);
    }

    #[test]
    fn what_follows_the_batch_is_dropped_unless_it_is_another() {
        let one = batch(BatchOptions::default(), &[None]);
        let trailing = Bytes::from([&one[..], &[1, 2, 3]].concat());
        assert_eq!(validate(trailing, &rules()).expect("valid").records, one);
        let two = Bytes::from([&one[..], &one[..]].concat());
        assert_eq!(error(two, &rules()), (ErrorCode::InvalidRecord, false));
        assert_eq!(error(Bytes::new(), &rules()), (ErrorCode::InvalidRecord, false));
        assert_eq!(error(one.slice(..30), &rules()), (ErrorCode::InvalidRecord, false));
    }

    #[test]
    fn corruption_and_forgery_are_told_apart() {
        let good = batch(BatchOptions::default(), &[None]);
        let mut flipped = good.to_vec();
        *flipped.last_mut().unwrap() ^= 1;
        assert_eq!(error(flipped.into(), &rules()), (ErrorCode::CorruptMessage, false));
        let mut magic = good.to_vec();
        magic[16] = 3;
        assert_eq!(error(magic.into(), &rules()), (ErrorCode::CorruptMessage, false));
        let control = batch(BatchOptions { control: true, ..Default::default() }, &[None]);
        assert_eq!(error(control, &rules()), (ErrorCode::InvalidRecord, true));
        let no_sequence = batch(BatchOptions { producer_id: 1, producer_epoch: 0, ..Default::default() }, &[None]);
        assert_eq!(error(no_sequence, &rules()), (ErrorCode::InvalidRecord, true));
        let transactional = batch(BatchOptions { transactional: true, ..Default::default() }, &[None]);
        assert_eq!(error(transactional, &rules()), (ErrorCode::TransactionalIdAuthorizationFailed, false));
    }

    #[test]
    fn the_size_is_measured_as_it_comes() {
        let records = batch(BatchOptions::default(), &[None]);
        let exact = Rules { max_message_bytes: records.len(), ..rules() };
        assert!(validate(records.clone(), &exact).is_ok());
        let short = Rules { max_message_bytes: records.len() - 1, ..rules() };
        assert_eq!(error(records, &short), (ErrorCode::MessageTooLarge, false));
    }

    #[test]
    fn keyless_records_of_a_compacted_topic_are_named() {
        let compacted = Rules { compacted: true, ..rules() };
        let refusal = validate(batch(BatchOptions::default(), &[None, Some(b"k"), None]), &compacted).unwrap_err();
        assert_eq!(refusal.error, ErrorCode::InvalidRecord);
        assert_eq!(refusal.record_errors.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 2]);
    }

    /// A batch of 200 bytes used to be answered with megabytes.
    #[test]
    fn a_small_batch_of_many_bad_records_gets_a_small_answer() {
        let options = BatchOptions { compression: Compression::Zstd, ..Default::default() };
        let records = batch(options, &[None; 20_000]);
        let refusal = validate(records, &Rules { compacted: true, ..rules() }).unwrap_err();
        assert_eq!(refusal.record_errors.len(), MOST_NAMED);
        assert!(refusal.message.starts_with("20000 "), "{}", refusal.message);
    }

    #[test]
    fn timestamps_out_of_bounds_are_named() {
        let late = Rules { now: 1_000_000 - 3_600_001, ..rules() };
        let refusal = validate(batch(BatchOptions::default(), &[None]), &late).unwrap_err();
        assert_eq!((refusal.error, refusal.record_errors.len()), (ErrorCode::InvalidTimestamp, 1));
    }

    #[test]
    fn a_topic_with_its_own_codec_recompresses() {
        for from in Compression::ALL {
            for to in Compression::ALL {
                let records = batch(BatchOptions { compression: from, ..Default::default() }, &[Some(b"k"), None]);
                let rules = Rules { compression: Some((to, None)), ..rules() };
                let validated = validate(records, &rules).expect("valid");
                let view = BatchView::parse(&validated.records).unwrap();
                assert_eq!((view.check_crc(), view.header.compression()), (Ok(()), Ok(to)));
                assert_eq!(view.records(1 << 20).unwrap().filter(Result::is_ok).count(), 2);
            }
        }
    }

    #[test]
    fn log_append_time_is_stamped_with_a_right_checksum() {
        let rules = Rules { timestamp_type: TimestampType::LogAppendTime, now: 77, ..rules() };
        let validated = validate(batch(BatchOptions::default(), &[None]), &rules).expect("valid");
        let view = BatchView::parse(&validated.records).unwrap();
        assert_eq!((view.check_crc(), view.header.max_timestamp), (Ok(()), 77));
        assert_eq!(view.header.timestamp_type(), TimestampType::LogAppendTime);
    }

    #[test]
    fn a_bomb_is_refused() {
        let mut builder = BatchBuilder::new(BatchOptions { compression: Compression::Zstd, ..Default::default() });
        builder.append(1_000_000, None, Some(&vec![0; 8 << 20]), &[]);
        assert_eq!(error(builder.build(), &rules()), (ErrorCode::InvalidRecord, true));
    }
}
