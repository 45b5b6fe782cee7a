//! What a history proves, by partition: one pass over the operations, so that every checker is a walk over few facts.

pub use super::bounds::bounds;
use super::consumed;
pub use super::sent::SentAt;
use super::sent::sent;
use super::standing::Standing;
use super::topics::{Home, Topics};
use crate::history::{Action, Answer, Content, History, Index, Operation, OperationId, Received, RecordId};
use model::map::HashMap;
use model::{LeaderEpoch, Offset, Timestamp, TopicPartition};
use std::collections::BTreeMap;

/// What was read of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes {
    /// Digest of key, value and headers.
    pub content: Content,
    /// Its timestamp.
    pub timestamp: Timestamp,
    /// The leader epoch of its batch.
    pub epoch: LeaderEpoch,
}

/// One record that was seen at one offset. What is seen again is noted, not stored again.
#[derive(Clone, Debug)]
pub struct Version {
    /// Where.
    pub offset: Offset,
    /// Which record it said it was.
    pub id: RecordId,
    /// What its bytes were, once read.
    pub read: Option<Bytes>,
    /// The produce that was acknowledged with this offset.
    pub acknowledged: Option<OperationId>,
    /// The first read that returned it, scans included.
    pub first_read: Option<OperationId>,
    /// Whether the last scan returned it.
    pub scanned: bool,
    /// The operation, by completion, that showed it first, and the one that showed it last.
    pub first: OperationId,
    /// See `first`.
    pub last: OperationId,
}

/// The final read of a partition.
#[derive(Clone, Copy, Debug)]
pub struct Scan {
    /// The operation.
    pub operation: OperationId,
    /// First offset.
    pub log_start: Offset,
    /// End.
    pub end: Offset,
}

/// What is known of one partition of one life of a topic.
#[derive(Debug)]
pub struct Partition {
    /// Its name.
    pub name: TopicPartition,
    /// The life of its topic: a place in [`Topics::lives`].
    pub life: usize,
    /// What was seen, by offset, and at one offset in the order of completion.
    pub versions: Vec<Version>,
    /// Produces, fetches, lookups, deletions and scans, in the order of invocation.
    pub operations: Vec<OperationId>,
    /// Writes of which it is not clear whether they were of this life of its topic.
    pub doubtful_writes: Vec<OperationId>,
    /// Requests to delete records, and those of which it is not clear whether they were of this life of its topic.
    pub deletions: Vec<OperationId>,
    /// The first and last event at which somebody may have given it other replicas.
    pub moves: Vec<(Index, Index)>,
    /// The first offset that no request so far can have deleted, by the event at which it grew.
    deletable: Vec<(Index, Offset)>,
    /// The end of what operations had shown so far, by the event at which it grew.
    shown: Vec<(Index, Offset)>,
    /// What stands in the end, and by when it was known.
    pub standing: Standing,
    /// The last scan that succeeded.
    pub scan: Option<Scan>,
    /// The last scan that was refused, when none succeeded.
    pub refused: Option<OperationId>,
}

/// The evidence of a whole history.
#[derive(Debug)]
pub struct Evidence<'h> {
    /// Where it comes from.
    pub history: &'h History,
    /// The lives of topics.
    pub topics: Topics,
    /// By life and number.
    pub partitions: Vec<Partition>,
    /// What members of groups were given, by partition.
    pub consumed: Vec<Partition>,
    /// Every record that was ever sent.
    pub sent: HashMap<RecordId, SentAt>,
    /// Where each operation took effect.
    pub homes: Vec<Home>,
    /// Operations whose topic's life is not clear.
    pub ambiguous: u64,
}

