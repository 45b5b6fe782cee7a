//! Groups: which there are, who is in them, and an end of those that nobody needs.

use super::Admin;
use super::rounds::{ByGroup, Rounds};
use crate::connection::Connection;
use crate::error::{ClientError, Result, check};
use crate::group::decode_assignment;
use crate::retries::Call;
use model::{ErrorCode, NodeId, TopicPartition};
use protocol::TaggedFields;
use protocol::messages::{
    ConsumerGroupDescribeRequest, DeleteGroupsRequest, DescribeGroupsRequest, ListGroupsRequest,
    consumer_group_describe as consumer, describe_groups as classic,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The private tag of a group's history. A request that has it is answered with it; others see Kafka's fields alone.
const HISTORY_TAG: u32 = 30_000;

fn asks_for_history() -> TaggedFields {
    let mut tags = TaggedFields::default();
    tags.insert(HISTORY_TAG, bytes::Bytes::new());
    tags
}

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedGroup {
    /// `group.id`.
    pub group_id: String,
    /// `classic` or `consumer`; empty from brokers that know only the former.
    pub kind: String,
    /// What its members do together; `consumer` for those that read, empty for who only commits.
    pub protocol_type: String,
    /// Such as `Stable` or `Empty`; empty from an old broker.
    pub state: String,
}

/// A group with its members.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribedGroup {
    /// `group.id`.
    pub group_id: String,
    /// Whether the coordinator assigns (KIP-848), and not a leader among the members.
    pub is_consumer: bool,
    /// Such as `Stable`, `Empty` or `Dead`.
    pub state: String,
    /// What its members do together.
    pub protocol_type: String,
    /// How partitions are spread.
    pub assignor: String,
    /// The group's epoch and that of its assignment; -1 in a classic group.
    pub epochs: (i32, i32),
    /// The broker that coordinates it.
    pub coordinator: NodeId,
    /// Its members.
    pub members: Vec<GroupMember>,
    /// What else the broker told.
    pub more: TaggedFields,
}

/// A member of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupMember {
    /// Its id.
    pub member_id: String,
    /// `group.instance.id`.
    pub instance_id: Option<String>,
    /// `client.id`.
    pub client_id: String,
    /// Where it is, as the broker sees it.
    pub host: String,
    /// Its epoch; -1 in a classic group.
    pub epoch: i32,
    /// What it reads. None when that cannot be told.
    pub reads: Option<BTreeSet<TopicPartition>>,
    /// What it is to read, in a consumer group.
    pub target: Option<BTreeSet<TopicPartition>>,
}

/// Groups, and what is wrong with brokers that did not tell theirs.
pub type ListedGroups = (BTreeSet<ListedGroup>, BTreeMap<NodeId, ClientError>);

impl Admin {
    /// The groups of all brokers, or those in these states and of these kinds; none named means all.
    ///
    /// # Errors
    /// The cluster does not answer at all.
    pub async fn list_groups(&self, states: &[&str], kinds: &[&str]) -> Result<ListedGroups> {
        let described = self.describe_cluster().await?;
        let (mut groups, mut failures) = (BTreeSet::new(), BTreeMap::new());
        for broker in described.brokers.iter().filter(|broker| !broker.is_fenced) {
            match self.groups_of(broker.node, states, kinds).await {
                Ok(listed) => groups.extend(listed),
                Err(error) => drop(failures.insert(broker.node, error)),
            }
        }
        Ok((groups, failures))
    }

    async fn groups_of(&self, node: NodeId, states: &[&str], kinds: &[&str]) -> Result<Vec<ListedGroup>> {
        let mut retries = self.cluster.retries(Call::Question);
        loop {
            let attempt = async {
                let connection = self.broker(node).await?;
                let version = connection.version_of::<ListGroupsRequest>(i16::MAX)?;
                let filter = |words: &[&str], since| {
                    let words = if version >= since { words } else { &[] };
                    words.iter().map(|word| (*word).into()).collect()
                };
                let (states_filter, types_filter) = (filter(states, 4), filter(kinds, 5));
                let request = ListGroupsRequest { states_filter, types_filter, ..Default::default() };
                let answer = connection.start(&request, version)?.wait().await?;
                check(|| format!("listing the groups of broker {node}"), answer.error_code, None)?;
                let listed = |group: &protocol::messages::list_groups::ListedGroup| ListedGroup {
                    group_id: group.group_id.to_string(),
                    kind: group.group_type.to_ascii_lowercase(),
                    protocol_type: group.protocol_type.to_string(),
                    state: group.group_state.to_string(),
                };
                Ok(answer.groups.iter().map(listed).collect())
            };
            if let Some(result) = retries.attempt(attempt).await {
                return result;
            }
        }
    }

    /// Groups with their members, of either kind. Each has a result; GROUP_ID_NOT_FOUND for one that is not there.
    pub async fn describe_groups(&self, groups: &[&str]) -> BTreeMap<String, Result<DescribedGroup>> {
        let mut described = self.describe_as_consumer_groups(groups).await;
        let is_another = |result: &Result<DescribedGroup>| match result {
            Err(ClientError::Unsupported { .. }) => true,
            Err(error) => error.error_code() == Some(ErrorCode::GroupIdNotFound),
            Ok(_) => false,
        };
        let others = described.iter().filter(|(_, result)| is_another(result));
        let others: Vec<String> = others.map(|(group, _)| group.clone()).collect();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        described.extend(self.describe_as_classic_groups(&others).await);
        described
    }

