//! What a request is answered with when the coordinator itself could not: it is loading, it is another node, or the log
//! did not take its records.

use super::machine::{Reply, Request};
use model::ErrorCode;
use protocol::Text;
use protocol::messages::consumer_group_describe::DescribedGroup as DescribedConsumerGroup;
use protocol::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatResponse;
use protocol::messages::delete_groups::DeletableGroupResult;
use protocol::messages::describe_groups::DescribedGroup;
use protocol::messages::heartbeat::HeartbeatResponse;
use protocol::messages::join_group::JoinGroupResponse;
use protocol::messages::leave_group::LeaveGroupResponse;
use protocol::messages::list_groups::ListGroupsResponse;
use protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use protocol::messages::offset_delete::OffsetDeleteResponse;
use protocol::messages::offset_fetch::{
    OffsetFetchRequestGroup, OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use protocol::messages::sync_group::SyncGroupResponse;

/// What must be kept of a request so that it can be answered with an error after it was handed over.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure(Kind);

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    JoinGroup { version: i16, member_id: Text },
    SyncGroup,
    Heartbeat,
    LeaveGroup,
    ConsumerGroupHeartbeat,
    OffsetCommit(Vec<OffsetCommitResponseTopic>),
    OffsetFetch(OffsetFetchResponseGroup),
    OffsetDelete,
    DeleteGroups(Vec<Text>),
    DescribeGroups(Vec<Text>),
    ConsumerGroupDescribe(Vec<Text>),
    ListGroups,
}

impl Request {
    /// What to keep of this request so that it can still be answered with an error once it was handed over.
    pub fn failure(&self) -> Failure {
        Failure(match self {
            // As in Kafka who is no coordinator names no member.
            Request::JoinGroup { version, .. } => Kind::JoinGroup { version: *version, member_id: Text::default() },
            Request::SyncGroup { .. } => Kind::SyncGroup,
            Request::Heartbeat { .. } => Kind::Heartbeat,
            Request::LeaveGroup { .. } => Kind::LeaveGroup,
            Request::ConsumerGroupHeartbeat { .. } => Kind::ConsumerGroupHeartbeat,
            Request::OffsetCommit { request, .. } => Kind::OffsetCommit(commit_failure(request)),
            Request::OffsetFetch { group, version, .. } => Kind::OffsetFetch(fetch_failure(group, *version)),
            Request::OffsetDelete(_) => Kind::OffsetDelete,
            Request::DeleteGroups(groups) => Kind::DeleteGroups(groups.clone()),
            Request::DescribeGroups { groups, .. } => Kind::DescribeGroups(groups.clone()),
            Request::ConsumerGroupDescribe { groups } => Kind::ConsumerGroupDescribe(groups.clone()),
            Request::ListGroups { .. } => Kind::ListGroups,
        })
    }
}

impl Failure {
    /// The failure of the request that `reply` answers; enough to replace that reply by an error.
    pub(super) fn in_place_of(reply: &Reply) -> Failure {
        Failure(match reply {
            Reply::JoinGroup(reply) => {
                let version = if reply.protocol_name.is_some() { 0 } else { 7 };
                Kind::JoinGroup { version, member_id: reply.member_id.clone() }
            }
            Reply::SyncGroup(_) => Kind::SyncGroup,
            Reply::Heartbeat(_) => Kind::Heartbeat,
            Reply::LeaveGroup(_) => Kind::LeaveGroup,
            Reply::ConsumerGroupHeartbeat(_) => Kind::ConsumerGroupHeartbeat,
            Reply::OffsetCommit(reply) => Kind::OffsetCommit(reply.topics.clone()),
            Reply::OffsetFetch(reply) => Kind::OffsetFetch(reply.clone()),
            Reply::OffsetDelete(_) => Kind::OffsetDelete,
            Reply::DeleteGroups(results) => Kind::DeleteGroups(results.iter().map(|r| r.group_id.clone()).collect()),
            Reply::DescribeGroups(groups) => Kind::DescribeGroups(groups.iter().map(|g| g.group_id.clone()).collect()),
            Reply::ConsumerGroupDescribe(groups) => {
                Kind::ConsumerGroupDescribe(groups.iter().map(|group| group.group_id.clone()).collect())
            }
            Reply::ListGroups(_) => Kind::ListGroups,
        })
    }

