//! A partition of a fake cluster: its batches, and what it remembers of producers.

use bytes::Bytes;
use model::ErrorCode;
use protocol::records::{
    BatchBuilder, BatchHeader, BatchOptions, BatchView, Batches, ControlKind, EndTransactionMarker, set_base_offset,
    set_leader_epoch,
};
use std::collections::{BTreeMap, VecDeque};

/// One log, with one leader.
pub struct Partition {
    pub leader: i32,
    pub leader_epoch: i32,
    pub log_start: i64,
    /// Bytes of the largest batch that is taken.
    pub max_batch: usize,
    pub batches: Vec<Bytes>,
    /// Aborted transactions: producer, first offset, and that of the marker.
    pub aborted: Vec<(i64, i64, i64)>,
    producers: BTreeMap<i64, Producer>,
}

/// The last batches of a producer: first and last sequence, and base offset.
#[derive(Default)]
struct Producer {
    epoch: i16,
    last: VecDeque<(i32, i32, i64)>,
}

impl Partition {
    pub fn led_by(node: i32) -> Partition {
        Partition {
            leader: node,
            leader_epoch: 3,
            log_start: 0,
            max_batch: 1 << 20,
            batches: Vec::new(),
            aborted: Vec::new(),
            producers: BTreeMap::new(),
        }
    }

    /// The offset after the last batch.
    pub fn end(&self) -> i64 {
        self.batches.last().map_or(self.log_start, |batch| header(batch).next_offset())
    }

    /// Forgets every producer.
    pub fn forget_producers(&mut self) {
        self.producers.clear();
    }

    /// Appends as Kafka's leader does: duplicates are answered with their offset, gaps are refused, and a producer
    /// that is not known may begin with any sequence.
    pub fn append(&mut self, batch: &Bytes) -> Result<i64, ErrorCode> {
        let view = BatchView::parse(batch).map_err(|_| ErrorCode::CorruptMessage)?;
        view.check_crc().map_err(|_| ErrorCode::CorruptMessage)?;
        if batch.len() > self.max_batch {
            return Err(ErrorCode::MessageTooLarge);
        }
        let base_offset = self.end();
        let header = view.header;
        if header.has_producer_id() {
            let (first, last) = (header.base_sequence, header.last_sequence());
            let known = self.producers.contains_key(&header.producer_id);
            let producer = self.producers.entry(header.producer_id).or_default();
            let same_epoch = producer.epoch == header.producer_epoch;
            if let Some(duplicate) = producer.last.iter().find(|b| same_epoch && (b.0, b.1) == (first, last)) {
                return Ok(duplicate.2);
            }
            producer.check(&header, known)?;
            if producer.epoch != header.producer_epoch {
                *producer = Producer { epoch: header.producer_epoch, ..Producer::default() };
            }
            producer.last.push_back((first, last, base_offset));
            if producer.last.len() > 5 {
                producer.last.pop_front();
            }
        }
        self.put(batch, base_offset);
        Ok(base_offset)
    }

    /// Puts a batch at the end, or beyond it, as compaction leaves them.
    pub fn put(&mut self, batch: &[u8], base_offset: i64) {
        let mut batch = batch.to_vec();
        set_base_offset(&mut batch, base_offset);
        set_leader_epoch(&mut batch, self.leader_epoch);
        self.batches.push(batch.into());
    }

    /// The batches from the one that has `offset` on, about `max_bytes` of them but at least one.
    pub fn read(&self, offset: i64, max_bytes: usize) -> Bytes {
        let mut read = Vec::new();
        for batch in self.batches.iter().filter(|batch| header(batch).next_offset() > offset) {
            if !read.is_empty() && read.len() + batch.len() > max_bytes {
                break;
            }
            read.extend_from_slice(batch);
        }
        read.into()
    }

    pub fn offset_of(&self, timestamp: i64) -> i64 {
        match timestamp {
            -2 => self.log_start,
            -1 => self.end(),
            time => {
                let later = self.batches.iter().map(header).find(|header| header.max_timestamp >= time);
                later.map_or(-1, |header| header.base_offset)
            }
        }
    }

    /// The values of all records, in order.
    pub fn values(&self) -> Vec<String> {
        let mut values = Vec::new();
        for batch in self.batches.iter().flat_map(|batch| Batches::new(batch)) {
            for record in batch.expect("a whole batch").records(1 << 20).expect("readable records") {
                let value = record.expect("a record").value.unwrap_or_default();
                values.push(String::from_utf8_lossy(&value).into_owned());
            }
        }
        values
    }
}

impl Producer {
    fn check(&self, batch: &BatchHeader, known: bool) -> Result<(), ErrorCode> {
        let next = self.last.back().map_or(0, |last| if last.1 == i32::MAX { 0 } else { last.1 + 1 });
        match batch.producer_epoch.cmp(&self.epoch) {
            _ if !known => Ok(()),
            std::cmp::Ordering::Less => Err(ErrorCode::InvalidProducerEpoch),
            std::cmp::Ordering::Greater if batch.base_sequence == 0 => Ok(()),
            std::cmp::Ordering::Equal if batch.base_sequence == next => Ok(()),
            _ => Err(ErrorCode::OutOfOrderSequenceNumber),
        }
    }
}

fn header(batch: &Bytes) -> BatchHeader {
    BatchHeader::parse(batch).expect("a batch")
}

/// A batch of records with these values, with base offset 0.
pub fn data_batch(options: BatchOptions, values: &[&str]) -> Bytes {
    let mut builder = BatchBuilder::new(options);
    values.iter().for_each(|value| builder.append(1000, None, Some(value.as_bytes()), &[]));
    builder.build()
}

/// The marker that ends a transaction.
pub fn control_batch(producer_id: i64, kind: ControlKind) -> Bytes {
    let options =
        BatchOptions { producer_id, producer_epoch: 0, transactional: true, control: true, ..BatchOptions::default() };
    let mut builder = BatchBuilder::new(options);
    let marker = EndTransactionMarker { coordinator_epoch: 0 };
    builder.append(1000, Some(&kind.key()), Some(&marker.value()), &[]);
    builder.build()
}
