//! Records with keys, and the cleaner at work on them.

use super::*;
use protocol::records::{ControlKind, EndTransactionMarker};
use std::collections::BTreeMap;
use storage::{Cleanable, CleanerMemory, CleaningFault, CleaningSummary, Pace};

/// A record as it is read: offset, key, value.
pub type Keyed = (Offset, String, Option<String>);

/// A small segment, all of it due for cleaning at once.
pub fn compacted(config: LogConfig) -> LogConfig {
    LogConfig {
        compact: true,
        delete: false,
        min_cleanable_dirty_ratio: 0.0,
        segment_bytes: 1000,
        index_interval_bytes: 200,
        retention_ms: -1,
        ..config
    }
}

/// A batch of records with these keys; without a value it marks a deletion.
pub fn keyed_in(options: BatchOptions, records: &[(&str, Option<&str>)]) -> BytesMut {
    let mut builder = BatchBuilder::new(options);
    for (n, (key, value)) in records.iter().enumerate() {
        builder.append(START + n as i64, Some(key.as_bytes()), value.map(str::as_bytes), &[]);
    }
    BytesMut::from(&builder.build()[..])
}

pub fn keyed(records: &[(&str, Option<&str>)]) -> BytesMut {
    keyed_in(BatchOptions::default(), records)
}

pub async fn put(log: &mut Log, key: &str, value: &str) -> Offset {
    append(log, keyed(&[(key, Some(value))])).await.base_offset
}

pub async fn delete(log: &mut Log, key: &str) -> Offset {
    append(log, keyed(&[(key, None)])).await.base_offset
}

/// Records that are part of the transaction of a producer.
pub fn transactional(id: ProducerId, sequence: Sequence, records: &[(&str, Option<&str>)]) -> BytesMut {
    let options = BatchOptions {
        producer_id: id,
        producer_epoch: 0,
        base_sequence: sequence,
        transactional: true,
        ..BatchOptions::default()
    };
    keyed_in(options, records)
}

/// The marker that ends a producer's transaction.
pub async fn end_transaction(log: &mut Log, id: ProducerId, kind: ControlKind) -> Offset {
    let options = BatchOptions {
        producer_id: id,
        producer_epoch: 0,
        transactional: true,
        control: true,
        ..BatchOptions::default()
    };
    let mut builder = BatchBuilder::new(options);
    let value = EndTransactionMarker { coordinator_epoch: 1 }.value();
    builder.append(START, Some(&kind.key()), Some(&value), &[]);
    let records = builder.build();
    let marker = LeaderAppend { records, leader_epoch: 0, now: START, origin: Origin::Coordinator };
    log.append(&mut [marker]).await.remove(0).expect("a marker").base_offset
}

/// Closes the segment that takes appends, and brings all to stable storage.
pub async fn settle(log: &mut Log) {
    let config = log.config().clone();
    log.set_config(LogConfig { segment_ms: -1, ..config.clone() });
    log.roll_if_due(i64::MAX / 2).await.expect("a roll");
    log.set_config(config);
    let journaled = log.is_journaled();
    log.set_journaled(!journaled).await.expect("a barrier");
    log.set_journaled(journaled).await.expect("a barrier");
}

/// What is cleanable below `up_to`.
pub async fn cleanable(log: &Log, up_to: Offset, now: Timestamp) -> Option<Cleanable> {
    log.reader().cleanable(up_to, now).await.expect("the disk is good")
}

/// Cleans what can be cleaned below `up_to`, swaps and all. None when nothing can.
pub async fn clean_with(
    log: &mut Log,
    up_to: Offset,
    now: Timestamp,
    memory: CleanerMemory,
) -> Result<Option<CleaningSummary>, CleaningFault> {
    let Some(cleanable) = cleanable(log, up_to, now).await else { return Ok(None) };
    let Some(mut cleaning) = log.begin_cleaning(&cleanable, memory) else { return Ok(None) };
    let pace = Pace::new(f64::MAX);
    while let Some(cleaned) = cleaning.next(&pace).await? {
        assert!(log.swap(cleaned).await?, "nobody touched the segments");
    }
    assert!(log.end_cleaning(&cleaning));
    let summary = cleaning.summary();
    cleaning.save().await?;
    Ok(Some(summary))
}

/// The same, of all that is there, with memory enough.
pub async fn clean(log: &mut Log, now: Timestamp) -> CleaningSummary {
    settle(log).await;
    let end = log.log_end_offset();
    clean_with(log, end, now, CleanerMemory::default()).await.expect("a cleaning").expect("something to clean")
}

/// The records of whole batches, but for those of control batches.
pub fn keyed_of(bytes: &[u8]) -> Vec<Keyed> {
    let mut all = Vec::new();
    for batch in Batches::new(bytes) {
        let batch = batch.expect("whole batches");
        batch.check_crc().expect("good batches");
        let payload = batch.decompressed(1 << 24).expect("a codec");
        for record in RecordViews::new(&payload, batch.header.record_count) {
            let record = record.expect("whole records");
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
            let offset = batch.header.base_offset + i64::from(record.offset_delta);
            if !batch.header.is_control() {
                all.push((offset, text(record.key.unwrap_or_default()), record.value.map(text)));
            }
        }
    }
    all
}

/// All batches of the log, one after the other as readers get them.
pub async fn batches(log: &Log, max_bytes: usize) -> Vec<Bytes> {
    let (reader, end) = (log.reader(), log.log_end_offset());
    let (mut next, mut all) = (log.log_start_offset(), Vec::new());
    while next < end {
        let bytes = reader.read(next, end, max_bytes, true).await.expect("a read");
        assert!(!bytes.is_empty(), "nothing at {next} of {end}");
        assert!(next_offset(&bytes) > next, "a read goes on");
        next = next_offset(&bytes);
        let mut at = 0;
        for batch in Batches::new(&bytes) {
            let size = batch.expect("whole batches").bytes.len();
            all.push(bytes.slice(at..at + size));
            at += size;
        }
    }
    all
}

/// All records of the log with their keys.
pub async fn keyed_contents(log: &Log) -> Vec<Keyed> {
    batches(log, 1 << 20).await.iter().flat_map(|batch| keyed_of(batch)).collect()
}

/// What who reads all of `records` takes the table for.
pub fn table(records: &[Keyed]) -> BTreeMap<String, String> {
    let mut table = BTreeMap::new();
    for (_, key, value) in records {
        match value {
            Some(value) => table.insert(key.clone(), value.clone()),
            None => table.remove(key),
        };
    }
    table
}

/// The base offsets of the segments in the log's directory.
pub async fn segment_bases(place: &Place) -> Vec<Offset> {
    let names = place.names("story-0").await;
    names.iter().filter_map(|name| name.strip_suffix(".log")).map(|digits| digits.parse().expect("digits")).collect()
}
