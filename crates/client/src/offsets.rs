//! Which offset a partition has at its ends, or at a time.

use crate::cluster::{Cluster, timeout_ms};
use crate::connection::Connection;
use crate::consumer::Isolation;
use crate::error::{ClientError, Result};
use crate::metadata::Wanted;
use crate::retries::Call;
use model::{ErrorCode, LeaderEpoch, NodeId, Offset, Timestamp, TopicPartition};
use protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};
use std::collections::BTreeMap;

/// A place in a partition that is not given as an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first offset there is.
    Earliest,
    /// The offset after the last record that a reader may see.
    Latest,
    /// The record with the largest timestamp (KIP-734).
    MaxTimestamp,
    /// The first record at or after a time, in the order of the log.
    At(Timestamp),
}

impl OffsetSpec {
    fn timestamp(self) -> i64 {
        match self {
            OffsetSpec::Earliest => -2,
            OffsetSpec::Latest => -1,
            OffsetSpec::MaxTimestamp => -3,
            OffsetSpec::At(timestamp) => timestamp.max(0),
        }
    }

    /// The first version of ListOffsets that knows it.
    fn since(self) -> i16 {
        if self == OffsetSpec::MaxTimestamp { 7 } else { 1 }
    }
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundOffset {
    /// The offset; -1 when there is no such record.
    pub offset: Offset,
    /// The record's timestamp; -1 where none was asked for.
    pub timestamp: Timestamp,
    /// The epoch of the leader that wrote it; -1 when it is not known.
    pub leader_epoch: LeaderEpoch,
}

type Asked = BTreeMap<TopicPartition, OffsetSpec>;
type Found = BTreeMap<TopicPartition, Result<FoundOffset>>;

impl Cluster {
    /// Looks up offsets, each at its partition's leader, with retries until `api_timeout`. Every partition asked for
    /// has a result.
    pub async fn list_offsets(&self, asked: &Asked, isolation: Isolation) -> Found {
        let mut found = Found::new();
        let mut left = asked.clone();
        let mut retries = self.retries(Call::Waiting);
        loop {
            let attempt = async {
                let round = self.list_offsets_once(&left, isolation).await;
                let again = round.values().find_map(|r| r.as_ref().err().filter(|e| e.is_retriable()).cloned());
                left.retain(|partition, _| matches!(round.get(partition), Some(Err(error)) if error.is_retriable()));
                found.extend(round);
                again.map_or(Ok(()), Err)
            };
            if retries.attempt(attempt).await.is_some() {
                break; // when the time is over, what the last attempt found stands
            }
        }
        for partition in asked.keys().filter(|partition| !found.contains_key(*partition)).cloned().collect::<Vec<_>>() {
            let within = self.config().api_timeout;
            found.insert(partition, Err(ClientError::TimedOut { what: "looking up offsets".to_owned(), within }));
        }
        found
    }

    /// Looks up one offset.
    ///
    /// # Errors
    /// The partition does not exist or has no leader, or none that answers in time.
    pub async fn list_offset(
        &self,
        of: &TopicPartition,
        spec: OffsetSpec,
        isolation: Isolation,
    ) -> Result<FoundOffset> {
        let mut found = self.list_offsets(&Asked::from([(of.clone(), spec)]), isolation).await;
        found.remove(of).expect("every partition asked for has a result")
    }

    async fn list_offsets_once(&self, asked: &Asked, isolation: Isolation) -> Found {
        let mut found = Found::new();
        let mut by_leader: BTreeMap<NodeId, Asked> = BTreeMap::new();
        for (partition, spec) in asked {
            match self.leader_once(partition).await {
                Ok(node) => drop(by_leader.entry(node).or_default().insert(partition.clone(), *spec)),
                Err(error) => drop(found.insert(partition.clone(), Err(error))),
            }
        }
        for (node, asked) in by_leader {
            let answer = match self.node(node).await {
                Ok(connection) => ask(&connection, &asked, isolation, timeout_ms(self.config().request_timeout)).await,
                Err(error) => Err(error),
            };
            for partition in asked.keys() {
                let result = answer.as_ref().map_err(Clone::clone).and_then(|answer| result_of(partition, answer));
                found.insert(partition.clone(), result);
            }
        }
        let stale: Vec<_> = found
            .iter()
            .filter(|(_, r)| r.as_ref().is_err_and(ClientError::is_retriable))
            .map(|(p, _)| p.topic.clone())
            .collect();
        if !stale.is_empty() {
            let _ = self.refresh(Wanted::Topics(&stale)).await; // the next round tells
        }
        found
    }

    /// Who leads a partition, asked for once if its topic is not known.
    pub(crate) async fn leader_once(&self, of: &TopicPartition) -> Result<NodeId> {
        let what = || format!("finding the leader of {of}");
        if !self.view().topics.contains_key(&of.topic) {
            self.refresh(Wanted::Topics(std::slice::from_ref(&of.topic))).await?;
        }
        let view = self.view();
        let topic = crate::cluster::topic_of(&view, &of.topic)?;
        if !usize::try_from(of.partition).is_ok_and(|at| at < topic.partitions.len()) {
            return Err(ClientError::refused(what(), ErrorCode::UnknownTopicOrPartition, None));
        }
        let leader = view.leader(of);
        leader.map(|l| l.node).ok_or_else(|| ClientError::refused(what(), ErrorCode::LeaderNotAvailable, None))
    }
}

async fn ask(
    connection: &Connection,
    asked: &Asked,
    isolation: Isolation,
    timeout_ms: i32,
) -> Result<ListOffsetsResponse> {
    let version = connection.version_of::<ListOffsetsRequest>(i16::MAX)?;
    let api = "ListOffsets";
    if let Some(spec) = asked.values().find(|spec| spec.since() > version) {
        let why = format!("{spec:?} needs version {}", spec.since());
        return Err(ClientError::Unwritable { api, version, why });
    }
    let mut topics: Vec<ListOffsetsTopic> = Vec::new();
    for (partition, spec) in asked {
        let entry = ListOffsetsPartition {
            partition_index: partition.partition,
            timestamp: spec.timestamp(),
            ..ListOffsetsPartition::default()
        };
        match topics.last_mut() {
            Some(topic) if topic.name == *partition.topic => topic.partitions.push(entry),
            _ => topics.push(ListOffsetsTopic {
                name: (&*partition.topic).into(),
                partitions: vec![entry],
                ..ListOffsetsTopic::default()
            }),
        }
    }
    let isolation_level = if version >= 2 { isolation.code() } else { 0 };
    let request = ListOffsetsRequest { replica_id: -1, isolation_level, topics, timeout_ms, ..Default::default() };
    connection.start(&request, version)?.wait().await
}

fn result_of(of: &TopicPartition, answer: &ListOffsetsResponse) -> Result<FoundOffset> {
    let what = || format!("looking up offsets of {of}");
    let topics = answer.topics.iter().filter(|topic| topic.name == *of.topic);
    let found = topics.flat_map(|topic| &topic.partitions).find(|p| p.partition_index == of.partition);
    let Some(found) = found else {
        return Err(ClientError::refused(what(), ErrorCode::UnknownServerError, Some("the answer leaves it out")));
    };
    crate::error::check(what, found.error_code, None)?;
    Ok(FoundOffset { offset: found.offset, timestamp: found.timestamp, leader_epoch: found.leader_epoch })
}
