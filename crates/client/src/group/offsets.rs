//! Committed offsets: how they are asked for and written.

use crate::connection::Connection;
use crate::error::{ClientError, Result, check};
use crate::metadata::ClusterView;
use model::{ErrorCode, LeaderEpoch, Offset, TopicPartition, Uuid};
use protocol::messages::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::messages::offset_fetch::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics, OffsetFetchResponseGroup,
    OffsetFetchResponsePartitions,
};
use protocol::messages::{OffsetCommitRequest, OffsetFetchRequest, OffsetFetchResponse};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A committed offset: where reading goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The offset of the next record to be read.
    pub offset: Offset,
    /// The leader epoch of the record before it; -1 when it is not known.
    pub leader_epoch: LeaderEpoch,
    /// What the member that committed wanted to remember.
    pub metadata: String,
}

impl CommittedOffset {
    /// This offset and nothing else.
    pub fn at(offset: Offset) -> CommittedOffset {
        CommittedOffset { offset, leader_epoch: -1, metadata: String::new() }
    }
}

/// Offsets by partition.
pub type Offsets = BTreeMap<TopicPartition, CommittedOffset>;
/// What is committed of each partition: none where nothing is.
pub type Fetched = BTreeMap<TopicPartition, Result<Option<CommittedOffset>>>;

/// As whom an offset is committed or asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Speaker {
    /// Empty for who is no member.
    pub member_id: Arc<str>,
    /// The generation or the member epoch; -1 for who is no member.
    pub generation: i32,
    pub instance_id: Option<Arc<str>>,
}

impl Speaker {
    /// Who is no member of the group.
    pub fn nobody() -> Speaker {
        Speaker { member_id: "".into(), generation: -1, instance_id: None }
    }
}

/// The last version of OffsetCommit and of OffsetFetch that names topics by name.
const BY_NAME: i16 = 9;
/// The first version of OffsetFetch that asks for several groups (KIP-709).
const GROUPS: i16 = 8;
/// The first version of OffsetFetch that can ask for what no transaction is about to change (KIP-447).
const STABLE: i16 = 7;

/// Commits once. Each partition has a result.
///
/// # Errors
/// No answer came.
pub(crate) async fn commit(
    connection: &Connection,
    view: &ClusterView,
    group: &str,
    speaker: &Speaker,
    offsets: &Offsets,
) -> Result<BTreeMap<TopicPartition, Result<()>>> {
    let by_id = offsets.keys().all(|of| !id_of(view, &of.topic).is_zero());
    let version = connection.version_of::<OffsetCommitRequest>(if by_id { i16::MAX } else { BY_NAME })?;
    let mut topics: Vec<OffsetCommitRequestTopic> = Vec::new();
    for (of, offset) in offsets {
        let entry = OffsetCommitRequestPartition {
            partition_index: of.partition,
            committed_offset: offset.offset,
            committed_leader_epoch: offset.leader_epoch,
            committed_metadata: Some(offset.metadata.as_str().into()),
            ..Default::default()
        };
        match topics.last_mut() {
            Some(topic) if topic.name == *of.topic => topic.partitions.push(entry),
            _ => topics.push(OffsetCommitRequestTopic {
                name: (&*of.topic).into(),
                topic_id: id_of(view, &of.topic),
                partitions: vec![entry],
                ..Default::default()
            }),
        }
    }
    let request = OffsetCommitRequest {
        group_id: group.into(),
        generation_id_or_member_epoch: speaker.generation,
        member_id: (&*speaker.member_id).into(),
        // Older brokers know no static members, and members that are none.
        group_instance_id: speaker.instance_id.as_deref().map(Into::into).filter(|_| version >= 7),
        topics,
        ..Default::default()
    };
    let answer = connection.start(&request, version)?.wait().await?;
    let mut results = BTreeMap::new();
    for topic in &answer.topics {
        let name = name_of(version, &topic.name, topic.topic_id, offsets.keys(), view);
        for partition in &topic.partitions {
            let Some(name) = &name else { continue };
            let of = TopicPartition::new(name.clone(), partition.partition_index);
            let result = check(|| format!("committing {of} in group {group}"), partition.error_code, None);
            results.insert(of, result);
        }
    }
    for of in offsets.keys() {
        results.entry(of.clone()).or_insert_with(|| Err(left_out(format!("committing {of} in group {group}"))));
    }
    Ok(results)
}

/// What is asked of one group.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub group: Arc<str>,
    /// As a member of a consumer group, if it is one: an epoch that is not current is refused then.
    pub member: Option<(Arc<str>, i32)>,
    /// None for all that is committed.
    pub partitions: Option<BTreeSet<TopicPartition>>,
}

