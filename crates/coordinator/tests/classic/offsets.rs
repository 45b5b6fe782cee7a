//! How far a group has come.

use crate::cluster::Coordinator;
use crate::member::*;
use coordinator::group::{Reply, Request};
use model::{ErrorCode, Uuid};
use protocol::Text;
use protocol::messages::join_group::JoinGroupRequest;
use protocol::messages::offset_commit::OffsetCommitRequest;
use protocol::messages::offset_delete::{OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use protocol::messages::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use std::time::Duration;

#[test]
fn every_version_of_a_commit_is_fetched_as_it_was_meant() {
    let mut cluster = Coordinator::new();
    let member = cluster.join_alone();
    for version in 2..=10 {
        let mut request = commit_request(&member, "t", 0, i64::from(version));
        request.topics[0].topic_id = cluster.topic_id("t");
        if version < 6 {
            request.topics[0].partitions[0].committed_leader_epoch = -1; // as it is decoded
        }
        if version >= 10 {
            request.topics[0].name = Text::default();
        }
        let answer = cluster.commit_with(request, version);
        assert_eq!(error(answer.topics[0].partitions[0].error_code), ErrorCode::None);
        let fetched = cluster.fetch("t", 0);
        assert_eq!(fetched.committed_offset, i64::from(version));
        assert_eq!(fetched.committed_leader_epoch, if version < 6 { -1 } else { 7 });
        assert_eq!(fetched.metadata.as_deref(), Some("note"));
    }
}

#[test]
fn what_was_never_committed_has_no_offset_and_no_error() {
    let mut cluster = Coordinator::new();
    let none = cluster.fetch("t", 0);
    assert_eq!((none.committed_offset, none.committed_leader_epoch, none.error_code), (-1, -1, 0));
    assert_eq!(none.metadata.as_deref(), Some(""));
    assert_eq!(cluster.fetch_all(), []);
    cluster.commit_alone("t", 0, 42);
    assert_eq!(cluster.committed("t", 1), -1);
    assert_eq!(cluster.committed("nope", 0), -1);
}

#[test]
fn offsets_go_back_beyond_the_end_and_below_zero_as_the_client_likes() {
    let mut cluster = Coordinator::new();
    for offset in [100, 5, 0, 1 << 50, -1, -5] {
        assert_eq!(cluster.commit_alone("t", 0, offset), ErrorCode::None);
        assert_eq!(cluster.committed("t", 0), offset);
    }
}

#[test]
fn topics_are_named_by_id_from_version_10_on() {
    let mut cluster = Coordinator::new();
    cluster.commit_alone("t", 0, 42);
    let wanted = |topic_id: Uuid| {
        let topics = vec![OffsetFetchRequestTopics { topic_id, partition_indexes: vec![0], ..Default::default() }];
        OffsetFetchRequestGroup { group_id: GROUP.into(), topics: Some(topics), ..Default::default() }
    };
    let id = cluster.topic_id("t");
    let known = cluster.fetch_with(wanted(id), 10).topics[0].clone();
    assert_eq!((known.topic_id, known.partitions[0].committed_offset), (id, 42));
    let unknown = cluster.fetch_with(wanted(Uuid([9; 16])), 10).topics[0].partitions[0].clone();
    assert_eq!((error(unknown.error_code), unknown.committed_offset), (ErrorCode::UnknownTopicId, -1));
    let mut request = commit_request(&nobody(), "", 0, 1);
    request.topics[0].topic_id = Uuid([9; 16]);
    let answer = cluster.commit_with(request, 10);
    assert_eq!(error(answer.topics[0].partitions[0].error_code), ErrorCode::UnknownTopicId);
    let all = OffsetFetchRequestGroup { group_id: GROUP.into(), topics: None, ..Default::default() };
    assert_eq!(cluster.fetch_with(all, 10).topics[0].topic_id, id);
}

#[test]
fn partitions_that_are_not_there_are_refused_one_by_one_and_before_anything_else() {
    let mut cluster = Coordinator::new();
    let member = cluster.join_alone();
    let mut request = commit_request(&member, "t", 0, 1);
    let mut beyond = request.topics[0].partitions[0].clone();
    beyond.partition_index = 99;
    request.topics[0].partitions.push(beyond);
    let answer = cluster.commit_with(request, 8);
    let errors: Vec<ErrorCode> = answer.topics[0].partitions.iter().map(|p| error(p.error_code)).collect();
    assert_eq!(errors, [ErrorCode::None, ErrorCode::UnknownTopicOrPartition]);
    let zombie = Joined { generation: 99, ..member };
    assert_eq!(cluster.commit(&zombie, "nope", 0, 1), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(cluster.commit(&zombie, "t", 0, 1), ErrorCode::IllegalGeneration);
}

#[test]
fn a_note_may_be_as_long_as_the_config_says() {
    let mut cluster = Coordinator::new();
    for (length, expected) in [(4096, ErrorCode::None), (4097, ErrorCode::OffsetMetadataTooLarge)] {
        let mut request = commit_request(&nobody(), "t", 0, 1);
        request.topics[0].partitions[0].committed_metadata = Some("n".repeat(length).into());
        let answer = cluster.commit_with(request, 8);
        assert_eq!(error(answer.topics[0].partitions[0].error_code), expected);
    }
    let mut request = commit_request(&nobody(), "t", 0, 1);
    request.topics[0].partitions[0].committed_metadata = None;
    cluster.commit_with(request, 8);
    assert_eq!(cluster.fetch("t", 0).metadata.as_deref(), Some(""));
}

#[test]
fn only_a_member_of_the_present_generation_commits_for_a_group_with_members() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(2);
    assert_eq!(cluster.commit(&members[0], "t", 0, 10), ErrorCode::None);
    let generation = members[0].generation;
    for (id, generation, expected) in [
        (&*members[0].id, generation - 1, ErrorCode::IllegalGeneration),
        (&members[0].id, generation + 1, ErrorCode::IllegalGeneration),
        (&members[0].id, -1, ErrorCode::IllegalGeneration),
        ("stranger", generation, ErrorCode::UnknownMemberId),
        ("", -1, ErrorCode::UnknownMemberId),
        ("", generation, ErrorCode::UnknownMemberId),
    ] {
        let who = Joined { id: id.into(), generation };
        assert_eq!(cluster.commit(&who, "t", 0, 99), expected, "{id} {generation}");
    }
    assert_eq!(cluster.committed("t", 0), 10);
}

#[test]
fn a_zombie_of_an_older_generation_commits_nothing_after_a_newer_one_has() {
    let mut cluster = Coordinator::new();
    let zombie = cluster.join_alone();
    cluster.commit(&zombie, "t", 0, 5);
    cluster.advance(Duration::from_secs(11));
    let next = cluster.join_alone();
    assert_eq!(cluster.commit(&next, "t", 0, 9), ErrorCode::None);
    assert_eq!(cluster.commit(&zombie, "t", 0, 6), ErrorCode::UnknownMemberId);
    let in_disguise = Joined { generation: next.generation, ..zombie };
    assert_eq!(cluster.commit(&in_disguise, "t", 0, 6), ErrorCode::UnknownMemberId);
    assert_eq!(cluster.committed("t", 0), 9);
}

#[test]
fn in_a_rebalance_the_old_generation_still_commits_and_the_new_one_not_yet() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(2);
    let joins = cluster.send_join(join_request(&members[1].id, &["u"]), 3);
    assert_eq!(cluster.commit(&members[0], "t", 0, 5), ErrorCode::None);
    let generation = cluster.join(join_request(&members[0].id, &["t"]), 3).generation_id;
    cluster.joined(joins);
    let new = Joined { generation, ..members[0].clone() };
    assert_eq!(cluster.commit(&members[0], "t", 0, 6), ErrorCode::IllegalGeneration);
    assert_eq!(cluster.commit(&new, "t", 0, 6), ErrorCode::RebalanceInProgress);
    cluster.sync(&new, &[]);
    assert_eq!(cluster.commit(&new, "t", 0, 6), ErrorCode::None);
}

