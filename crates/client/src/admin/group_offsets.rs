//! What groups have committed, for those who are no members.

use super::Admin;
use super::partitions::by_topic;
use super::rounds::Rounds;
use crate::error::{ClientError, Result, check};
use crate::group::offsets::{self, Asked, Fetched, Speaker};
use crate::group::{CommittedOffset, Offsets};
use model::TopicPartition;
use protocol::messages::OffsetDeleteRequest;
use protocol::messages::offset_delete::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic, OffsetDeleteResponseTopic,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What became of each partition.
type ByPartition = BTreeMap<TopicPartition, Result<()>>;

impl Admin {
    /// All that groups have committed. Each has a result. What a transaction is about to change is told as it was.
    pub async fn group_offsets(&self, groups: &[&str]) -> BTreeMap<String, Result<Offsets>> {
        let mut rounds = Rounds::new(&self.cluster, groups);
        while let Some(round) = rounds.next(&self.cluster).await {
            for (node, groups) in round {
                let asked = async {
                    let connection = self.broker(node).await?;
                    let all = |group: &Arc<str>| Asked { group: group.clone(), member: None, partitions: None };
                    let asked: Vec<Asked> = groups.iter().map(all).collect();
                    let found = offsets::fetch(&connection, &self.cluster.view(), &asked, false).await?;
                    Ok(found.into_iter().map(|(group, found)| (group.to_string(), found.and_then(whole))).collect())
                };
                rounds.take(&groups, asked.await);
            }
        }
        rounds.finish()
    }

    /// Commits offsets in the place of a group that has no members, and waits for it. Each partition has a result.
    ///
    /// # Errors
    /// The coordinator does not answer.
    pub async fn alter_group_offsets(&self, group: &str, wanted: &Offsets) -> Result<ByPartition> {
        let mut rounds = Rounds::new(&self.cluster, &[group]);
        while let Some(round) = rounds.next(&self.cluster).await {
            for (node, groups) in round {
                let asked = async {
                    let connection = self.broker(node).await?;
                    let view = self.cluster.view();
                    let results = offsets::commit(&connection, &view, group, &Speaker::nobody(), wanted).await?;
                    // A coordinator that is not ready refuses all of them, so the whole is tried again.
                    let refused = results.values().all(Result::is_err).then(|| results.values().next().cloned());
                    match refused.flatten() {
                        Some(Err(error)) if error.is_retriable() => Err(error),
                        _ => Ok(BTreeMap::from([(group.to_owned(), Ok(results))])),
                    }
                };
                rounds.take(&groups, asked.await);
            }
        }
        rounds.finish().remove(group).expect("each group has a result")
    }

    /// Forgets what a group has committed of these. Each has a result: what members read cannot be forgotten.
    ///
    /// # Errors
    /// The coordinator does not answer, or there is no such group.
    pub async fn delete_group_offsets(&self, group: &str, partitions: &[TopicPartition]) -> Result<ByPartition> {
        let topics = by_topic(partitions).into_iter().map(|(topic, partitions)| {
            let partition = |partition_index| OffsetDeleteRequestPartition { partition_index };
            OffsetDeleteRequestTopic { name: topic.into(), partitions: partitions.into_iter().map(partition).collect() }
        });
        let request = OffsetDeleteRequest { group_id: group.into(), topics: topics.collect() };
        let mut rounds = Rounds::new(&self.cluster, &[group]);
        while let Some(round) = rounds.next(&self.cluster).await {
            for (node, groups) in round {
                let asked = async {
                    let answer = self.broker(node).await?.call(&request).await?;
                    check(|| format!("deleting offsets of group {group}"), answer.error_code, None)?;
                    Ok(BTreeMap::from([(group.to_owned(), Ok(deleted(group, &answer.topics)))]))
                };
                rounds.take(&groups, asked.await);
            }
        }
        rounds.finish().remove(group).expect("each group has a result")
    }
}

/// All that is committed; the first error if some of it is not told.
fn whole(found: Fetched) -> Result<Offsets> {
    let told = |(of, offset): (TopicPartition, Result<Option<CommittedOffset>>)| Some((of, offset.transpose()?));
    found.into_iter().filter_map(told).map(|(of, offset)| Ok::<_, ClientError>((of, offset?))).collect()
}

fn deleted(group: &str, topics: &[OffsetDeleteResponseTopic]) -> ByPartition {
    let mut results = ByPartition::new();
    for topic in topics {
        let name: Arc<str> = (&*topic.name).into();
        for partition in &topic.partitions {
            let of = TopicPartition::new(name.clone(), partition.partition_index);
            let result = check(|| format!("deleting the offset of {of} in group {group}"), partition.error_code, None);
            results.insert(of, result);
        }
    }
    results
}