impl<'h> Evidence<'h> {
    /// Gathers it.
    pub fn of(history: &'h History) -> Evidence<'h> {
        let topics = Topics::of(history);
        let homes: Vec<Home> = history.operations.iter().map(|operation| topics.home_of(operation)).collect();
        let mut gathering = Gathering { history, homes: &homes, places: BTreeMap::new(), partitions: Vec::new() };
        for id in by_completion(history) {
            gathering.take(id);
        }
        let mut partitions = gathering.partitions;
        let doubtful_writes = doubtful_writes(history, &homes);
        for partition in &mut partitions {
            partition.in_order();
            partition.moves = moves(history, &partition.name);
            partition.deletions = deletions(history, &homes, partition);
            partition.doubtful_writes = doubtful_writes.get(&partition.name).cloned().unwrap_or_default();
            partition.deletable = deletable(history, &partition.deletions);
            partition.shown = shown(history, &partition.operations);
            partition.standing = Standing::of(history, partition);
        }
        let sent = sent(history);
        let ambiguous = homes.iter().filter(|home| **home == Home::Ambiguous).count() as u64;
        let mut consumed = consumed::gather(history, &topics);
        consumed.iter_mut().for_each(|partition| partition.moves = moves(history, &partition.name));
        Evidence { history, topics, partitions, consumed, sent, homes, ambiguous }
    }

    /// The operation with this id.
    pub fn operation(&self, id: OperationId) -> &'h Operation {
        &self.history.operations[id as usize]
    }

    /// Whether an operation may have been answered by a node that did not know yet what others knew: a leader that was
    /// deposed, or a replica that lags. The final reads and lookups come when all is well, from leaders.
    pub fn may_be_stale(&self, operation: &Operation) -> bool {
        let of_leaders = match operation.action {
            Action::Scan { .. } => true,
            Action::ListOffsets(_) => self.is_final(operation),
            _ => false,
        };
        self.history.is_of_a_cluster() && !of_leaders
    }

    /// Whether an operation began once all was well.
    pub fn is_final(&self, operation: &Operation) -> bool {
        self.history.healed.is_some_and(|healed| operation.invoked.index > healed.index)
    }

    /// Whether retention may have taken records of a partition by event `until`.
    pub fn expires(&self, partition: &Partition, until: Index) -> bool {
        self.topics.lives[partition.life].maybe(0, until, |settings| settings.retention)
    }

    /// Whether metadata that an operation was told may be old: in a cluster, before all is well.
    pub fn may_be_old(&self, operation: &Operation) -> bool {
        let healed = self.history.healed.map_or(Index::MAX, |healed| healed.index);
        self.history.is_of_a_cluster() && operation.invoked.index < healed
    }

    /// Whether a version was known before an operation began, so that this cannot have gone by before it was written.
    pub fn was_shown_before(&self, version: &Version, id: OperationId) -> bool {
        self.until(version.first) < self.since(id)
    }

    /// The event from which on an observation held: the invocation of the operation that made it.
    pub fn since(&self, id: OperationId) -> Index {
        self.operation(id).invoked.index
    }

    /// The event by which an operation was done.
    pub fn until(&self, id: OperationId) -> Index {
        self.operation(id).last_effect()
    }
}

/// The deletions of a partition, and those of which it is not clear whether they were of this life of its topic.
fn deletions(history: &History, homes: &[Home], partition: &Partition) -> Vec<OperationId> {
    let deletes = |id: &OperationId| {
        let action = &history.operations[*id as usize].action;
        matches!(action, Action::DeleteRecords { partition: name, .. } if *name == partition.name)
    };
    let doubtful = (0..).zip(homes).filter(|(_, home)| **home == Home::Ambiguous).map(|(id, _)| id);
    let mut deletions: Vec<OperationId> =
        partition.operations.iter().copied().chain(doubtful).filter(deletes).collect();
    deletions.sort_unstable();
    deletions
}

/// The writes of which it is not clear to which life of their topic they came.
fn doubtful_writes<'h>(history: &'h History, homes: &[Home]) -> HashMap<&'h TopicPartition, Vec<OperationId>> {
    let mut doubtful: HashMap<&TopicPartition, Vec<OperationId>> = HashMap::default();
    for (id, (operation, home)) in (0..).zip(history.operations.iter().zip(homes)) {
        if let (Action::Produce(produce), Home::Ambiguous) = (&operation.action, home) {
            doubtful.entry(&produce.partition).or_default().push(id);
        }
    }
    doubtful
}

