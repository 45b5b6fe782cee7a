//! Every record that was sent: where, how, and as what.

use crate::history::{Action, Content, History, Key, OperationId, RecordId, Sent};
use model::Timestamp;
use model::map::HashMap;
use std::collections::hash_map::Entry;

/// Where and how a record was sent.
#[derive(Clone, Copy, Debug)]
pub struct SentAt {
    /// The produce.
    pub operation: OperationId,
    /// Which of its records.
    pub place: usize,
    /// Whether another produce had sent it before.
    pub again: bool,
    /// Digest of what was sent.
    pub content: Content,
    /// The timestamp that was sent.
    pub timestamp: Timestamp,
    /// Its key, where that matters.
    pub key: Option<Key>,
}

/// All of a history, by id.
pub fn sent(history: &History) -> HashMap<RecordId, SentAt> {
    let mut sent = HashMap::default();
    for (operation, o) in history.operations.iter().enumerate() {
        let Action::Produce(produce) = &o.action else { continue };
        for (place, record) in produce.records.iter().enumerate() {
            let Sent { content, timestamp, key, .. } = *record;
            let operation = operation as OperationId;
            let attempt = SentAt { operation, place, again: false, content, timestamp, key };
            // Of several attempts the last one that was not refused counts: that may be the one that is read.
            match sent.entry(record.id) {
                Entry::Vacant(entry) => drop(entry.insert(attempt)),
                Entry::Occupied(mut entry) => {
                    let before: SentAt = *entry.get();
                    let counts = !o.is_failed() || history.operations[before.operation as usize].is_failed();
                    entry.insert(SentAt { again: true, ..if counts { attempt } else { before } });
                }
            }
        }
    }
    sent
}
