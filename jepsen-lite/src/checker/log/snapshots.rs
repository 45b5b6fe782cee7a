//! What was read of a log at one moment: the final log, and each answer to a fetch. What must be true of a log at any time
//! is looked for in all of them; nothing that is lost in between excuses it.

use super::evidence::{Evidence, Partition};
use crate::history::{Answer, OperationId, Received, RecordId};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// One of them.
pub struct Snapshot<'h> {
    /// The operation that it came with.
    pub operation: OperationId,
    /// Its records, by offset.
    pub records: Cow<'h, [Received]>,
}

/// All of a partition, the final log first.
pub fn snapshots<'e>(evidence: &'e Evidence<'_>, partition: &'e Partition) -> impl Iterator<Item = Snapshot<'e>> {
    let last = partition.scan.map(|scan| scan.operation);
    let others = partition.operations.iter().copied().filter(move |id| Some(*id) != last);
    let all = last.into_iter().chain(others);
    all.filter_map(move |operation| {
        let records = match evidence.operation(operation).answer()? {
            Answer::Fetched { records, .. } => &records[..],
            Answer::Scanned { records, .. } if Some(operation) == last => &records[..],
            _ => return None, // an earlier scan took several fetches, and not in peace
        };
        let mut records = Cow::Borrowed(records);
        if !records.is_sorted_by_key(|record| record.offset) {
            records.to_mut().sort_by_key(|record| record.offset);
        }
        Some(Snapshot { operation, records })
    })
}

/// Pairs of records that were told of: what is wrong with them shows in every later answer, too.
#[derive(Default)]
pub struct ToldOf(BTreeSet<(RecordId, RecordId)>);

impl ToldOf {
    /// Whether a pair is new.
    pub fn is_new(&mut self, one: &Received, other: &Received) -> bool {
        self.0.insert((one.id, other.id))
    }
}