/// Asks once for what groups have committed. Each group has a result, and each partition asked for.
///
/// # Errors
/// No answer came.
pub(crate) async fn fetch(
    connection: &Connection,
    view: &ClusterView,
    asked: &[Asked],
    stable: bool,
) -> Result<BTreeMap<Arc<str>, Result<Fetched>>> {
    let named = || asked.iter().flat_map(|asked| asked.partitions.iter().flatten());
    let by_id =
        asked.iter().all(|asked| asked.partitions.is_some()) && named().all(|of| !id_of(view, &of.topic).is_zero());
    let version = connection.version_of::<OffsetFetchRequest>(if by_id { i16::MAX } else { BY_NAME })?;
    let mut found = BTreeMap::new();
    if version >= GROUPS {
        let groups = asked.iter().map(|asked| wire_group(view, asked)).collect();
        let request = OffsetFetchRequest { groups, require_stable: stable, ..Default::default() };
        let answer = connection.start(&request, version)?.wait().await?;
        for group in &answer.groups {
            let Some(asked) = asked.iter().find(|asked| group.group_id == *asked.group) else { continue };
            found.insert(asked.group.clone(), result_of(version, view, asked, group));
        }
    } else {
        for asked in asked {
            let request = OffsetFetchRequest {
                group_id: (&*asked.group).into(),
                topics: asked.partitions.as_ref().map(wire_topics),
                require_stable: stable && version >= STABLE,
                ..Default::default()
            };
            let answer = connection.start(&request, version)?.wait().await?;
            found.insert(asked.group.clone(), result_of(version, view, asked, &as_group(asked, answer)));
        }
    }
    for asked in asked {
        let group = &asked.group;
        let missing = || Err(left_out(format!("asking for the offsets of group {group}")));
        found.entry(group.clone()).or_insert_with(missing);
    }
    Ok(found)
}

fn wire_group(view: &ClusterView, asked: &Asked) -> OffsetFetchRequestGroup {
    let topics = asked.partitions.as_ref().map(|partitions| {
        let topics = wire_topics(partitions).into_iter().map(|topic| OffsetFetchRequestTopics {
            topic_id: id_of(view, &topic.name),
            name: topic.name,
            partition_indexes: topic.partition_indexes,
            ..Default::default()
        });
        topics.collect()
    });
    OffsetFetchRequestGroup {
        group_id: (&*asked.group).into(),
        member_id: asked.member.as_ref().map(|(id, _)| (&**id).into()),
        member_epoch: asked.member.as_ref().map_or(-1, |(_, epoch)| *epoch),
        topics,
        ..Default::default()
    }
}

fn wire_topics(partitions: &BTreeSet<TopicPartition>) -> Vec<OffsetFetchRequestTopic> {
    let mut topics: Vec<OffsetFetchRequestTopic> = Vec::new();
    for of in partitions {
        match topics.last_mut() {
            Some(topic) if topic.name == *of.topic => topic.partition_indexes.push(of.partition),
            _ => topics.push(OffsetFetchRequestTopic {
                name: (&*of.topic).into(),
                partition_indexes: vec![of.partition],
                ..Default::default()
            }),
        }
    }
    topics
}

/// An answer about one group in the form of one about several.
fn as_group(asked: &Asked, answer: OffsetFetchResponse) -> OffsetFetchResponseGroup {
    use protocol::messages::offset_fetch::OffsetFetchResponseTopics;
    let topics = answer.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|partition| OffsetFetchResponsePartitions {
            partition_index: partition.partition_index,
            committed_offset: partition.committed_offset,
            committed_leader_epoch: partition.committed_leader_epoch,
            metadata: partition.metadata,
            error_code: partition.error_code,
            ..Default::default()
        });
        OffsetFetchResponseTopics { name: topic.name, partitions: partitions.collect(), ..Default::default() }
    });
    OffsetFetchResponseGroup {
        group_id: (&*asked.group).into(),
        topics: topics.collect(),
        error_code: answer.error_code,
        ..Default::default()
    }
}

fn result_of(version: i16, view: &ClusterView, asked: &Asked, told: &OffsetFetchResponseGroup) -> Result<Fetched> {
    let group = &asked.group;
    check(|| format!("asking for the offsets of group {group}"), told.error_code, None)?;
    let mut fetched = Fetched::new();
    for topic in &told.topics {
        let known = asked.partitions.iter().flatten();
        let Some(name) = name_of(version, &topic.name, topic.topic_id, known, view) else { continue };
        for partition in &topic.partitions {
            let of = TopicPartition::new(name.clone(), partition.partition_index);
            let error = check(|| format!("asking for the offset of {of} in group {group}"), partition.error_code, None);
            let offset = CommittedOffset {
                offset: partition.committed_offset,
                leader_epoch: partition.committed_leader_epoch,
                metadata: partition.metadata.as_deref().unwrap_or_default().to_owned(),
            };
            fetched.insert(of, error.map(|()| Some(offset).filter(|offset| offset.offset >= 0)));
        }
    }
    for of in asked.partitions.iter().flatten() {
        let missing = || Err(left_out(format!("asking for the offset of {of} in group {group}")));
        fetched.entry(of.clone()).or_insert_with(missing);
    }
    Ok(fetched)
}

fn id_of(view: &ClusterView, topic: &str) -> Uuid {
    view.topics.get(topic).map_or(Uuid::ZERO, |topic| topic.id)
}

/// The name of a topic in an answer, which has its name or its id.
fn name_of<'a>(
    version: i16,
    name: &str,
    id: Uuid,
    mut asked: impl Iterator<Item = &'a TopicPartition>,
    view: &ClusterView,
) -> Option<Arc<str>> {
    if version <= BY_NAME {
        return Some(name.into());
    }
    asked.find(|of| id_of(view, &of.topic) == id).map(|of| of.topic.clone())
}

fn left_out(what: String) -> ClientError {
    ClientError::refused(what, ErrorCode::UnknownServerError, Some("the answer leaves it out"))
}
