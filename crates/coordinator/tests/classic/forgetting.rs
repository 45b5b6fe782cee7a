//! What is forgotten, and when.

use crate::cluster::{Coordinator, Log};
use crate::member::*;
use model::ErrorCode;
use protocol::messages::join_group::JoinGroupRequest;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A member that beats for this long.
fn live(cluster: &mut Coordinator, member: &Joined, how_long: Duration) {
    let beat = Duration::from_secs(1500);
    for _ in 0..how_long.as_secs() / beat.as_secs() {
        cluster.advance(beat);
        assert_eq!(cluster.beat(member), ErrorCode::None);
    }
}

/// A member of a patient session, alone and assigned.
fn patient(cluster: &mut Coordinator, protocol_type: &str, topics: &[&str]) -> Joined {
    let request = JoinGroupRequest {
        session_timeout_ms: 1_800_000,
        protocol_type: protocol_type.into(),
        ..join_request("", topics)
    };
    let answer = cluster.join(request, 3);
    let member = Joined { id: answer.member_id, generation: answer.generation_id };
    cluster.sync(&member, &[]);
    member
}

#[test]
fn offsets_that_were_committed_without_a_group_are_forgotten_a_week_after() {
    let mut cluster = Coordinator::new();
    cluster.commit_alone("t", 0, 1);
    cluster.advance(DAY * 6);
    cluster.commit_alone("t", 1, 2);
    cluster.advance(DAY + Duration::from_secs(600));
    assert_eq!(cluster.fetch_all(), [("t".to_owned(), 1, 2)]);
    cluster.advance(DAY * 6);
    assert_eq!(cluster.list(&[], &[]).len(), 0);
}

#[test]
fn offsets_of_a_group_with_members_stay_and_go_a_week_after_the_last_has_left() {
    let mut cluster = Coordinator::new();
    let member = patient(&mut cluster, "consumer", &["t"]);
    cluster.commit(&member, "t", 0, 1);
    live(&mut cluster, &member, DAY * 8);
    assert_eq!(cluster.committed("t", 0), 1);
    cluster.leave(&[(&member.id, None)]);
    cluster.advance(DAY * 6);
    cluster.fail_over();
    assert_eq!(cluster.committed("t", 0), 1);
    cluster.advance(DAY + Duration::from_secs(1200));
    assert_eq!(cluster.committed("t", 0), -1);
    assert_eq!(cluster.list(&[], &[]).len(), 0);
}

#[test]
fn a_group_that_has_just_become_empty_keeps_its_offsets_though_the_log_does_not_know_it_yet() {
    let mut cluster = Coordinator::new();
    let member = patient(&mut cluster, "consumer", &["t"]);
    cluster.commit(&member, "t", 0, 1);
    live(&mut cluster, &member, DAY * 8);
    cluster.takes = Log::Refuses(ErrorCode::CoordinatorNotAvailable);
    cluster.leave(&[(&member.id, None)]);
    cluster.advance(Duration::from_secs(1200));
    cluster.takes = Log::Takes;
    cluster.advance(Duration::from_secs(1200));
    assert_eq!(cluster.committed("t", 0), 1);
}

#[test]
fn offsets_of_a_topic_that_members_have_stopped_to_consume_are_forgotten() {
    let mut cluster = Coordinator::new();
    let member = patient(&mut cluster, "consumer", &["t"]);
    cluster.commit(&member, "t", 0, 1);
    cluster.commit(&member, "u", 0, 2);
    live(&mut cluster, &member, DAY * 8);
    assert_eq!(cluster.fetch_all(), [("t".to_owned(), 0, 1)]);
}

#[test]
fn nothing_is_forgotten_of_members_whose_use_cannot_be_told() {
    let mut cluster = Coordinator::new();
    let worker = patient(&mut cluster, "connect", &["t"]);
    cluster.commit(&worker, "u", 0, 1);
    live(&mut cluster, &worker, DAY * 8);
    assert_eq!(cluster.committed("u", 0), 1);
}

