//! The model of one partition's life, from its creation to its removal.

use super::batch::Batch;
use model::{LeaderEpoch, Offset, TopicPartition, Uuid};
use std::collections::BTreeMap;

/// The moment of an event: how many came before it.
pub type Event = usize;

/// What a log holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub start: Offset,
    pub end: Offset,
    /// All that was appended and not cut off, also what is below the start by now.
    pub lineage: Vec<Batch>,
}

/// What an operation does to a log.
#[derive(Clone, Debug)]
pub enum Kind {
    Append(Batch),
    /// Back to this offset; to nothing at all when it `empties` the log.
    Cut {
        to: Offset,
        empties: bool,
    },
    /// Of each key the last record stays.
    Cleaned,
    /// The log start moves, or retention removes segments.
    Start,
    /// A barrier: everything before is on stable storage when it is done.
    Settled,
    Epoch(LeaderEpoch),
    /// Nothing that the model knows.
    Other,
}

/// One operation on a log.
#[derive(Clone, Debug)]
pub struct Operation {
    pub kind: Kind,
    pub begun: Event,
    pub returned: Option<Event>,
    /// When an append was told to be durable.
    pub durable: Option<Event>,
    /// The log was not journaled.
    pub plain: bool,
    /// How many cuts came before.
    pub truncation: u64,
}

/// From when to when something took.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub begun: Event,
    pub done: Option<Event>,
}

/// One partition.
#[derive(Clone, Debug)]
pub struct Life {
    pub topic_partition: TopicPartition,
    pub topic_id: Uuid,
    /// It was made without a journal.
    pub made_plain: bool,
    /// It was found when the directory was opened, so all of its first state is on stable storage.
    pub found: bool,
    pub made: Span,
    pub dropped: Option<Span>,
    pub dropped_plain: bool,
    /// One more than there are operations: before the first, and after each.
    pub states: Vec<State>,
    pub operations: Vec<Operation>,
}

impl State {
    /// What can be read.
    pub fn visible(&self) -> impl Iterator<Item = &Batch> {
        self.lineage.iter().filter(|batch| batch.end_offset > self.start)
    }

    pub fn append(&mut self, batch: Batch) {
        assert_eq!(batch.base_offset, self.end, "the model appends at the end");
        self.end = batch.end_offset;
        self.lineage.push(batch);
    }

    pub fn truncate(&mut self, to: Offset) {
        if to < self.start {
            return self.reset(to);
        }
        while self.lineage.last().is_some_and(|last| last.end_offset > to) {
            self.end = self.lineage.pop().expect("looked at").base_offset;
        }
        // A batch that reaches over the log start may have gone as a whole.
        self.start = self.start.min(self.end);
    }

    /// The batches of the segments from offset `from` on are these now.
    pub fn clean(&mut self, from: Offset, cleaned: Vec<Batch>) {
        let to = cleaned.last().expect("a segment is never empty").end_offset;
        self.lineage.retain(|batch| batch.base_offset < from || batch.base_offset >= to);
        self.lineage.extend(cleaned);
        self.lineage.sort_by_key(|batch| batch.base_offset);
    }

    pub fn reset(&mut self, to: Offset) {
        *self = State { start: to, end: to, lineage: Vec::new() };
    }

    /// For each producer with a batch that can be read: epoch and last sequence.
    pub fn producers(&self) -> BTreeMap<i64, (i16, i32)> {
        self.visible().filter_map(|batch| batch.producer).map(|(id, epoch, last)| (id, (epoch, last))).collect()
    }
}

impl Life {
    pub fn state(&self) -> &State {
        self.states.last().expect("there is always one")
    }

    /// Whether its creation had begun.
    pub fn is_begun(&self, events: Event) -> bool {
        self.found || self.made.begun < events
    }

    /// How many operations had begun.
    pub fn begun(&self, events: Event) -> usize {
        self.operations.partition_point(|operation| operation.begun < events)
    }

    /// How many operations must have happened, whatever the power does: those up to the last that was acknowledged.
    pub fn acknowledged(&self, events: Event) -> usize {
        let promised = |operation: &Operation| match operation.kind {
            Kind::Append(_) => !operation.plain && happened(operation.durable, events),
            Kind::Cut { .. } | Kind::Start => !operation.plain && happened(operation.returned, events),
            Kind::Settled | Kind::Cleaned => happened(operation.returned, events),
            Kind::Epoch(_) | Kind::Other => false,
        };
        self.operations.iter().rposition(promised).map_or(0, |last| last + 1)
    }

    /// The same when the machine lives on: the page cache does too.
    pub fn cached(&self, events: Event) -> usize {
        let cached = |operation: &Operation| operation.plain && happened(operation.returned, events);
        let last = self.operations.iter().rposition(cached).map_or(0, |last| last + 1);
        last.max(self.acknowledged(events))
    }

    /// Every batch that was ever in the log by then.
    pub fn ever_appended(&self, events: Event) -> impl Iterator<Item = &Batch> {
        self.states[..=self.begun(events)].iter().flat_map(|state| &state.lineage)
    }
}

/// Whether it had happened by then.
pub fn happened(event: Option<Event>, events: Event) -> bool {
    event.is_some_and(|event| event < events)
}
