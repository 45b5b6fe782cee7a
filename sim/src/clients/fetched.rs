//! What a Fetch brought, as records of the history.

use bytes::Bytes;
use jepsen_lite::history::{Answer, Received, content_of};
use jepsen_lite::workload::identify;
use model::Offset;
use protocol::messages::fetch::PartitionData;
use protocol::records::{BatchError, Batches, Record, TimestampType};

/// No batch that a client of ours sends is larger, decompressed.
const LIMIT: usize = 1 << 22;

/// The answer for one partition that came without an error: the records from `from` on, or what is wrong with them.
pub fn answer(data: &PartitionData, from: Offset) -> Answer {
    let bytes = data.records.clone().unwrap_or_default();
    match records(&bytes, from) {
        Ok(records) => {
            Answer::Fetched { records, high_watermark: data.high_watermark, log_start: data.log_start_offset }
        }
        Err((offset, error)) => Answer::Corrupt { offset, what: format!("no batch: {error}") },
    }
}

/// The records of whole batches; the broker may cut the last one.
pub fn records(bytes: &Bytes, from: Offset) -> Result<Vec<Received>, (Offset, BatchError)> {
    let mut records = Vec::new();
    let mut next = from;
    for batch in Batches::new(bytes) {
        let batch = match batch {
            Err(BatchError::Cut { .. }) if !records.is_empty() => break,
            other => other.map_err(|error| (next, error))?,
        };
        batch.check_crc().map_err(|error| (next, error))?;
        let header = batch.header;
        for record in batch.records_of(bytes, LIMIT).map_err(|error| (next, error))? {
            let record = record.map_err(|error| (next, error))?;
            let offset = header.base_offset + Offset::from(record.offset_delta);
            let timestamp = match header.timestamp_type() {
                TimestampType::LogAppendTime => header.max_timestamp,
                TimestampType::CreateTime => header.base_timestamp + record.timestamp_delta,
            };
            next = offset + 1;
            if offset >= from {
                records.push(Received { epoch: header.leader_epoch, ..received(offset, timestamp, &record) });
            }
        }
    }
    Ok(records)
}

fn received(offset: Offset, timestamp: i64, record: &Record) -> Received {
    let headers = || record.headers.iter().map(|header| (&header.key[..], header.value.as_deref()));
    Received {
        offset,
        id: identify(record.value.as_deref(), headers()),
        content: content_of(record.key.as_deref(), record.value.as_deref(), headers()),
        timestamp,
        epoch: -1,
    }
}