#[test]
fn what_an_old_client_asked_for_holds() {
    let mut cluster = Coordinator::new();
    let mut request = commit_request(&nobody(), "t", 0, 1);
    request.retention_time_ms = 3_600_000;
    cluster.commit_with(request, 2);
    cluster.advance(Duration::from_secs(3000));
    assert_eq!(cluster.committed("t", 0), 1);
    cluster.fail_over();
    cluster.advance(Duration::from_secs(1800));
    assert_eq!(cluster.committed("t", 0), -1);
}

#[test]
fn thousands_of_offsets_are_forgotten_in_batches_that_the_log_takes() {
    let mut cluster = Coordinator::new();
    cluster.checks = false;
    cluster.create_topic("wide", 5000, 0);
    for partition in 0..5000 {
        cluster.commit_alone("wide", partition, 1);
    }
    cluster.advance(DAY * 7 + Duration::from_secs(700));
    assert_eq!(cluster.list(&[], &[]).len(), 0);
    assert!(cluster.agrees_with_its_log());
}

/// A thousand of them were one batch, however long their names, and `max.message.bytes` may be small: the log refused it, now
/// and at every later look, and nothing was ever forgotten.
#[test]
fn offsets_with_long_names_are_forgotten_in_batches_that_the_log_takes() {
    let mut cluster = wide_and_limited();
    cluster.advance(DAY * 7 + Duration::from_secs(700));
    assert_eq!(cluster.list(&[], &[]).len(), 0);
    assert!(cluster.agrees_with_its_log());
}

#[test]
fn offsets_of_a_deleted_topic_with_a_long_name_go_in_batches_that_the_log_takes() {
    let mut cluster = wide_and_limited();
    cluster.delete_topic(&long_name());
    cluster.advance(Duration::from_secs(30));
    assert_eq!(cluster.fetch_all(), []);
}

/// The client is told to ask again, and each time there is less to delete.
#[test]
fn a_group_with_more_offsets_than_one_batch_takes_away_is_deleted_by_and_by() {
    let mut cluster = wide_and_limited();
    let answers: Vec<ErrorCode> = (0..100).map(|_| cluster.delete_group(GROUP)).collect();
    let asked = answers.iter().take_while(|error| **error == ErrorCode::CoordinatorLoadInProgress).count();
    assert!((1..50).contains(&asked), "{asked}");
    assert_eq!(answers[asked..asked + 2], [ErrorCode::None, ErrorCode::GroupIdNotFound]);
    assert_eq!(cluster.list(&[], &[]).len(), 0);
}

fn long_name() -> String {
    "wide".repeat(60)
}

/// 300 offsets, and a log that takes a few dozen such records at once.
fn wide_and_limited() -> Coordinator {
    let mut cluster = Coordinator::new();
    cluster.checks = false;
    cluster.limit_batches(10_000);
    cluster.create_topic(&long_name(), 300, 0);
    for partition in 0..300 {
        assert_eq!(cluster.commit_alone(&long_name(), partition, 1), ErrorCode::None);
    }
    cluster
}

#[test]
fn offsets_of_a_topic_that_is_deleted_are_gone_and_those_of_the_next_of_its_name_stay() {
    let mut cluster = Coordinator::new();
    cluster.commit_alone("t", 0, 1);
    cluster.commit_alone("u", 0, 2);
    cluster.delete_topic("t");
    assert_eq!(cluster.fetch_all(), [("u".to_owned(), 0, 2)]);
    cluster.create_topic("t", 4, 1);
    cluster.commit_alone("t", 0, 3);
    cluster.advance(Duration::from_secs(5));
    assert_eq!(cluster.committed("t", 0), 3);
}

#[test]
fn offsets_of_a_deleted_topic_go_when_the_log_takes_it() {
    let mut cluster = Coordinator::new();
    cluster.commit_alone("t", 0, 1);
    cluster.takes = Log::Refuses(ErrorCode::CoordinatorNotAvailable);
    cluster.delete_topic("t");
    cluster.create_topic("t", 4, 1);
    cluster.advance(Duration::from_secs(5));
    assert_eq!(cluster.committed("t", 0), 1);
    cluster.takes = Log::Takes;
    cluster.advance(Duration::from_secs(1));
    assert_eq!(cluster.committed("t", 0), -1);
}
