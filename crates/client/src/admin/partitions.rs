//! Partitions as the metadata has them, with who may lead (KIP-966).

use super::Admin;
use crate::error::{Result, check};
use crate::retries::Call;
use model::{ErrorCode, LeaderEpoch, NodeId, PartitionId, TopicPartition, Uuid};
use protocol::messages::DescribeTopicPartitionsRequest;
use protocol::messages::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic, TopicRequest,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A topic with its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedTopic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id.
    pub id: Uuid,
    /// Whether it is Kafka's own.
    pub is_internal: bool,
    /// Its partitions in order.
    pub partitions: Vec<DescribedPartition>,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedPartition {
    /// Its number.
    pub partition: PartitionId,
    /// The leader; -1 when there is none.
    pub leader: NodeId,
    /// The leader's epoch.
    pub leader_epoch: LeaderEpoch,
    /// All replicas, the preferred leader first.
    pub replicas: Vec<NodeId>,
    /// Those in sync.
    pub in_sync: Vec<NodeId>,
    /// Those that are not in sync, but have all that is committed.
    pub eligible: Vec<NodeId>,
    /// Those that were the last to have it, when nobody else was left.
    pub last_known_eligible: Vec<NodeId>,
    /// Those on brokers or disks that are away.
    pub offline: Vec<NodeId>,
}

type Topics = BTreeMap<String, Result<DescribedTopic>>;

impl Admin {
    /// Topics by name, or all of them, with every partition.
    ///
    /// # Errors
    /// No broker answered, or none that knows how. For each topic: it does not exist, or may not be seen.
    pub async fn describe_partitions(&self, names: Option<&[&str]>) -> Result<Topics> {
        let topic = |name: &&str| TopicRequest { name: (*name).into(), ..Default::default() };
        let named: Vec<TopicRequest> = names.unwrap_or_default().iter().map(topic).collect();
        if names.is_some() && named.is_empty() {
            return Ok(Topics::new()); // the wire has no way to ask for none
        }
        let mut topics = Topics::new();
        let mut cursor = None;
        loop {
            let next = self.partitions_after(&named, cursor, &mut topics).await?;
            let Some(next) = next else { return Ok(topics) };
            cursor = Some(next);
        }
    }

    /// One page; returns where the next one begins.
    async fn partitions_after(
        &self,
        topics: &[TopicRequest],
        cursor: Option<Cursor>,
        found: &mut Topics,
    ) -> Result<Option<Cursor>> {
        let request =
            DescribeTopicPartitionsRequest { topics: topics.to_vec(), cursor: cursor.clone(), ..Default::default() };
        let mut retries = self.cluster.retries(Call::Question);
        let answer = loop {
            let attempt = async { self.cluster.any().await?.call(&request).await };
            if let Some(result) = retries.attempt(attempt).await {
                break result?;
            }
        };
        answer.topics.iter().for_each(|topic| add(found, topic));
        if answer.next_cursor.is_some() && answer.next_cursor == cursor {
            let why = Some("the next page is the same page");
            return Err(crate::error::ClientError::refused("describing topics", ErrorCode::UnknownServerError, why));
        }
        Ok(answer.next_cursor)
    }
}

/// A topic may go over several pages.
fn add(found: &mut Topics, page: &DescribeTopicPartitionsResponseTopic) {
    let name = page.name.as_deref().unwrap_or_default();
    if let Err(error) = check(|| format!("looking up topic {name}"), page.error_code, None) {
        found.insert(name.to_owned(), Err(error));
        return;
    }
    let empty = || DescribedTopic {
        name: name.into(),
        id: page.topic_id,
        is_internal: page.is_internal,
        partitions: Vec::new(),
    };
    if let Ok(topic) = found.entry(name.to_owned()).or_insert_with(|| Ok(empty())) {
        topic.partitions.extend(page.partitions.iter().map(partition));
    }
}

fn partition(described: &DescribeTopicPartitionsResponsePartition) -> DescribedPartition {
    DescribedPartition {
        partition: described.partition_index,
        leader: described.leader_id,
        leader_epoch: described.leader_epoch,
        replicas: described.replica_nodes.clone(),
        in_sync: described.isr_nodes.clone(),
        eligible: described.eligible_leader_replicas.clone().unwrap_or_default(),
        last_known_eligible: described.last_known_elr.clone().unwrap_or_default(),
        offline: described.offline_replicas.clone(),
    }
}

/// Partitions by topic, as most requests want them.
pub(super) fn by_topic(partitions: &[TopicPartition]) -> BTreeMap<&str, Vec<PartitionId>> {
    let mut topics: BTreeMap<&str, Vec<PartitionId>> = BTreeMap::new();
    for of in partitions {
        topics.entry(&of.topic).or_default().push(of.partition);
    }
    topics
}
