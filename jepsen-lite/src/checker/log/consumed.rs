//! What members of groups were given, as reads. It may have been fetched long before it was delivered, so it says nothing
//! of when a record was there: it is kept apart from what the clients of partitions saw.

use super::evidence::{Evidence, Partition};
use super::topics::Topics;
use crate::history::{Action, Answer, History, OperationId, Received};
use model::TopicPartition;
use std::collections::BTreeMap;

/// By partition, of topics that had one life: of others nobody knows which of them was read.
pub fn gather(history: &History, topics: &Topics) -> Vec<Partition> {
    let mut consumed: BTreeMap<&TopicPartition, Partition> = BTreeMap::new();
    for (id, name, records) in deliveries(history) {
        let [life] = topics.of_name(&name.topic) else { continue };
        let partition = consumed.entry(name).or_insert_with(|| Partition::new(name.clone(), *life));
        records.iter().for_each(|record| partition.read(*record, id, false));
    }
    let mut consumed: Vec<Partition> = consumed.into_values().collect();
    consumed.iter_mut().for_each(Partition::in_order);
    consumed
}

/// Each delivery to a member of a group, in the order of invocation.
pub fn deliveries(history: &History) -> impl Iterator<Item = (OperationId, &TopicPartition, &[Received])> {
    (0..).zip(&history.operations).filter_map(|(id, operation)| match (&operation.action, operation.answer()) {
        (Action::Consume(consume), Some(Answer::Fetched { records, .. })) => {
            Some((id, &consume.partition, &records[..]))
        }
        _ => None,
    })
}

impl Evidence<'_> {
    /// Every partition, and beside it what members of groups were given of it.
    pub fn all_that_was_read(&self) -> impl Iterator<Item = &Partition> {
        self.partitions.iter().chain(&self.consumed)
    }
}