    async fn describe_as_consumer_groups(&self, groups: &[&str]) -> ByGroup<DescribedGroup> {
        let mut rounds = Rounds::new(&self.cluster, groups);
        while let Some(round) = rounds.next(&self.cluster).await {
            for (node, groups) in round {
                let asked = async {
                    let group_ids = groups.iter().map(|group| (&**group).into()).collect();
                    let request = ConsumerGroupDescribeRequest {
                        group_ids,
                        unknown_tagged_fields: asks_for_history(),
                        ..Default::default()
                    };
                    let answer = self.broker(node).await?.call(&request).await?;
                    Ok(answer
                        .groups
                        .iter()
                        .map(|group| (group.group_id.to_string(), consumer_group(node, group)))
                        .collect())
                };
                rounds.take(&groups, asked.await);
            }
        }
        rounds.finish()
    }

    async fn describe_as_classic_groups(&self, groups: &[&str]) -> ByGroup<DescribedGroup> {
        let mut rounds = Rounds::new(&self.cluster, groups);
        while let Some(round) = rounds.next(&self.cluster).await {
            for (node, groups) in round {
                let asked = async {
                    let names = groups.iter().map(|group| (&**group).into()).collect();
                    let request = DescribeGroupsRequest {
                        groups: names,
                        unknown_tagged_fields: asks_for_history(),
                        ..Default::default()
                    };
                    let answer = self.broker(node).await?.call(&request).await?;
                    Ok(answer
                        .groups
                        .iter()
                        .map(|group| (group.group_id.to_string(), classic_group(node, group)))
                        .collect())
                };
                rounds.take(&groups, asked.await);
            }
        }
        rounds.finish()
    }

    /// Deletes groups that have no members, with all that they have committed. Each has a result.
    pub async fn delete_groups(&self, groups: &[&str]) -> BTreeMap<String, Result<()>> {
        let mut rounds = Rounds::new(&self.cluster, groups);
        while let Some(round) = rounds.next(&self.cluster).await {
            for (node, groups) in round {
                let asked = async {
                    let connection: Connection = self.broker(node).await?;
                    let groups_names = groups.iter().map(|group: &Arc<str>| (&**group).into()).collect();
                    let answer = connection.call(&DeleteGroupsRequest { groups_names, ..Default::default() }).await?;
                    let results = answer.results.iter().map(|result| {
                        let group = result.group_id.to_string();
                        let deleted = check(|| format!("deleting group {group}"), result.error_code, None);
                        (group, deleted)
                    });
                    Ok(results.collect())
                };
                rounds.take(&groups, asked.await);
            }
        }
        rounds.finish()
    }
}

fn consumer_group(coordinator: NodeId, group: &consumer::DescribedGroup) -> Result<DescribedGroup> {
    let what = || format!("describing group {}", group.group_id);
    check(what, group.error_code, group.error_message.as_deref())?;
    let member = |member: &consumer::Member| GroupMember {
        member_id: member.member_id.to_string(),
        instance_id: member.instance_id.as_deref().map(str::to_owned),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        epoch: member.member_epoch,
        reads: Some(partitions(&member.assignment)),
        target: Some(partitions(&member.target_assignment)),
    };
    Ok(DescribedGroup {
        group_id: group.group_id.to_string(),
        is_consumer: true,
        state: group.group_state.to_string(),
        protocol_type: "consumer".to_owned(),
        assignor: group.assignor_name.to_string(),
        epochs: (group.group_epoch, group.assignment_epoch),
        coordinator,
        members: group.members.iter().map(member).collect(),
        more: group.unknown_tagged_fields.clone(),
    })
}

fn partitions(assignment: &consumer::Assignment) -> BTreeSet<TopicPartition> {
    let topics = assignment.topic_partitions.iter();
    let of = |topic: &consumer::TopicPartitions| {
        let name: Arc<str> = (&*topic.topic_name).into();
        topic.partitions.clone().into_iter().map(move |partition| TopicPartition::new(name.clone(), partition))
    };
    topics.flat_map(of).collect()
}

fn classic_group(coordinator: NodeId, group: &classic::DescribedGroup) -> Result<DescribedGroup> {
    let what = || format!("describing group {}", group.group_id);
    check(what, group.error_code, group.error_message.as_deref())?;
    if group.group_state == *"Dead" && group.members.is_empty() {
        // So it was told before version 6.
        return Err(ClientError::refused(what(), ErrorCode::GroupIdNotFound, None));
    }
    let reads = group.protocol_type == *"consumer";
    let member = |member: &classic::DescribedGroupMember| GroupMember {
        member_id: member.member_id.to_string(),
        instance_id: member.group_instance_id.as_deref().map(str::to_owned),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        epoch: -1,
        reads: if reads { decode_assignment(&member.member_assignment).ok() } else { None },
        target: None,
    };
    Ok(DescribedGroup {
        group_id: group.group_id.to_string(),
        is_consumer: false,
        state: group.group_state.to_string(),
        protocol_type: group.protocol_type.to_string(),
        assignor: group.protocol_data.to_string(),
        epochs: (-1, -1),
        coordinator,
        members: group.members.iter().map(member).collect(),
        more: group.unknown_tagged_fields.clone(),
    })
}
