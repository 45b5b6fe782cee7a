//! Moving replicas to other brokers (KIP-455).

use super::Admin;
use super::partitions::by_topic;
use crate::cluster::timeout_ms;
use crate::error::{Result, check};
use crate::retries::Call;
use model::{NodeId, TopicPartition};
use protocol::messages::alter_partition_reassignments::{ReassignablePartition, ReassignableTopic};
use protocol::messages::list_partition_reassignments::ListPartitionReassignmentsTopics;
use protocol::messages::{AlterPartitionReassignmentsRequest, ListPartitionReassignmentsRequest};
use std::collections::BTreeMap;

/// What is to become of a partition's replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reassignment {
    /// These are its replicas in the end, the preferred leader first.
    To(Vec<NodeId>),
    /// What is under way ends, and the replicas are what they were before.
    Cancel,
}

/// A reassignment that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OngoingReassignment {
    /// Of which partition.
    pub topic_partition: TopicPartition,
    /// All that hold it now, new and old.
    pub replicas: Vec<NodeId>,
    /// Those that are new.
    pub adding: Vec<NodeId>,
    /// Those that will go.
    pub removing: Vec<NodeId>,
}

impl Admin {
    /// Begins or ends reassignments. Sent again until it is done: to ask for the same twice is to ask once.
    ///
    /// # Errors
    /// No broker answered. For each partition: there is none, the brokers do not exist, or nothing is under way.
    pub async fn alter_reassignments(
        &self,
        wanted: &BTreeMap<TopicPartition, Reassignment>,
    ) -> Result<Vec<(TopicPartition, Result<()>)>> {
        let mut topics: Vec<ReassignableTopic> = Vec::new();
        for (of, what) in wanted {
            let replicas = match what {
                Reassignment::To(replicas) => Some(replicas.clone()),
                Reassignment::Cancel => None,
            };
            let partition = ReassignablePartition { partition_index: of.partition, replicas, ..Default::default() };
            match topics.last_mut() {
                Some(topic) if topic.name == *of.topic => topic.partitions.push(partition),
                _ => topics.push(ReassignableTopic {
                    name: (&*of.topic).into(),
                    partitions: vec![partition],
                    ..Default::default()
                }),
            }
        }
        let timeout_ms = timeout_ms(self.cluster.config().request_timeout);
        let request = AlterPartitionReassignmentsRequest { timeout_ms, topics, ..Default::default() };
        let mut retries = self.cluster.retries(Call::Repeatable);
        loop {
            let attempt = async {
                let answer = self.cluster.controller().await?.call(&request).await?;
                let what = || "changing reassignments".to_owned();
                self.learn(check(what, answer.error_code, answer.error_message.as_deref())).await?;
                let results = answer.responses.iter().flat_map(|topic| {
                    topic.partitions.iter().map(|result| {
                        let of = TopicPartition::new(&*topic.name, result.partition_index);
                        let what = || format!("reassigning {of}");
                        let result = check(what, result.error_code, result.error_message.as_deref());
                        (of, result)
                    })
                });
                Ok(results.collect())
            };
            if let Some(result) = retries.attempt(attempt).await {
                return result;
            }
        }
    }

    /// The reassignments that are under way: of these partitions, or of all.
    ///
    /// # Errors
    /// No broker answered.
    pub async fn list_reassignments(&self, of: Option<&[TopicPartition]>) -> Result<Vec<OngoingReassignment>> {
        let topics = of.map(|of| {
            let topic = |(name, partition_indexes): (&str, Vec<i32>)| ListPartitionReassignmentsTopics {
                name: name.into(),
                partition_indexes,
                ..Default::default()
            };
            by_topic(of).into_iter().map(topic).collect()
        });
        let timeout_ms = timeout_ms(self.cluster.config().request_timeout);
        let request = ListPartitionReassignmentsRequest { timeout_ms, topics, ..Default::default() };
        let mut retries = self.cluster.retries(Call::Question);
        loop {
            let attempt = async {
                let answer = self.cluster.controller().await?.call(&request).await?;
                let what = || "listing reassignments".to_owned();
                self.learn(check(what, answer.error_code, answer.error_message.as_deref())).await?;
                let ongoing = answer.topics.iter().flat_map(|topic| {
                    topic.partitions.iter().map(|partition| OngoingReassignment {
                        topic_partition: TopicPartition::new(&*topic.name, partition.partition_index),
                        replicas: partition.replicas.clone(),
                        adding: partition.adding_replicas.clone(),
                        removing: partition.removing_replicas.clone(),
                    })
                });
                Ok(ongoing.collect())
            };
            if let Some(result) = retries.attempt(attempt).await {
                return result;
            }
        }
    }
}
