//! Commits and lookups of committed offsets by hand: one partition a request.

use super::coordinators::Coordinators;
use super::outcome;
use crate::clients::surroundings::Client;
use jepsen_lite::history::{Action, Answer, CommitOffset, FetchOffset, Outcome};
use model::{ErrorCode, NodeId, TopicPartition};
use protocol::messages::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::messages::offset_fetch::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics, OffsetFetchResponse,
};
use protocol::messages::{OffsetCommitRequest, OffsetFetchRequest};

/// The first version of OffsetFetch that asks for several groups.
const GROUPS: i16 = 8;

/// Sends a commit once. Bytes of `ballast` follow the mark.
pub async fn commit(
    client: &Client,
    coordinators: &mut Coordinators,
    (node, version): (NodeId, i16),
    commit: CommitOffset,
    ballast: usize,
) {
    let request = commit_request(&commit, ballast);
    let group = commit.group.clone();
    let epoch = commit.by.as_ref().map_or(-1, |by| by.epoch);
    let operation = client.around.chronicle.invoke(client.process, Action::CommitOffset(commit));
    let outcome = match coordinators.call(node, &request, version).await {
        Ok(answer) => {
            let told = answer.topics.first().and_then(|topic| topic.partitions.first());
            told.map_or(Outcome::Unknown("no answer for the partition".into()), |told| {
                // What Kafka says when its log takes no batch so large.
                if ballast > 0 && told.error_code == ErrorCode::UnknownServerError.code() {
                    return Outcome::Fail("too large".into());
                }
                outcome::of_answer(told.error_code, Answer::Committed { epoch })
            })
        }
        Err(failure) if failure == "no connection" => Outcome::Fail(failure),
        Err(failure) => Outcome::Unknown(failure),
    };
    if matches!(outcome, Outcome::Unknown(_)) {
        coordinators.forget(&group);
    }
    client.around.chronicle.complete(operation, outcome);
}

fn commit_request(commit: &CommitOffset, ballast: usize) -> OffsetCommitRequest {
    let metadata = format!("{}{}", commit.mark, " ".repeat(ballast));
    let partition = OffsetCommitRequestPartition {
        partition_index: commit.partition.partition,
        committed_offset: commit.offset,
        committed_leader_epoch: commit.leader_epoch,
        committed_metadata: Some(metadata.as_str().into()),
        ..Default::default()
    };
    let topic = OffsetCommitRequestTopic {
        name: (&*commit.partition.topic).into(),
        partitions: vec![partition],
        ..Default::default()
    };
    let by = commit.by.as_ref();
    OffsetCommitRequest {
        group_id: commit.group.as_str().into(),
        generation_id_or_member_epoch: by.map_or(-1, |by| by.epoch),
        member_id: by.map_or("", |by| by.id.as_str()).into(),
        group_instance_id: by.and_then(|by| by.instance.as_deref()).map(Into::into),
        topics: vec![topic],
        ..Default::default()
    }
}

/// Looks an offset up once. Says whether it was told.
pub async fn look_up(
    client: &Client,
    coordinators: &mut Coordinators,
    (node, version): (NodeId, i16),
    (group, partition): (&str, &TopicPartition),
    may_be_old_ms: u32,
) -> bool {
    let (partition, noted) = (partition.clone(), client.around.noted(node));
    let request = fetch_request(version, group, &partition);
    let may_expire = client.around.groups.as_ref().is_some_and(|groups| groups.may_expire);
    let action = FetchOffset { group: group.to_owned(), partition, node: noted, may_be_old_ms, may_expire };
    let operation = client.around.chronicle.invoke(client.process, Action::FetchOffset(action));
    let outcome = match coordinators.call(node, &request, version).await {
        Ok(answer) => told(version, answer),
        Err(failure) => Outcome::Fail(failure),
    };
    let was_told = matches!(outcome, Outcome::Ok(_));
    if !was_told {
        coordinators.forget(group);
    }
    client.around.chronicle.complete(operation, outcome);
    was_told
}

fn fetch_request(version: i16, group: &str, partition: &TopicPartition) -> OffsetFetchRequest {
    let (name, number) = (&*partition.topic, partition.partition);
    if version < GROUPS {
        let topic =
            OffsetFetchRequestTopic { name: name.into(), partition_indexes: vec![number], ..Default::default() };
        return OffsetFetchRequest { group_id: group.into(), topics: Some(vec![topic]), ..Default::default() };
    }
    let topic = OffsetFetchRequestTopics { name: name.into(), partition_indexes: vec![number], ..Default::default() };
    let group = OffsetFetchRequestGroup { group_id: group.into(), topics: Some(vec![topic]), ..Default::default() };
    OffsetFetchRequest { groups: vec![group], ..Default::default() }
}

fn told(version: i16, answer: OffsetFetchResponse) -> Outcome {
    let mut error = answer.error_code;
    let mut partition = None;
    if version < GROUPS {
        let told = answer.topics.into_iter().flat_map(|topic| topic.partitions).next();
        partition = told.map(|p| (p.error_code, p.committed_offset, p.committed_leader_epoch, p.metadata));
    } else if let Some(group) = answer.groups.into_iter().next() {
        error = group.error_code;
        let told = group.topics.into_iter().flat_map(|topic| topic.partitions).next();
        partition = told.map(|p| (p.error_code, p.committed_offset, p.committed_leader_epoch, p.metadata));
    }
    let Some((own_error, offset, leader_epoch, metadata)) = partition.filter(|_| error == 0) else {
        return Outcome::Fail(ErrorCode::from_wire(error).name().to_owned());
    };
    if own_error != 0 {
        return Outcome::Fail(ErrorCode::from_wire(own_error).name().to_owned());
    }
    let mark = metadata.and_then(|text| text.trim_end().parse().ok());
    Outcome::Ok(Answer::CommittedOffset { offset, leader_epoch, mark })
}
