//! CreatePartitions: a topic grows. It never shrinks.

use crate::create_topics::too_many_partitions;
use crate::machine::View;
use crate::partition_assignment::MAX_NEW_PARTITIONS;
use crate::placement::place;
use crate::records::{Partition, Record};
use crate::refusal::Refusal;
use model::metadata_image::TopicImage;
use model::{ErrorCode, NodeId};
use protocol::Text;
use protocol::messages::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic, CreatePartitionsTopicResult,
};
use std::collections::BTreeMap;
use std::sync::Arc;

impl View<'_> {
    /// Adds partitions to each topic for which that is possible.
    pub(crate) fn create_partitions(&mut self, request: &CreatePartitionsRequest) -> CreatePartitionsResponse {
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for topic in &request.topics {
            *times.entry(&topic.name).or_default() += 1;
        }
        let before = self.records.len();
        let mut results = Vec::with_capacity(times.len());
        for topic in &request.topics {
            let grown = match times.remove(&*topic.name) {
                None => continue, // answered at its first mention
                Some(1) => self.grow(topic, self.records.len() - before),
                Some(_) => Err(Refusal::new(ErrorCode::InvalidRequest, "the request names this topic twice")),
            };
            results.push(result(topic, grown));
        }
        if request.validate_only {
            self.records.truncate(before);
        }
        CreatePartitionsResponse { results, ..Default::default() }
    }

    fn grow(&mut self, wanted: &CreatePartitionsTopic, already: usize) -> Result<(), Refusal> {
        let topic = self.hard.topic(&wanted.name).ok_or(Refusal::silent(ErrorCode::UnknownTopicOrPartition))?.clone();
        let present = topic.partitions.len();
        let count = usize::try_from(wanted.count).unwrap_or(0);
        if count <= present {
            let message = format!("the topic has {present} partition(s) and cannot have {} instead", wanted.count);
            return Err(Refusal::new(ErrorCode::InvalidPartitions, message));
        }
        let added = count - present;
        if already.saturating_add(added) > MAX_NEW_PARTITIONS {
            return Err(too_many_partitions());
        }
        let replicas = self.replicas_of_new(&topic, wanted, added)?;
        let first = i32::try_from(present).unwrap_or(i32::MAX);
        let partitions = (first..)
            .zip(replicas)
            .map(|(number, replicas)| self.new_partition(topic.id, number, replicas))
            .collect::<Result<Vec<Partition>, Refusal>>()?;
        self.records.extend(partitions.into_iter().map(Record::Partition));
        Ok(())
    }

    fn replicas_of_new(
        &mut self,
        topic: &Arc<TopicImage>,
        wanted: &CreatePartitionsTopic,
        added: usize,
    ) -> Result<Vec<Vec<NodeId>>, Refusal> {
        let factor = topic.partitions.first().map_or(1, |partition| partition.replicas.len());
        let Some(assignments) = &wanted.assignments else {
            return place(self.hard, added, factor, &mut self.soft.dice);
        };
        if assignments.len() != added {
            let message =
                format!("{added} partition(s) are added, but replicas are assigned for {}", assignments.len());
            return Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
        }
        for assignment in assignments {
            self.check_assignment(&assignment.broker_ids, Some(factor))?;
        }
        Ok(assignments.iter().map(|assignment| assignment.broker_ids.clone()).collect())
    }
}

fn result(topic: &CreatePartitionsTopic, grown: Result<(), Refusal>) -> CreatePartitionsTopicResult {
    let (error, message) = match grown {
        Ok(()) => (ErrorCode::None, None),
        Err(refusal) => (refusal.error, refusal.message.map(Text::from)),
    };
    CreatePartitionsTopicResult {
        name: topic.name.clone(),
        error_code: error.code(),
        error_message: message,
        ..Default::default()
    }
}
