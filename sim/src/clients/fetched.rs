//! What a Fetch brought, as records of the history.

use bytes::Bytes;
use jepsen_lite::history::{Answer, Received, content_of};
use jepsen_lite::workload::identify;
use model::Offset;
use protocol::messages::fetch::PartitionData;
use protocol::records::{BatchError, BatchView, Batches, Compression, Record, TimestampType};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where to read on after a fetch from `from`: behind its last whole batch. A cleaned one may have no records.
pub fn behind(data: &PartitionData, from: Offset) -> Offset {
    let bytes = data.records.as_deref().unwrap_or_default();
    let last = Batches::new(bytes).map_while(Result::ok).last();
    last.map_or(from, |batch| from.max(batch.header.next_offset()))
}

/// No batch that a client of ours sends is larger, decompressed.
const LIMIT: usize = 1 << 22;

/// So many batches are remembered.
const REMEMBERED: usize = 4096;

/// Reads batches, and remembers what was in those that are compressed: each is read by many, and unpacking it costs more
/// than all else that a client does.
#[derive(Default)]
pub struct Decoder {
    unpacked: BTreeMap<(u64, usize), Arc<[Received]>>,
}

impl Decoder {
    /// The answer for one partition that came without an error: the records from `from` on, or what is wrong with them.
    pub fn answer(&mut self, data: &PartitionData, from: Offset) -> Answer {
        let bytes = data.records.clone().unwrap_or_default();
        match self.records(&bytes, from) {
            Ok(records) => {
                Answer::Fetched { records, high_watermark: data.high_watermark, log_start: data.log_start_offset }
            }
            Err((offset, error)) => Answer::Corrupt { offset, what: format!("no batch: {error}") },
        }
    }

    /// The records of whole batches; the broker may cut the last one.
    fn records(&mut self, bytes: &Bytes, from: Offset) -> Result<Vec<Received>, (Offset, BatchError)> {
        let mut records = Vec::new();
        let (mut next, mut is_first) = (from, true);
        for batch in Batches::new(bytes) {
            let batch = match batch {
                Err(BatchError::Cut { .. }) if !is_first => break,
                other => other.map_err(|error| (next, error))?,
            };
            batch.check_crc().map_err(|error| (next, error))?;
            let found = self.records_of(&batch, bytes).map_err(|error| (next, error))?;
            (next, is_first) = (batch.header.next_offset(), false);
            records.extend(found.iter().filter(|record| record.offset >= from));
        }
        Ok(records)
    }

    fn records_of(&mut self, batch: &BatchView<'_>, owner: &Bytes) -> Result<Arc<[Received]>, BatchError> {
        if batch.header.compression()? == Compression::None {
            return unpack(batch, owner);
        }
        // What a checksum leaves out (offset, epoch) is in the bytes that are compared.
        let key = (fnv(batch.bytes), batch.bytes.len());
        if let Some(known) = self.unpacked.get(&key) {
            return Ok(known.clone());
        }
        let found = unpack(batch, owner)?;
        if self.unpacked.len() >= REMEMBERED {
            self.unpacked.clear();
        }
        self.unpacked.insert(key, found.clone());
        Ok(found)
    }
}

fn unpack(batch: &BatchView<'_>, owner: &Bytes) -> Result<Arc<[Received]>, BatchError> {
    let header = batch.header;
    let records = batch.records_of(owner, LIMIT)?.map(|record| {
        let record = record?;
        let offset = header.base_offset + Offset::from(record.offset_delta);
        let timestamp = match header.timestamp_type() {
            TimestampType::LogAppendTime => header.max_timestamp,
            TimestampType::CreateTime => header.base_timestamp + record.timestamp_delta,
        };
        Ok(Received { epoch: header.leader_epoch, ..received(offset, timestamp, &record) })
    });
    records.collect()
}

fn fnv(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
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