    /// The answer with this error, in the words that clients of this API know: a log that did not take the records is
    /// a coordinator that is not there now.
    pub fn reply(self, error: ErrorCode) -> Reply {
        let code = in_words_of_a_coordinator(error) as i16;
        match self.0 {
            Kind::JoinGroup { version, member_id } => Reply::JoinGroup(join_failure(version, member_id, code)),
            Kind::SyncGroup => Reply::SyncGroup(SyncGroupResponse { error_code: code, ..Default::default() }),
            Kind::Heartbeat => {
                Reply::Heartbeat(HeartbeatResponse { error_code: heartbeat_code(error, code), ..Default::default() })
            }
            Kind::LeaveGroup => Reply::LeaveGroup(LeaveGroupResponse { error_code: code, ..Default::default() }),
            Kind::ConsumerGroupHeartbeat => Reply::ConsumerGroupHeartbeat(ConsumerGroupHeartbeatResponse {
                error_code: code,
                error_message: None,
                ..Default::default()
            }),
            Kind::OffsetCommit(topics) => Reply::OffsetCommit(failed_commit(topics, code)),
            Kind::OffsetFetch(group) => Reply::OffsetFetch(failed_fetch(group, code)),
            Kind::OffsetDelete => Reply::OffsetDelete(OffsetDeleteResponse { error_code: code, ..Default::default() }),
            Kind::DeleteGroups(groups) => Reply::DeleteGroups(
                groups
                    .into_iter()
                    .map(|group_id| DeletableGroupResult { group_id, error_code: code, ..Default::default() })
                    .collect(),
            ),
            Kind::DescribeGroups(groups) => Reply::DescribeGroups(
                groups
                    .into_iter()
                    .map(|group_id| DescribedGroup { group_id, error_code: code, ..Default::default() })
                    .collect(),
            ),
            Kind::ConsumerGroupDescribe(groups) => Reply::ConsumerGroupDescribe(
                groups
                    .into_iter()
                    .map(|group_id| DescribedConsumerGroup { group_id, error_code: code, ..Default::default() })
                    .collect(),
            ),
            Kind::ListGroups => Reply::ListGroups(ListGroupsResponse { error_code: code, ..Default::default() }),
        }
    }
}

/// The answer to `request` with this error.
pub fn error_reply(request: &Request, error: ErrorCode) -> Reply {
    request.failure().reply(error)
}

/// Clients of coordinators look for another one where clients of partitions would look for another leader.
pub(super) fn in_words_of_a_coordinator(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::UnknownTopicOrPartition
        | ErrorCode::NotEnoughReplicas
        | ErrorCode::NotEnoughReplicasAfterAppend
        | ErrorCode::RequestTimedOut => ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotLeaderOrFollower | ErrorCode::KafkaStorageError => ErrorCode::NotCoordinator,
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge | ErrorCode::InvalidFetchSize => {
            ErrorCode::UnknownServerError
        }
        other => other,
    }
}

/// While groups are loaded a heartbeat changes nothing and grants nothing; an error would only start a rebalance.
fn heartbeat_code(error: ErrorCode, code: i16) -> i16 {
    if error == ErrorCode::CoordinatorLoadInProgress { 0 } else { code }
}

pub(super) fn join_failure(version: i16, member_id: Text, error_code: i16) -> JoinGroupResponse {
    let protocol_name = (version < 7).then(Text::default);
    JoinGroupResponse { error_code, member_id, protocol_name, ..Default::default() }
}

fn commit_failure(request: &OffsetCommitRequest) -> Vec<OffsetCommitResponseTopic> {
    let topic = |topic: &protocol::messages::offset_commit::OffsetCommitRequestTopic| OffsetCommitResponseTopic {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partitions: topic
            .partitions
            .iter()
            .map(|p| OffsetCommitResponsePartition { partition_index: p.partition_index, ..Default::default() })
            .collect(),
        ..Default::default()
    };
    request.topics.iter().map(topic).collect()
}

fn failed_commit(mut topics: Vec<OffsetCommitResponseTopic>, code: i16) -> OffsetCommitResponse {
    topics.iter_mut().flat_map(|topic| &mut topic.partitions).for_each(|partition| partition.error_code = code);
    OffsetCommitResponse { topics, ..Default::default() }
}

/// Up to version 1 there is no place for an error but in each partition.
fn fetch_failure(group: &OffsetFetchRequestGroup, version: i16) -> OffsetFetchResponseGroup {
    let topics = group.topics.iter().flatten().filter(|_| version < 2);
    let topic = |topic: &protocol::messages::offset_fetch::OffsetFetchRequestTopics| OffsetFetchResponseTopics {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partitions: topic.partition_indexes.iter().map(|index| no_offset(*index)).collect(),
        ..Default::default()
    };
    OffsetFetchResponseGroup {
        group_id: group.group_id.clone(),
        topics: topics.map(topic).collect(),
        ..Default::default()
    }
}

fn failed_fetch(mut group: OffsetFetchResponseGroup, code: i16) -> OffsetFetchResponseGroup {
    group.topics.iter_mut().flat_map(|topic| &mut topic.partitions).for_each(|partition| partition.error_code = code);
    group.error_code = code;
    group
}

/// The answer for a partition without a committed offset.
pub(super) fn no_offset(partition_index: i32) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: -1,
        committed_leader_epoch: -1,
        metadata: Some(Text::default()),
        ..Default::default()
    }
}
