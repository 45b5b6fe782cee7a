//! The batches that one fetch brought for one partition, checked on receipt and unpacked as they are read.

use super::ConsumerRecord;
use super::config::{ConsumerConfig, Isolation};
use super::session::FetchPosition;
use crate::error::{ClientError, Result};
use bytes::Bytes;
use model::{LeaderEpoch, Offset, ProducerId, TopicPartition};
use protocol::messages::fetch::AbortedTransaction;
use protocol::records::{BatchHeader, BatchView, Batches, ControlKind, Record, Records};
use std::collections::{BTreeSet, VecDeque};

/// Whole batches in the order of their offsets. Reading starts at an offset, and only ever goes up.
#[derive(Debug)]
pub(super) struct Fetched {
    of: TopicPartition,
    bytes: Bytes,
    /// Where the next batch starts.
    at: usize,
    current: Option<(BatchHeader, Records)>,
    /// The offset of the next record to give out, or one after which it comes.
    position: Offset,
    /// The offset after the last batch.
    end: Offset,
    /// The leader epoch of the last batch.
    last_epoch: LeaderEpoch,
    aborted: Aborted,
}

impl Fetched {
    /// Checks what was fetched from `from` on. A batch that is cut short at the end is left out.
    ///
    /// # Errors
    /// [`ClientError::Corrupt`]: a wrong checksum, offsets that do not go up, or not even one whole batch.
    pub fn check(
        of: &TopicPartition,
        from: Offset,
        bytes: Bytes,
        aborted: Vec<AbortedTransaction>,
        config: &ConsumerConfig,
    ) -> Result<Fetched> {
        let corrupt = |offset, why: String| ClientError::Corrupt { partition: of.to_string(), offset, why };
        let (mut end, mut whole, mut last_epoch) = (None, 0, -1);
        for batch in Batches::new(&bytes) {
            let checked =
                batch.and_then(|batch| if config.check_crcs { batch.check_crc().map(|()| batch) } else { Ok(batch) });
            let batch = match checked {
                Ok(batch) => batch,
                // What is before it is good; if it is bad and not just cut, the next fetch begins with it and fails.
                Err(_) if end.is_some() => break,
                Err(error) => return Err(corrupt(from, error.to_string())),
            };
            let header = batch.header;
            let wraps = header.next_offset() <= header.base_offset;
            if header.base_offset < 0 || wraps || end.is_some_and(|end| header.base_offset < end) {
                let why = format!("a batch of offsets {} to {} follows", header.base_offset, header.last_offset());
                return Err(corrupt(end.unwrap_or(from), why));
            }
            end = Some(header.next_offset());
            whole += batch.bytes.len();
            last_epoch = header.leader_epoch;
        }
        let end = end.unwrap_or(from);
        if end <= from {
            // To go on there would bring the same again, and again.
            return Err(corrupt(from, format!("what came ends before it, at {end}")));
        }
        let bytes = bytes.slice(..whole);
        // Who reads what is not committed is told of none; if it is all the same, that changes nothing.
        let aborted = if config.isolation == Isolation::ReadCommitted { aborted } else { Vec::new() };
        let (of, aborted) = (of.clone(), Aborted::new(aborted));
        Ok(Fetched { of, bytes, at: 0, current: None, position: from, end, last_epoch, aborted })
    }

    /// The offset after the last batch, where the next fetch goes on, and the epoch of what is before it.
    pub fn end(&self) -> FetchPosition {
        FetchPosition { offset: self.end, last_fetched_epoch: self.last_epoch }
    }

    /// Where reading stands.
    pub fn position(&self) -> Offset {
        self.position
    }

    /// The next record; none at the end, where the position is [`end`](Self::end).
    ///
    /// # Errors
    /// [`ClientError::Corrupt`]: a batch that cannot be unpacked, or whose records are not in order.
    pub fn next(&mut self, config: &ConsumerConfig) -> Result<Option<ConsumerRecord>> {
        loop {
            if let Some((header, records)) = &mut self.current {
                let header = *header;
                if let Some(record) = records.next() {
                    let record = record.map_err(|error| self.corrupt(error.to_string()))?;
                    if let Some(record) = self.check_record(&header, record)? {
                        return Ok(Some(record));
                    }
                    continue;
                }
                self.position = self.position.max(header.next_offset());
                self.current = None;
            }
            if !self.open_batch(config)? {
                self.position = self.end;
                return Ok(None);
            }
        }
    }

    /// Goes to the next batch that readers may see; says whether there is one.
    fn open_batch(&mut self, config: &ConsumerConfig) -> Result<bool> {
        while self.at < self.bytes.len() {
            let view = BatchView::parse(&self.bytes[self.at..]).expect("checked on receipt");
            let header = view.header;
            self.at += view.bytes.len();
            let hidden = self.aborted.hides(&view) || header.is_control();
            if hidden || header.next_offset() <= self.position {
                self.position = self.position.max(header.next_offset());
                continue;
            }
            let records = view.records_of(&self.bytes, config.decompressed_limit);
            let records = records.map_err(|error| self.corrupt(error.to_string()))?;
            self.current = Some((header, records));
            return Ok(true);
        }
        Ok(false)
    }

    fn check_record(&mut self, header: &BatchHeader, record: Record) -> Result<Option<ConsumerRecord>> {
        let offset = header.base_offset.saturating_add(Offset::from(record.offset_delta));
        if record.offset_delta < 0 || offset > header.last_offset() {
            return Err(
                self.corrupt(format!("a record of offset {offset} in a batch that ends at {}", header.last_offset()))
            );
        }
        if offset < self.position {
            return Ok(None); // before where reading starts
        }
        self.position = offset + 1;
        Ok(Some(ConsumerRecord {
            topic_partition: self.of.clone(),
            offset,
            leader_epoch: header.leader_epoch,
            timestamp: header.timestamp_of(record.timestamp_delta),
            timestamp_type: header.timestamp_type(),
            key: record.key,
            value: record.value,
            headers: record.headers,
        }))
    }

    fn corrupt(&self, why: String) -> ClientError {
        ClientError::Corrupt { partition: self.of.to_string(), offset: self.position, why }
    }
}

/// The aborted transactions that overlap a fetch (KIP-98): each producer with the offset where it began.
#[derive(Debug)]
struct Aborted {
    to_come: VecDeque<AbortedTransaction>,
    open: BTreeSet<ProducerId>,
}

impl Aborted {
    fn new(mut transactions: Vec<AbortedTransaction>) -> Aborted {
        transactions.sort_by_key(|transaction| transaction.first_offset);
        Aborted { to_come: transactions.into(), open: BTreeSet::new() }
    }

    /// Whether this batch, the next in the log, belongs to one of them. A marker may be all that a fetch has of its
    /// transaction, so it begins those before it as any batch does, and then ends its own.
    fn hides(&mut self, batch: &BatchView<'_>) -> bool {
        let header = batch.header;
        while self.to_come.front().is_some_and(|next| next.first_offset <= header.last_offset()) {
            let begun = self.to_come.pop_front().expect("just looked at");
            self.open.insert(begun.producer_id);
        }
        if header.is_control() {
            self.ended_by(batch);
        }
        header.is_transactional() && self.open.contains(&header.producer_id)
    }

    fn ended_by(&mut self, marker: &BatchView<'_>) {
        let first = marker.records(1 << 20).ok().and_then(|mut records| records.next());
        let key = first.and_then(std::result::Result::ok).and_then(|record| record.key);
        if key.is_some_and(|key| ControlKind::from_key(&key) == Some(ControlKind::Abort)) {
            self.open.remove(&marker.header.producer_id);
        }
    }
}
