//! Creating, deleting, growing and describing topics.

use super::Admin;
use crate::cluster::{timeout_ms, topic_of};
use crate::error::{ClientError, Result, check};
use crate::metadata::{ClusterView, TopicView, Wanted};
use crate::retries::Call;
use model::{ErrorCode, NodeId, PartitionId, Uuid};
use protocol::messages::create_partitions::CreatePartitionsTopic;
use protocol::messages::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreatableTopicResult,
};
use protocol::messages::delete_topics::DeleteTopicState;
use protocol::messages::{CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest};
use std::sync::Arc;

/// A topic to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; -1 for the broker's default, and with assignments.
    pub partitions: PartitionId,
    /// How many replicas of each; -1 for the broker's default, and with assignments.
    pub replication_factor: i16,
    /// The replicas of each partition, the preferred leader first; empty to let the cluster choose.
    pub assignments: Vec<Vec<NodeId>>,
    /// Its configs where they are not the cluster's.
    pub configs: Vec<(String, Option<String>)>,
}

impl NewTopic {
    /// A topic of so many partitions, all else the cluster's default.
    pub fn new(name: impl Into<String>, partitions: PartitionId) -> NewTopic {
        NewTopic { name: name.into(), partitions, replication_factor: -1, assignments: Vec::new(), configs: Vec::new() }
    }

    /// With a config.
    #[must_use]
    pub fn config(mut self, name: &str, value: &str) -> NewTopic {
        self.configs.push((name.to_owned(), Some(value.to_owned())));
        self
    }

    fn to_wire(&self) -> CreatableTopic {
        let assignment = |(index, brokers): (i32, &Vec<NodeId>)| CreatableReplicaAssignment {
            partition_index: index,
            broker_ids: brokers.clone(),
            ..Default::default()
        };
        let config = |(name, value): &(String, Option<String>)| CreatableTopicConfig {
            name: name.as_str().into(),
            value: value.as_deref().map(Into::into),
            ..Default::default()
        };
        CreatableTopic {
            name: self.name.as_str().into(),
            num_partitions: self.partitions,
            replication_factor: self.replication_factor,
            assignments: (0..).zip(&self.assignments).map(assignment).collect(),
            configs: self.configs.iter().map(config).collect(),
            ..Default::default()
        }
    }
}

/// A topic that was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreatedTopic {
    /// Its id; zero from an old broker.
    pub id: Uuid,
    /// How many partitions it has; -1 from an old broker.
    pub partitions: PartitionId,
    /// How many replicas each has; -1 from an old broker.
    pub replication_factor: i16,
}

impl Admin {
    /// Creates topics, or only checks whether they could be. Not sent again once it may have been done.
    ///
    /// # Errors
    /// No broker answered. For each topic: it exists, or its name, counts or configs are refused.
    pub async fn create_topics(
        &self,
        topics: &[NewTopic],
        validate_only: bool,
    ) -> Result<Vec<(String, Result<CreatedTopic>)>> {
        let request = CreateTopicsRequest {
            topics: topics.iter().map(NewTopic::to_wire).collect(),
            timeout_ms: timeout_ms(self.cluster.config().request_timeout),
            validate_only,
            ..Default::default()
        };
        let mut retries = self.cluster.retries(Call::Once);
        loop {
            let attempt = async {
                let answer = self.cluster.controller().await?.call(&request).await?;
                let results: Vec<_> = answer.topics.iter().map(|t| (t.name.to_string(), created(t))).collect();
                self.learn(all_or_retry(results)).await
            };
            if let Some(result) = retries.attempt(attempt).await {
                return result;
            }
        }
    }

    /// Creates one topic.
    ///
    /// # Errors
    /// As [`create_topics`](Self::create_topics), both kinds.
    pub async fn create_topic(&self, topic: NewTopic) -> Result<CreatedTopic> {
        let results = self.create_topics(std::slice::from_ref(&topic), false).await?;
        only(results, || format!("creating topic {}", topic.name))
    }