#[test]
fn a_generation_of_a_group_that_is_not_there_is_refused_in_the_words_of_the_version() {
    let mut cluster = Coordinator::new();
    let ghost = Joined { id: "ghost".into(), generation: 3 };
    for (version, expected) in [(8, ErrorCode::IllegalGeneration), (9, ErrorCode::GroupIdNotFound)] {
        let answer = cluster.commit_with(commit_request(&ghost, "t", 0, 1), version);
        assert_eq!(error(answer.topics[0].partitions[0].error_code), expected);
    }
    assert_eq!(cluster.list(&[], &[]).len(), 0);
}

#[test]
fn the_empty_group_id_holds_offsets_and_nobody() {
    let mut cluster = Coordinator::new();
    for version in [2, 8, 9] {
        let request = OffsetCommitRequest { group_id: "".into(), ..commit_request(&nobody(), "t", 0, 1) };
        let answer = cluster.commit_with(request, version);
        assert_eq!(error(answer.topics[0].partitions[0].error_code), ErrorCode::None);
    }
    assert_eq!(cluster.describe_version("", 5).group_state, "Empty");
    assert_eq!(cluster.delete_group(""), ErrorCode::None);
    assert_eq!(cluster.delete_group(""), ErrorCode::GroupIdNotFound);
    assert_eq!(cluster.describe_version("", 5).group_state, "Dead");
}