/// When it was asked for other replicas.
fn moves(history: &History, name: &TopicPartition) -> Vec<(Index, Index)> {
    let moves = |operation: &&Operation| {
        matches!(&operation.action, Action::Reassign { partition, .. } if partition == name) && !operation.is_failed()
    };
    history
        .operations
        .iter()
        .filter(moves)
        .map(|operation| (operation.invoked.index, operation.last_effect()))
        .collect()
}

/// How far requests sent so far may have deleted.
fn deletable(history: &History, operations: &[OperationId]) -> Vec<(Index, Offset)> {
    growing(operations.iter().filter_map(|id| {
        let operation = &history.operations[*id as usize];
        let Action::DeleteRecords { before, .. } = &operation.action else { return None };
        let below = match operation.answer() {
            _ if operation.is_failed() => return None,
            Some(Answer::RecordsDeleted { log_start }) if *before < 0 => *log_start,
            _ if *before < 0 => Offset::MAX, // to the end, wherever that was
            _ => *before,
        };
        Some((operation.invoked.index, below))
    }))
}

/// How far the log had been shown.
fn shown(history: &History, operations: &[OperationId]) -> Vec<(Index, Offset)> {
    let mut ends: Vec<(Index, Offset)> = operations.iter().filter_map(|id| shown_by(history, *id)).collect();
    ends.sort_unstable();
    growing(ends.into_iter())
}

fn shown_by(history: &History, id: OperationId) -> Option<(Index, Offset)> {
    let operation = &history.operations[id as usize];
    let end = match operation.answer()? {
        Answer::Fetched { records, .. } | Answer::Scanned { records, .. } => records.last()?.offset + 1,
        _ => bounds(operation).acknowledged?.0,
    };
    Some((operation.last_effect(), end))
}

/// Keeps what is greater than all before it.
fn growing(values: impl Iterator<Item = (Index, Offset)>) -> Vec<(Index, Offset)> {
    let mut grown: Vec<(Index, Offset)> = Vec::new();
    for (at, value) in values {
        if grown.last().is_none_or(|(_, last)| value > *last) {
            grown.push((at, value));
        }
    }
    grown
}

fn grown_to(grown: &[(Index, Offset)], at: Index) -> Offset {
    let count = grown.partition_point(|(since, _)| *since <= at);
    count.checked_sub(1).map_or(0, |last| grown[last].1)
}

/// Operations in the order they completed; those that never did, last.
fn by_completion(history: &History) -> Vec<OperationId> {
    let mut ids: Vec<OperationId> = (0..history.operations.len() as OperationId).collect();
    ids.sort_by_key(|id| history.operations[*id as usize].completed.map_or(Index::MAX, |moment| moment.index));
    ids
}

struct Gathering<'a> {
    history: &'a History,
    homes: &'a [Home],
    places: BTreeMap<(usize, i32), usize>,
    partitions: Vec<Partition>,
}

impl Gathering<'_> {
    fn take(&mut self, id: OperationId) {
        let operation = &self.history.operations[id as usize];
        let Home::One(life) = self.homes[id as usize] else { return };
        let Some(name) = partition_of(&operation.action) else { return };
        let place = *self.places.entry((life, name.partition)).or_insert_with(|| {
            self.partitions.push(Partition::new(name.clone(), life));
            self.partitions.len() - 1
        });
        let partition = &mut self.partitions[place];
        partition.operations.push(id);
        match (&operation.action, operation.answer()) {
            (Action::Produce(produce), Some(Answer::Produced { base_offset: Some(base) })) => {
                for (offset, record) in (*base..).zip(&produce.records) {
                    partition.acknowledged(offset, record.id, id);
                }
            }
            (Action::Fetch(_), Some(Answer::Fetched { records, .. })) => {
                records.iter().for_each(|record| partition.read(*record, id, false));
            }
            (Action::Scan { .. }, Some(Answer::Scanned { log_start, end, records })) => {
                // The log that counts is what the last scan brought, and nothing that only an earlier one did.
                partition.versions.iter_mut().for_each(|version| version.scanned = false);
                partition.scan = Some(Scan { operation: id, log_start: *log_start, end: *end });
                records.iter().for_each(|record| partition.read(*record, id, true));
            }
            (Action::Scan { .. }, _) => partition.refused = Some(id),
            _ => {}
        }
    }
}