    /// Deletes topics by name. Not sent again once it may have been done.
    ///
    /// # Errors
    /// No broker answered. For each topic: it does not exist, or may not be deleted.
    pub async fn delete_topics(&self, names: &[&str]) -> Result<Vec<(String, Result<()>)>> {
        let timeout_ms = timeout_ms(self.cluster.config().request_timeout);
        let mut retries = self.cluster.retries(Call::Once);
        loop {
            let attempt = async {
                let connection = self.cluster.controller().await?;
                let version = connection.version_of::<DeleteTopicsRequest>(i16::MAX)?;
                let request = match version {
                    6.. => DeleteTopicsRequest {
                        topics: names.iter().map(|n| by_name(n)).collect(),
                        timeout_ms,
                        ..Default::default()
                    },
                    _ => DeleteTopicsRequest {
                        topic_names: names.iter().map(|n| (*n).into()).collect(),
                        timeout_ms,
                        ..Default::default()
                    },
                };
                let answer = connection.start(&request, version)?.wait().await?;
                let result = |t: &protocol::messages::delete_topics::DeletableTopicResult| {
                    let name = t.name.as_deref().unwrap_or_default().to_owned();
                    let result = check(|| format!("deleting topic {name}"), t.error_code, t.error_message.as_deref());
                    (name, result)
                };
                self.learn(all_or_retry(answer.responses.iter().map(result).collect())).await
            };
            if let Some(result) = retries.attempt(attempt).await {
                return result;
            }
        }
    }

    /// Gives a topic more partitions. Not sent again once it may have been done.
    ///
    /// # Errors
    /// No broker answered, the topic does not exist, or has that many already.
    pub async fn create_partitions(&self, topic: &str, count: PartitionId, validate_only: bool) -> Result<()> {
        let request = CreatePartitionsRequest {
            // Null lets the cluster choose; an empty list is an assignment, and a wrong one.
            topics: vec![CreatePartitionsTopic { name: topic.into(), count, assignments: None, ..Default::default() }],
            timeout_ms: timeout_ms(self.cluster.config().request_timeout),
            validate_only,
            ..Default::default()
        };
        let mut retries = self.cluster.retries(Call::Once);
        loop {
            let attempt = async {
                let answer = self.cluster.controller().await?.call(&request).await?;
                let what = || format!("giving topic {topic} {count} partitions");
                let results = answer.results.iter().map(|result| {
                    (result.name.to_string(), check(what, result.error_code, result.error_message.as_deref()))
                });
                self.learn(only(results.collect(), what)).await
            };
            if let Some(result) = retries.attempt(attempt).await {
                return result;
            }
        }
    }

    /// Every topic, by name.
    ///
    /// # Errors
    /// No broker answered.
    pub async fn list_topics(&self) -> Result<Vec<Arc<TopicView>>> {
        let view = self.view_of(Wanted::All).await?;
        Ok(view.topics.values().cloned().collect())
    }

    /// Topics by name, as they are now; none is created.
    ///
    /// # Errors
    /// No broker answered. For each topic: it does not exist, or may not be seen.
    pub async fn describe_topics(&self, names: &[&str]) -> Result<Vec<(String, Result<Arc<TopicView>>)>> {
        let names: Vec<Arc<str>> = names.iter().map(|name| Arc::from(*name)).collect();
        let view = self.view_of(Wanted::Topics(&names)).await?;
        Ok(names.iter().map(|name| (name.to_string(), topic_of(&view, name))).collect())
    }

    async fn view_of(&self, wanted: Wanted<'_>) -> Result<Arc<ClusterView>> {
        let mut retries = self.cluster.retries(Call::Question);
        loop {
            if let Some(result) = retries.attempt(self.cluster.refresh_and_create(wanted, false)).await {
                return result;
            }
        }
    }
}

fn by_name(name: &str) -> DeleteTopicState {
    DeleteTopicState { name: Some(name.into()), ..Default::default() }
}

fn created(topic: &CreatableTopicResult) -> Result<CreatedTopic> {
    check(|| format!("creating topic {}", topic.name), topic.error_code, topic.error_message.as_deref())?;
    Ok(CreatedTopic {
        id: topic.topic_id,
        partitions: topic.num_partitions,
        replication_factor: topic.replication_factor,
    })
}

/// The results; but when every one of them is an error that goes away by itself, the first error, to be tried again.
fn all_or_retry<T>(results: Vec<(String, Result<T>)>) -> Result<Vec<(String, Result<T>)>> {
    let retriable = |result: &Result<T>| {
        // What a deleted topic answers is retriable for producers, who may be ahead of its creation.
        let code = result.as_ref().err().and_then(ClientError::error_code);
        code.is_some_and(|code| code.is_retriable() && code != ErrorCode::UnknownTopicOrPartition)
    };
    match results.iter().all(|(_, result)| retriable(result)) {
        true => match results.into_iter().find_map(|(_, result)| result.err()) {
            Some(error) => Err(error),
            None => Ok(Vec::new()),
        },
        false => Ok(results),
    }
}

/// The result of the one thing asked for.
fn only<T>(results: Vec<(String, Result<T>)>, what: impl Fn() -> String) -> Result<T> {
    let left_out =
        || Err(ClientError::refused(what(), ErrorCode::UnknownServerError, Some("the answer leaves it out")));
    results.into_iter().next().map_or_else(left_out, |(_, result)| result)
}
