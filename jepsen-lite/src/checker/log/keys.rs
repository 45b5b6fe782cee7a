//! Which records of a key may have been in a partition of a compacted topic, and when: what may stand in for one that is
//! not there.

use super::evidence::{Evidence, Partition, partition_of};
use super::topics::Home;
use crate::history::{Acks, Action, Index, Key, OperationId, RecordId};
use model::Offset;
use model::map::HashMap;

/// Of one partition.
#[derive(Debug, Default)]
pub struct Keys {
    by_key: HashMap<u64, Of>,
}

/// Of one key.
#[derive(Debug, Default)]
struct Of {
    /// Greatest offsets by the event from which on they are possible: both grow.
    any: Growing,
    /// Of records whose place is known.
    placed: Growing,
    /// Of records that delete the key.
    deletes: Growing,
    /// The last one in the final log.
    last: Option<Offset>,
}

type Growing = Vec<(Index, Offset)>;

impl Keys {
    /// Those of a partition. None where it is not clear what was written to it: its topic was made anew.
    pub fn of(evidence: &Evidence<'_>, partition: &Partition) -> Option<Keys> {
        let operations = evidence.history.operations.iter().zip(&evidence.homes);
        let mut writes = operations.filter(|(operation, _)| matches!(operation.action, Action::Produce(_)));
        let is_doubtful = writes
            .any(|(write, home)| *home == Home::Ambiguous && partition_of(&write.action) == Some(&partition.name));
        if is_doubtful {
            return None;
        }
        let places = places(evidence, partition);
        let mut keys = Keys::default();
        for id in &partition.operations {
            keys.take(evidence, *id, &places);
        }
        for version in partition.final_log() {
            if let Some(key) = key_of(evidence, version.id) {
                keys.by_key.entry(key.name).or_default().last = Some(version.offset); // in their order
            }
        }
        Some(keys)
    }

    fn take(&mut self, evidence: &Evidence<'_>, id: OperationId, places: &HashMap<RecordId, Offset>) {
        let operation = evidence.operation(id);
        let Action::Produce(produce) = &operation.action else { return };
        if operation.is_failed() {
            return;
        }
        for record in &produce.records {
            let Some(key) = record.key else { continue };
            let of = self.by_key.entry(key.name).or_default();
            let place = places.get(&record.id).copied();
            let (from, offset) = (operation.invoked.index, place.unwrap_or(Offset::MAX));
            grow(&mut of.any, from, offset);
            if place.is_some() {
                grow(&mut of.placed, from, offset);
            }
            if key.deletes {
                grow(&mut of.deletes, from, offset);
            }
        }
    }

    /// Whether the final log need not have the record of this key at `offset`, as far as newer ones go: it has a newer one,
    /// or one that deleted the key, and may be gone by now, may have been newer.
    pub fn is_replaced_in_the_end(&self, key: Key, offset: Offset) -> bool {
        self.by_key
            .get(&key.name)
            .is_some_and(|of| of.last.is_some_and(|last| last > offset) || greatest(&of.deletes, Index::MAX) > offset)
    }

    /// Whether a newer record of this key may have been there at event `until`. One of which nobody knows whether it was
    /// ever written can only have been if what stands for the key in the end is newer, too.
    pub fn may_be_replaced(&self, key: Key, offset: Offset, until: Index, is_scanned: bool) -> bool {
        let Some(of) = self.by_key.get(&key.name) else { return false };
        let leaves_a_trace = !is_scanned || self.is_replaced_in_the_end(key, offset);
        greatest(&of.placed, until) > offset || leaves_a_trace && self.may_have_newer(key, offset, until)
    }

    /// Whether somebody wrote, or may have, a record of this key that may be newer, whatever became of it.
    pub fn may_have_newer(&self, key: Key, offset: Offset, until: Index) -> bool {
        self.by_key.get(&key.name).is_some_and(|of| greatest(&of.any, until) > offset)
    }
}

/// The key of a record, and whether it deletes it.
pub fn key_of(evidence: &Evidence<'_>, id: RecordId) -> Option<Key> {
    evidence.sent.get(&id)?.key
}

/// Where records were surely committed; the last place where one was at several.
fn places(evidence: &Evidence<'_>, partition: &Partition) -> HashMap<RecordId, Offset> {
    let mut places: HashMap<RecordId, Offset> = HashMap::default();
    for version in &partition.versions {
        let to_all = |id: OperationId| matches!(&evidence.operation(id).action, Action::Produce(produce) if produce.acks == Acks::All);
        let is_placed = version.first_read.is_some() || version.acknowledged.is_some_and(to_all);
        if is_placed && is_written_once(evidence, version.id) {
            places.insert(version.id, version.offset); // in the order of offsets
        }
    }
    places
}

/// Whether a record is in the log once at most: it was sent once, or its producer is idempotent.
fn is_written_once(evidence: &Evidence<'_>, id: RecordId) -> bool {
    let session = evidence.history.sessions.get(id.session() as usize);
    let sent = evidence.sent.get(&id);
    session.is_some_and(|session| session.idempotent)
        || sent.is_some_and(|sent| !evidence.history.resent.contains(&sent.operation))
}

fn grow(growing: &mut Growing, from: Index, offset: Offset) {
    if growing.last().is_none_or(|(_, greatest)| offset > *greatest) {
        growing.push((from, offset));
    }
}

/// The greatest that is possible at event `until`; -1 for none.
fn greatest(growing: &[(Index, Offset)], until: Index) -> Offset {
    let count = growing.partition_point(|(from, _)| *from <= until);
    count.checked_sub(1).map_or(-1, |last| growing[last].1)
}