#[test]
fn offsets_of_topics_that_nobody_consumes_may_be_deleted() {
    let mut cluster = Coordinator::new();
    assert_eq!(delete(&mut cluster, GROUP, "t", 0), Err(ErrorCode::GroupIdNotFound));
    cluster.commit_alone("t", 0, 1);
    cluster.commit_alone("u", 0, 2);
    let member = cluster.join_alone(); // consumes t
    assert_eq!(delete(&mut cluster, GROUP, "t", 0), Ok(ErrorCode::GroupSubscribedToTopic));
    assert_eq!(delete(&mut cluster, GROUP, "u", 0), Ok(ErrorCode::None));
    assert_eq!(delete(&mut cluster, GROUP, "u", 9), Ok(ErrorCode::UnknownTopicOrPartition));
    assert_eq!(delete(&mut cluster, GROUP, "nope", 0), Ok(ErrorCode::UnknownTopicOrPartition));
    assert_eq!(delete(&mut cluster, "", "u", 0), Err(ErrorCode::InvalidGroupId));
    assert_eq!(cluster.fetch_all(), [("t".to_owned(), 0, 1)]);
    cluster.fail_over();
    assert_eq!(delete(&mut cluster, GROUP, "t", 0), Ok(ErrorCode::GroupSubscribedToTopic));
    cluster.leave(&[(&member.id, None)]);
    assert_eq!(delete(&mut cluster, GROUP, "t", 0), Ok(ErrorCode::None));
    assert_eq!(cluster.fetch_all(), []);
}

#[test]
fn a_group_whose_use_cannot_be_told_keeps_its_offsets_while_it_has_members() {
    let mut cluster = Coordinator::new();
    let connect = JoinGroupRequest { protocol_type: "connect".into(), ..join_request("", &["t"]) };
    let worker = cluster.join(connect, 3);
    let worker = Joined { id: worker.member_id, generation: 1 };
    cluster.sync(&worker, &[]);
    assert_eq!(cluster.commit(&worker, "t", 0, 4), ErrorCode::None);
    assert_eq!(delete(&mut cluster, GROUP, "u", 0), Err(ErrorCode::NonEmptyGroup));
    let mut odd = Coordinator::new();
    let garbled = JoinGroupRequest {
        protocols: vec![protocol("range", &bytes::Bytes::from_static(b"?"))],
        ..join_request("", &[])
    };
    odd.join(garbled, 3);
    odd.commit_alone("t", 0, 1);
    assert_eq!(delete(&mut odd, GROUP, "u", 0), Ok(ErrorCode::GroupSubscribedToTopic));
}

fn delete(cluster: &mut Coordinator, group: &str, topic: &str, partition: i32) -> Result<ErrorCode, ErrorCode> {
    let partitions = vec![OffsetDeleteRequestPartition { partition_index: partition }];
    let topics = vec![OffsetDeleteRequestTopic { name: topic.into(), partitions }];
    let request = OffsetDeleteRequest { group_id: group.into(), topics };
    let Reply::OffsetDelete(answer) = cluster.ask(Request::OffsetDelete(request)) else { panic!("another answer") };
    match error(answer.error_code) {
        ErrorCode::None => Ok(error(answer.topics[0].partitions[0].error_code)),
        refused => Err(refused),
    }
}