/// The partition an operation is about.
pub fn partition_of(action: &Action) -> Option<&TopicPartition> {
    match action {
        Action::Produce(produce) => Some(&produce.partition),
        Action::Fetch(fetch) => Some(&fetch.partition),
        Action::ListOffsets(list) => Some(&list.partition),
        Action::DeleteRecords { partition, .. } | Action::Scan { partition } => Some(partition),
        _ => None,
    }
}

impl Partition {
    /// One of which nothing was seen.
    pub fn new(name: TopicPartition, life: usize) -> Partition {
        Partition {
            name,
            life,
            versions: Vec::new(),
            operations: Vec::new(),
            doubtful_writes: Vec::new(),
            deletions: Vec::new(),
            moves: Vec::new(),
            deletable: Vec::new(),
            shown: Vec::new(),
            standing: Standing::default(),
            scan: None,
            refused: None,
        }
    }

    fn acknowledged(&mut self, offset: Offset, id: RecordId, by: OperationId) {
        self.saw(Version {
            offset,
            id,
            read: None,
            acknowledged: Some(by),
            first_read: None,
            scanned: false,
            first: by,
            last: by,
        });
    }

    /// Notes a record that was read.
    pub fn read(&mut self, record: Received, by: OperationId, scanned: bool) {
        self.saw(Version {
            offset: record.offset,
            id: record.id,
            read: Some(Bytes { content: record.content, timestamp: record.timestamp, epoch: record.epoch }),
            acknowledged: None,
            first_read: Some(by),
            scanned,
            first: by,
            last: by,
        });
    }

    /// Most records are read many times: what is the same is joined before memory is taken for more.
    fn saw(&mut self, version: Version) {
        if self.versions.len() == self.versions.capacity() {
            self.join();
            self.versions.reserve(self.versions.len().max(64));
        }
        self.versions.push(version);
    }

    /// Puts what was noted in order.
    pub fn in_order(&mut self) {
        self.operations.sort_unstable();
        self.join();
        self.versions.shrink_to_fit();
    }

    /// Sorts what was seen by offset, and joins what is the same.
    fn join(&mut self) {
        self.versions.sort_by_key(|version| version.offset); // stable: at one offset by completion
        self.versions.dedup_by(|next, version| version.absorbs(next));
    }

    /// The first offset that no request sent before event `at` can have deleted.
    pub fn asked_to_delete(&self, at: Index) -> Offset {
        grown_to(&self.deletable, at)
    }

    /// An offset above all that completed operations had shown before event `at`.
    pub fn shown_below(&self, at: Index) -> Offset {
        grown_to(&self.shown, at)
    }

    /// The versions that the last scan returned, by offset.
    pub fn final_log(&self) -> impl Iterator<Item = &Version> {
        self.versions.iter().filter(|version| version.scanned)
    }
}

impl Version {
    /// Joins `next` into this one when it shows the same record at the same offset.
    fn absorbs(&mut self, next: &Version) -> bool {
        let same_bytes = self.read.is_none() || next.read.is_none() || self.read == next.read;
        if self.offset != next.offset || self.id != next.id || !same_bytes {
            return false;
        }
        self.read = self.read.or(next.read);
        self.acknowledged = self.acknowledged.or(next.acknowledged);
        self.first_read = self.first_read.or(next.first_read);
        self.scanned |= next.scanned;
        self.last = next.last;
        true
    }
}
