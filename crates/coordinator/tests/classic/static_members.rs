//! Static members (KIP-345, KIP-814).

use crate::cluster::{Coordinator, Log};
use crate::member::*;
use coordinator::group::Request;
use model::ErrorCode;
use protocol::Text;
use protocol::messages::join_group::JoinGroupRequest;
use protocol::messages::offset_commit::OffsetCommitRequest;
use protocol::messages::sync_group::SyncGroupRequest;
use std::time::Duration;

fn static_alone(cluster: &mut Coordinator, instance: &str) -> Joined {
    let answer = cluster.join(static_join("", instance), 5);
    assert_eq!(error(answer.error_code), ErrorCode::None, "static members need no promised id");
    let member = Joined { id: answer.member_id, generation: answer.generation_id };
    cluster.sync(&member, &[(&member.id, "mine")]);
    member
}

#[test]
fn one_that_comes_back_takes_its_place_without_a_rebalance() {
    let mut cluster = Coordinator::new();
    let first = static_alone(&mut cluster, "i");
    let second = cluster.join(static_join("", "i"), 5);
    assert_eq!((second.generation_id, &second.leader, second.members.len()), (1, &first.id, 0));
    assert_ne!(second.member_id, first.id);
    assert!(second.member_id.starts_with("i-"));
    let third = cluster.join(static_join("", "i"), 9);
    assert_eq!((third.generation_id, &third.leader, third.members.len()), (1, &third.member_id, 1));
    assert!(third.skip_assignment);
    let member = Joined { id: third.member_id, generation: 1 };
    assert_eq!(&cluster.sync(&member, &[]).assignment[..], b"mine");
    assert_eq!(cluster.beat_as(&member, Some("i")), ErrorCode::None);
    assert_eq!(cluster.state(), "Stable");
}

#[test]
fn the_old_id_is_fenced_with_its_instance_id_and_unknown_without() {
    let mut cluster = Coordinator::new();
    let old = static_alone(&mut cluster, "i");
    cluster.join(static_join("", "i"), 5);
    assert_eq!(cluster.beat_as(&old, Some("i")), ErrorCode::FencedInstanceId);
    assert_eq!(cluster.beat(&old), ErrorCode::UnknownMemberId);
    assert_eq!(cluster.beat_as(&old, Some("other")), ErrorCode::UnknownMemberId);
    assert_eq!(error(cluster.join(static_join(&old.id, "i"), 5).error_code), ErrorCode::FencedInstanceId);
    let request = SyncGroupRequest { group_instance_id: Some("i".into()), ..Coordinator::sync_request(&old, &[]) };
    let ticket = cluster.send(Request::SyncGroup { request, version: 4 });
    assert_eq!(error(cluster.synced(ticket).error_code), ErrorCode::FencedInstanceId);
    let request = OffsetCommitRequest { group_instance_id: Some("i".into()), ..commit_request(&old, "t", 0, 5) };
    let answer = cluster.commit_with(request, 8);
    assert_eq!(error(answer.topics[0].partitions[0].error_code), ErrorCode::FencedInstanceId);
    assert_eq!(cluster.leave_errors(&[(&old.id, Some("i"))]), [ErrorCode::FencedInstanceId]);
    assert_eq!(cluster.committed("t", 0), -1);
}

#[test]
fn the_new_id_is_known_to_the_next_coordinator() {
    let mut cluster = Coordinator::new();
    let old = static_alone(&mut cluster, "i");
    let new = Joined { id: cluster.join(static_join("", "i"), 9).member_id, generation: 1 };
    cluster.compact();
    cluster.fail_over();
    assert_eq!(cluster.beat_as(&old, Some("i")), ErrorCode::FencedInstanceId);
    assert_eq!(cluster.beat_as(&new, Some("i")), ErrorCode::None);
    assert_eq!(&cluster.sync(&new, &[]).assignment[..], b"mine");
}

#[test]
fn requests_of_the_old_one_that_wait_are_fenced() {
    let mut cluster = Coordinator::new();
    static_alone(&mut cluster, "i");
    let other = cluster.send_join(join_request("", &["t"]), 3);
    let old = cluster.send_join(static_join("", "j"), 5);
    assert_eq!(cluster.state(), "PreparingRebalance");
    let new = cluster.send_join(static_join("", "j"), 5);
    assert_eq!(error(cluster.joined(old).error_code), ErrorCode::FencedInstanceId);
    cluster.join(static_join("", "i"), 5);
    assert_eq!(error(cluster.joined(new).error_code), ErrorCode::None);
    assert_eq!(error(cluster.joined(other).error_code), ErrorCode::None);
}

