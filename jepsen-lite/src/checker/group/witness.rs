//! Words that witnesses share.

use super::evidence::Groups;
use crate::checker::{Anomaly, Class};
use crate::history::{Action, OperationId};
use model::TopicPartition;

pub use crate::checker::log::witness::operation;

/// An operation as what a member did: `member m (epoch 3) in operation 17 of client 3 (...)`.
pub fn by_member(groups: &Groups<'_>, id: OperationId) -> String {
    let by = match &groups.operation(id).action {
        Action::Own(own) => Some(&own.by),
        Action::CommitOffset(commit) => commit.by.as_ref(),
        _ => None,
    };
    let who = by.map_or("nobody".to_owned(), |by| format!("member {} in epoch {}", by.id, by.epoch));
    format!("{who}, {}", operation(groups.log, id))
}

/// An anomaly of a group.
pub fn anomaly(
    class: Class,
    (group, partition): (&str, Option<&TopicPartition>),
    what: String,
    operations: &[OperationId],
) -> Anomaly {
    let mut operations = operations.to_vec();
    operations.dedup();
    let place = partition.map_or(String::new(), |partition| format!(" at {partition}"));
    let witness = format!("in group {group}{place}, {what}");
    Anomaly { class, partition: partition.cloned(), witness, operations }
}
