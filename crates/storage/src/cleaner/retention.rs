//! What of one batch stays. A batch that loses nothing stays as it is, byte for byte; of another one the header says the
//! same offsets, sequences and producer as before, so that whoever reads the log misses nothing but records.

use super::key_map::KeyMap;
use super::outcomes::Outcomes;
use super::rewrite::{Horizon, empty, rewritten};
use crate::control;
use model::{Offset, ProducerId, Timestamp, mark, planted};
use protocol::records::{BatchError, BatchHeader, BatchView, RecordView};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// What becomes of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stays {
    /// As it is.
    Whole,
    /// These bytes instead.
    Part(Vec<u8>),
    /// Nothing, unless it is the last batch of its segment: then these bytes, a header without records.
    Nothing(Vec<u8>),
}

/// Where the last batches of a producer are that its state is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LastOfProducer {
    /// The last offsets of its last batches of records, as many as a producer may send again. Kafka keeps one; where its
    /// snapshots went with the power, a batch before that one that is sent again is out of order there.
    pub records: Vec<Offset>,
    /// The offset of the last batch that changed its state: that one, or a marker.
    pub change: Offset,
}

impl LastOfProducer {
    /// Of what was written in transactions the last batch is enough, as in Kafka: more would keep their markers.
    fn is_made_of(&self, header: &BatchHeader) -> bool {
        let needed = if header.is_transactional() { self.records.len().saturating_sub(1) } else { 0 };
        self.records[needed..].contains(&header.last_offset())
    }
}

/// What a cleaning knows when it comes to a batch. Batches must come in the order of the log, from its start.
#[derive(Debug)]
pub(super) struct Retention {
    pub map: KeyMap,
    /// The map knows all records from the first dirty offset up to here, and what is above is left alone.
    pub map_end: Offset,
    pub outcomes: Outcomes,
    pub last_of_producers: BTreeMap<ProducerId, LastOfProducer>,
    /// The wall clock.
    pub now: Timestamp,
    pub delete_retention_ms: i64,
    /// Bytes that a batch may decompress to.
    pub decompressed_limit: usize,
    /// Producers with a batch of records of the transaction whose marker comes next.
    pub with_records: BTreeSet<ProducerId>,
}

/// The records of a batch that stay.
#[derive(Default)]
struct Kept {
    /// Where they are in the payload; neighbours are one range.
    ranges: Vec<Range<usize>>,
    count: i32,
    has_tombstones: bool,
    largest_delta: i64,
}

impl Retention {
    /// What stays of `batch`.
    ///
    /// # Errors
    /// Its records are not what a producer wrote.
    pub fn judge(&mut self, batch: &BatchView<'_>) -> Result<Stays, BatchError> {
        let header = &batch.header;
        if header.is_control() {
            return Ok(self.judge_control(batch));
        }
        if header.is_transactional() {
            self.with_records.insert(header.producer_id);
        }
        if header.base_offset >= self.map_end {
            return Ok(Stays::Whole);
        }
        if header.is_transactional() && self.outcomes.is_aborted(header.producer_id, header.base_offset) {
            mark!("records of an aborted transaction cleaned");
            return Ok(self.nothing(batch));
        }
        if header.record_count == 0 {
            return Ok(self.nothing(batch));
        }
        let payload = batch.decompressed(self.decompressed_limit)?;
        let kept = self.kept(batch, &payload)?;
        if kept.count == 0 {
            return Ok(self.nothing(batch));
        }
        let is_new = kept.has_tombstones && !header.has_delete_horizon() && header.last_offset() < self.map_end;
        if kept.count == header.record_count && !is_new {
            return Ok(Stays::Whole);
        }
        let horizon = if is_new { Horizon::New(self.horizon()) } else { Horizon::AsItIs };
        let rewritten = rewritten(batch, &payload, &kept.ranges, kept.count, kept.largest_delta, horizon)?;
        Ok(rewritten.map_or(Stays::Whole, Stays::Part))
    }

    fn kept(&self, batch: &BatchView<'_>, payload: &[u8]) -> Result<Kept, BatchError> {
        let header = &batch.header;
        let expired = header.has_delete_horizon() && header.base_timestamp <= self.now;
        let (mut kept, mut position) = (Kept { largest_delta: i64::MIN, ..Kept::default() }, 0);
        for index in 0..header.record_count {
            let start = position;
            let record =
                RecordView::parse(payload, &mut position).map_err(|what| BatchError::Record { index, what })?;
            let offset = header.base_offset + i64::from(record.offset_delta);
            if !self.keeps(&record, offset, expired) {
                continue;
            }
            match kept.ranges.last_mut() {
                Some(last) if last.end == start => last.end = position,
                _ => kept.ranges.push(start..position),
            }
            kept.count += 1;
            kept.has_tombstones |= record.value.is_none();
            kept.largest_delta = kept.largest_delta.max(record.timestamp_delta);
        }
        match payload.len() - position {
            0 => Ok(kept),
            left => Err(BatchError::Remaining(left)),
        }
    }

    /// Whether a record stays: what is newer than the map, the last one of its key, and the mark of a deletion until its
    /// time is over.
    fn keeps(&self, record: &RecordView<'_>, offset: Offset, expired: bool) -> bool {
        if offset >= self.map_end {
            return true;
        }
        let Some(key) = record.key else {
            mark!("a record without a key cleaned");
            return false;
        };
        let is_last = self.map.latest(key).is_none_or(|latest| offset >= latest);
        let is_value = record.value.is_some();
        is_last && (is_value || !(expired || planted!("tombstones-dropped-at-once")))
    }

    /// A marker stays as long as records of its transaction do, and then as long as the mark of a deletion would.
    fn judge_control(&mut self, batch: &BatchView<'_>) -> Stays {
        let header = &batch.header;
        if control::marker(batch.bytes).is_none() && header.record_count > 0 {
            return Stays::Whole;
        }
        let has_records = self.with_records.remove(&header.producer_id);
        if has_records || header.base_offset >= self.map_end || self.is_last_change(batch) {
            return Stays::Whole;
        }
        if header.record_count == 0 {
            return Stays::Nothing(batch.bytes.to_vec());
        }
        if !header.has_delete_horizon() {
            let all = 0..batch.payload().len();
            let horizon = Horizon::New(self.horizon());
            let rewritten = rewritten(batch, batch.payload(), &[all], header.record_count, 0, horizon);
            return rewritten.ok().flatten().map_or(Stays::Whole, Stays::Part);
        }
        if header.base_timestamp > self.now {
            return Stays::Whole;
        }
        mark!("a marker cleaned");
        Stays::Nothing(empty(header))
    }

    /// Nothing stays of `batch`, or only its header: where a producer's state is made of it.
    fn nothing(&self, batch: &BatchView<'_>) -> Stays {
        let header = &batch.header;
        let bytes = if header.record_count == 0 { batch.bytes.to_vec() } else { empty(header) };
        let last = self.last_of_producers.get(&header.producer_id);
        match last.filter(|last| header.has_producer_id() && last.is_made_of(header)) {
            Some(_) if header.record_count == 0 => Stays::Whole,
            Some(_) => {
                mark!("a producer's last batch kept empty");
                Stays::Part(bytes)
            }
            None => Stays::Nothing(bytes),
        }
    }

    fn is_last_change(&self, batch: &BatchView<'_>) -> bool {
        let last = self.last_of_producers.get(&batch.header.producer_id);
        last.is_some_and(|last| last.change == batch.header.last_offset())
    }

    fn horizon(&self) -> Timestamp {
        self.now.saturating_add(self.delete_retention_ms)
    }
}