#[test]
fn while_the_leader_works_out_the_assignment_a_return_starts_over() {
    let mut cluster = Coordinator::new();
    let leader = cluster.join_alone();
    let waits = cluster.send_join(static_join("", "i"), 5);
    cluster.join(join_request(&leader.id, &["t"]), 3);
    let first = Joined { id: cluster.joined(waits).member_id, generation: 2 };
    let sync = cluster.send_sync(&first, &[]);
    let back = cluster.send_join(static_join("", "i"), 5);
    assert_eq!(error(cluster.synced(sync).error_code), ErrorCode::FencedInstanceId);
    assert!(!cluster.has_answer(back));
    let leader = cluster.join(join_request(&leader.id, &["t"]), 3);
    assert_eq!((leader.generation_id, leader.members.len()), (3, 2));
    assert_eq!(cluster.joined(back).generation_id, 3);
}

#[test]
fn a_return_that_changes_the_common_protocol_starts_a_rebalance() {
    let mut cluster = Coordinator::new();
    let both = |id: &str, instance: &str, names: &[&str]| JoinGroupRequest {
        protocols: names.iter().map(|name| protocol(name, &subscription(&["t"]))).collect(),
        ..static_join(id, instance)
    };
    let first = cluster.join(both("", "i", &["a", "b"]), 5);
    let member = Joined { id: first.member_id, generation: 1 };
    cluster.sync(&member, &[]);
    let back = cluster.join(both("", "i", &["b"]), 5);
    assert_eq!((back.generation_id, back.protocol_name.as_deref()), (2, Some("b")));
}

#[test]
fn one_that_starts_again_slowly_keeps_its_place_until_its_session_ends() {
    let mut cluster = Coordinator::new();
    let leader = cluster.join_alone();
    let slow = JoinGroupRequest { session_timeout_ms: 300_000, ..static_join("", "i") };
    let waits = cluster.send_join(slow, 5);
    let generation = cluster.join(join_request(&leader.id, &["t"]), 3).generation_id;
    let leader = Joined { generation, ..leader };
    let kept = Joined { id: cluster.joined(waits).member_id, generation };
    cluster.sync(&leader, &[]);
    cluster.sync(&kept, &[]);
    let again = cluster.send_join(join_request(&leader.id, &["t"]), 3);
    cluster.advance(Duration::from_millis(REBALANCE_MS as u64));
    let again = cluster.joined(again);
    assert_eq!((again.generation_id, again.members.len()), (3, 2), "it did not come, and is in");
}

#[test]
fn a_return_that_the_log_refuses_leaves_the_group_as_it_was() {
    let mut cluster = Coordinator::new();
    let old = static_alone(&mut cluster, "i");
    cluster.takes = Log::Refuses(ErrorCode::NotEnoughReplicas);
    let refused = cluster.join(static_join("", "i"), 5);
    assert_eq!(error(refused.error_code), ErrorCode::CoordinatorNotAvailable);
    cluster.takes = Log::Takes;
    let back = cluster.join(static_join("", "i"), 9);
    assert_eq!((error(back.error_code), back.generation_id), (ErrorCode::None, 1));
    let member = Joined { id: back.member_id, generation: 1 };
    assert_eq!(&cluster.sync(&member, &[]).assignment[..], b"mine");
    assert_eq!(cluster.beat_as(&old, Some("i")), ErrorCode::FencedInstanceId);
}

#[test]
fn one_leaves_by_its_instance_id_alone() {
    let mut cluster = Coordinator::new();
    static_alone(&mut cluster, "i");
    assert_eq!(
        cluster.leave_errors(&[("", Some("j")), ("", Some("i"))]),
        [ErrorCode::UnknownMemberId, ErrorCode::None]
    );
    let described = cluster.describe();
    assert_eq!((described.group_state.as_str(), described.protocol_data.as_str()), ("Empty", ""));
    assert_eq!(described.protocol_type, Text::from("consumer"));
}
