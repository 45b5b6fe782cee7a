//! Words that witnesses share.

use super::evidence::{Evidence, Partition, Version};
use crate::checker::{Anomaly, Class};
use crate::history::OperationId;

/// Seconds with microseconds, as in traces.
pub fn seconds(at: u64) -> String {
    format!("{}.{:06} s", at / 1_000_000_000, at / 1_000 % 1_000_000)
}

/// Which operation, whose, and when: `operation 17 of client 3 (1.000000 s to 1.200000 s)`.
pub fn operation(evidence: &Evidence<'_>, id: OperationId) -> String {
    let operation = evidence.operation(id);
    let from = seconds(operation.invoked.at);
    let to = operation.completed.map_or("never".to_owned(), |moment| seconds(moment.at));
    format!("operation {id} of client {} ({from} to {to})", operation.process)
}

/// How a version became known.
pub fn shown(evidence: &Evidence<'_>, version: &Version) -> String {
    let how = if version.acknowledged == Some(version.first) { "acknowledged to" } else { "read by" };
    format!("record {} at offset {}, {how} {}", version.id, version.offset, operation(evidence, version.first))
}

/// An anomaly of a partition.
pub fn anomaly(class: Class, partition: &Partition, witness: String, operations: &[OperationId]) -> Anomaly {
    let mut operations = operations.to_vec();
    operations.dedup();
    let witness = format!("in {}, {witness}", partition.name);
    Anomaly { class, partition: Some(partition.name.clone()), witness, operations }
}
