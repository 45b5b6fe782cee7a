//! Offsets of a consumer group: who may commit and fetch them.

use crate::coordinator::{Coordinator, GROUP, idle};
use coordinator::group::{Reply, Request};
use model::ErrorCode::{self, StaleMemberEpoch, UnknownMemberId, UnsupportedVersion};
use protocol::messages::offset_commit::{OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::messages::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};

pub fn commit(group: &mut Coordinator, member: &str, epoch: i32, partition: i32, version: i16) -> ErrorCode {
    let partition = OffsetCommitRequestPartition {
        partition_index: partition,
        committed_offset: 10,
        committed_metadata: Some("".into()),
        ..Default::default()
    };
    let topic = OffsetCommitRequestTopic {
        name: if version < 10 { "t".into() } else { "".into() },
        topic_id: group.id("t"),
        partitions: vec![partition],
        ..Default::default()
    };
    let request = OffsetCommitRequest {
        group_id: GROUP.into(),
        generation_id_or_member_epoch: epoch,
        member_id: member.into(),
        topics: vec![topic],
        ..Default::default()
    };
    let Reply::OffsetCommit(response) = group.ask(Request::OffsetCommit { request, version }) else { unreachable!() };
    ErrorCode::from_wire(response.topics[0].partitions[0].error_code)
}

/// The group's error, or the offset.
fn fetch(group: &mut Coordinator, member: Option<&str>, epoch: i32) -> Result<i64, ErrorCode> {
    let topic = OffsetFetchRequestTopics { name: "t".into(), partition_indexes: vec![0], ..Default::default() };
    let request = OffsetFetchRequestGroup {
        group_id: GROUP.into(),
        member_id: member.map(Into::into),
        member_epoch: epoch,
        topics: Some(vec![topic]),
        ..Default::default()
    };
    let request = Request::OffsetFetch { group: request, require_stable: false, version: 9 };
    let Reply::OffsetFetch(response) = group.ask(request) else { unreachable!() };
    match ErrorCode::from_wire(response.error_code) {
        ErrorCode::None => Ok(response.topics[0].partitions[0].committed_offset),
        error => Err(error),
    }
}

#[test]
fn a_member_commits_in_its_epoch() {
    let mut group = Coordinator::with_topics(&[("t", 1)]);
    let epoch = group.join("m", &["t"]);
    assert_eq!(commit(&mut group, "m", epoch, 0, 8), UnsupportedVersion);
    assert_eq!(commit(&mut group, "stranger", epoch, 0, 8), UnknownMemberId);
    assert_eq!(commit(&mut group, "", -1, 0, 8), UnknownMemberId);
    for version in [9, 10] {
        assert_eq!(commit(&mut group, "m", epoch, 0, version), ErrorCode::None);
        assert_eq!(commit(&mut group, "m", epoch - 1, 0, version), StaleMemberEpoch);
        assert_eq!(commit(&mut group, "m", epoch + 1, 0, version), StaleMemberEpoch);
        assert_eq!(commit(&mut group, "stranger", epoch, 0, version), UnknownMemberId);
        assert_eq!(commit(&mut group, "", -1, 0, version), UnknownMemberId);
    }
    assert_eq!(fetch(&mut group, Some("m"), epoch), Ok(10));
    assert_eq!(fetch(&mut group, Some("m"), epoch - 1), Err(StaleMemberEpoch));
    assert_eq!(fetch(&mut group, Some("m"), epoch + 1), Err(StaleMemberEpoch));
    assert_eq!(fetch(&mut group, Some("stranger"), epoch), Err(UnknownMemberId));
    assert_eq!(fetch(&mut group, None, -1), Ok(10));
    assert_eq!(fetch(&mut group, Some(""), -1), Err(UnknownMemberId), "only who names nobody is nobody");
}

#[test]
fn a_member_that_has_not_heard_of_its_new_epoch_commits_what_it_still_holds() {
    let mut group = Coordinator::with_topics(&[("t", 2)]);
    group.join("a", &["t"]);
    group.join("b", &["t"]);
    group.good(idle("a", 2));
    assert_eq!(commit(&mut group, "a", 2, 1, 9), ErrorCode::None, "what it gives up is its own until it has");
    group.good(group.owning("a", 2, "t", &[0])); // the answer, with epoch 3, is lost
    assert_eq!(commit(&mut group, "a", 2, 0, 9), ErrorCode::None);
    assert_eq!(commit(&mut group, "a", 2, 1, 9), StaleMemberEpoch);
    group.good(idle("b", 3));
    assert_eq!(commit(&mut group, "b", 3, 1, 9), ErrorCode::None);
    assert_eq!(commit(&mut group, "b", 2, 1, 9), StaleMemberEpoch, "it did not hold it in that epoch");
}

#[test]
fn an_empty_group_takes_commits_of_nobody_in_particular() {
    let mut group = Coordinator::with_topics(&[("t", 1)]);
    group.join("m", &["t"]);
    group.good(idle("m", -1));
    assert_eq!(commit(&mut group, "", -1, 0, 9), ErrorCode::None);
    assert_eq!(commit(&mut group, "m", 2, 0, 9), UnknownMemberId);
}

#[test]
fn a_fenced_member_commits_nothing() {
    let mut group = Coordinator::with_topics(&[("t", 1)]);
    group.join("a", &["t"]);
    group.advance(std::time::Duration::from_secs(46));
    group.join("b", &["t"]);
    assert_eq!(commit(&mut group, "a", 2, 0, 9), UnknownMemberId);
}
