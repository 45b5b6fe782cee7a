//! Generations: who waits for whom, and for how long.

use crate::cluster::Coordinator;
use crate::member::*;
use model::ErrorCode;
use protocol::Text;
use protocol::messages::join_group::JoinGroupRequest;
use protocol::messages::sync_group::SyncGroupRequest;
use std::time::Duration;

const REBALANCE: Duration = Duration::from_millis(REBALANCE_MS as u64);
const SESSION: Duration = Duration::from_millis(SESSION_MS as u64);

#[test]
fn everyone_gets_what_the_leader_gave_it_and_nothing_else() {
    let mut cluster = Coordinator::new();
    let leader = cluster.join(join_request("", &["t"]), 3);
    let follower = cluster.send_join(join_request("", &["t"]), 3);
    let leader = cluster.join(join_request(&leader.member_id, &["t"]), 3);
    let follower = cluster.joined(follower);
    assert_eq!((leader.members.len(), follower.members.len()), (2, 0));
    let leader = Joined { id: leader.member_id, generation: 2 };
    let follower = Joined { id: follower.member_id, generation: 2 };
    let waiting = cluster.send_sync(&follower, &[]);
    assert!(!cluster.has_answer(waiting), "the leader has not said anything yet");
    assert_eq!(cluster.beat(&follower), ErrorCode::None);
    let own = cluster.sync(&leader, &[(&follower.id, "half"), ("stranger", "other half")]);
    assert_eq!((own.assignment.len(), own.protocol_name.as_deref()), (0, Some("range")));
    assert_eq!(&cluster.synced(waiting).assignment[..], b"half");
    assert_eq!(&cluster.sync(&follower, &[]).assignment[..], b"half", "again");
    assert_eq!(cluster.state(), "Stable");
}

#[test]
fn who_does_not_join_in_time_is_out() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(3);
    let leader = cluster.send_join(join_request(&members[0].id, &["t"]), 3);
    let second = cluster.send_join(join_request(&members[1].id, &["t"]), 3);
    for _ in 0..12 {
        assert!(!cluster.has_answer(leader));
        assert_eq!(cluster.beat(&members[2]), ErrorCode::RebalanceInProgress);
        cluster.advance(REBALANCE / 12);
    }
    assert_eq!(cluster.joined(leader).members.len(), 2);
    assert_eq!(cluster.joined(second).generation_id, 3);
    assert_eq!(cluster.beat(&members[2]), ErrorCode::UnknownMemberId);
}

#[test]
fn another_member_leads_when_the_leader_does_not_join() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(2);
    let follower = cluster.send_join(join_request(&members[1].id, &["u"]), 3);
    cluster.advance(SESSION);
    let answer = cluster.joined(follower);
    assert_eq!((answer.leader.clone(), answer.members.len()), (members[1].id.clone(), 1));
    assert_eq!(cluster.beat(&members[0]), ErrorCode::UnknownMemberId);
}

#[test]
fn a_member_that_is_silent_for_its_session_is_out_and_one_that_beats_is_not() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(2);
    for _ in 0..10 {
        cluster.advance(SESSION * 9 / 10);
        assert_eq!(cluster.beat(&members[0]), ErrorCode::None);
        assert_eq!(cluster.beat(&members[1]), ErrorCode::None);
    }
    cluster.advance(SESSION / 2);
    assert_eq!(cluster.beat(&members[0]), ErrorCode::None);
    cluster.advance(SESSION / 2);
    assert_eq!(cluster.beat(&members[1]), ErrorCode::UnknownMemberId);
    assert_eq!(cluster.beat(&members[0]), ErrorCode::RebalanceInProgress);
}

#[test]
fn commits_keep_a_session_as_heartbeats_do() {
    let mut cluster = Coordinator::new();
    let member = cluster.join_alone();
    for offset in 0..5 {
        cluster.advance(SESSION * 9 / 10);
        assert_eq!(cluster.commit(&member, "t", 0, offset), ErrorCode::None);
    }
}

#[test]
fn a_wall_clock_that_jumps_ends_no_session() {
    let mut cluster = Coordinator::new();
    let member = cluster.join_alone();
    cluster.now.wall += 3_600_000;
    cluster.advance(SESSION * 9 / 10);
    cluster.now.wall -= 7_200_000;
    assert_eq!(cluster.beat(&member), ErrorCode::None);
    cluster.advance(SESSION * 9 / 10);
    assert_eq!(cluster.beat(&member), ErrorCode::None);
}

#[test]
fn a_member_that_waits_here_is_not_blamed_for_silence() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(2);
    let patient = |id: &str| JoinGroupRequest { rebalance_timeout_ms: 300_000, ..join_request(id, &["u"]) };
    let waiting = cluster.send_join(patient(&members[1].id), 3);
    for _ in 0..20 {
        cluster.advance(SESSION * 9 / 10);
        assert_eq!(cluster.beat(&members[0]), ErrorCode::RebalanceInProgress);
    }
    let leader = cluster.join(patient(&members[0].id), 3);
    assert_eq!(leader.generation_id, 3);
    assert_eq!(cluster.joined(waiting).generation_id, 3);
}

#[test]
fn a_newcomer_interrupts_members_that_wait_for_their_assignment() {
    let mut cluster = Coordinator::new();
    let leader = cluster.join(join_request("", &["t"]), 3);
    let second = cluster.send_join(join_request("", &["t"]), 3);
    assert_eq!(cluster.state(), "PreparingRebalance");
    cluster.join(join_request(&leader.member_id, &["t"]), 3);
    let second = cluster.joined(second);
    let second = Joined { id: second.member_id, generation: second.generation_id };
    let waiting = cluster.send_sync(&second, &[]);
    assert_eq!(cluster.state(), "CompletingRebalance");
    cluster.send_join(join_request("", &["t"]), 3);
    assert_eq!(error(cluster.synced(waiting).error_code), ErrorCode::RebalanceInProgress);
    let leader = Joined { id: leader.member_id, generation: 2 };
    assert_eq!(error(cluster.sync(&leader, &[]).error_code), ErrorCode::RebalanceInProgress);
}

#[test]
fn a_member_that_never_asks_for_its_assignment_is_out() {
    let mut cluster = Coordinator::new();
    let leader = cluster.join_alone();
    let second = cluster.send_join(join_request("", &["t"]), 3);
    let generation = cluster.join(join_request(&leader.id, &["t"]), 3).generation_id;
    let leader = Joined { generation, ..leader };
    let lazy = Joined { id: cluster.joined(second).member_id, generation };
    cluster.sync(&leader, &[]);
    for _ in 0..11 {
        cluster.advance(REBALANCE / 12);
        assert_eq!((cluster.beat(&leader), cluster.beat(&lazy)), (ErrorCode::None, ErrorCode::None));
    }
    cluster.advance(REBALANCE / 12);
    assert_eq!(cluster.beat(&lazy), ErrorCode::UnknownMemberId);
    assert_eq!(cluster.beat(&leader), ErrorCode::RebalanceInProgress);
}

#[test]
fn of_two_syncs_of_one_member_the_older_is_answered() {
    let mut cluster = Coordinator::new();
    cluster.join_alone();
    let second = cluster.send_join(join_request("", &["t"]), 3);
    let described = cluster.describe();
    assert!(described.members.iter().all(|member| member.member_metadata.is_empty()), "wishes are not settled now");
    cluster.advance(SESSION);
    let answer = cluster.joined(second);
    assert_eq!(answer.members.len(), 1);
    let third = cluster.send_join(join_request("", &["t"]), 3);
    cluster.join(join_request(&answer.member_id, &["t"]), 3);
    let third = Joined { id: cluster.joined(third).member_id, generation: 3 };
    let older = cluster.send_sync(&third, &[]);
    let newer = cluster.send_sync(&third, &[]);
    assert_eq!(error(cluster.synced(older).error_code), ErrorCode::RebalanceInProgress);
    cluster.sync(&Joined { id: answer.member_id, generation: 3 }, &[(&third.id, "x")]);
    assert_eq!(&cluster.synced(newer).assignment[..], b"x");
}

#[test]
fn heartbeats_and_syncs_of_another_generation_or_protocol_are_refused() {
    let mut cluster = Coordinator::new();
    let member = cluster.join_alone();
    for generation in [member.generation - 1, member.generation + 1, -1] {
        let other = Joined { generation, ..member.clone() };
        assert_eq!(cluster.beat(&other), ErrorCode::IllegalGeneration);
        assert_eq!(error(cluster.sync(&other, &[]).error_code), ErrorCode::IllegalGeneration);
    }
    let stranger = Joined { id: "stranger".into(), ..member.clone() };
    assert_eq!(cluster.beat(&stranger), ErrorCode::UnknownMemberId);
    for (version, kind, name, expected) in [
        (5, Some("consumer"), Some("range"), ErrorCode::None),
        (5, Some("connect"), Some("range"), ErrorCode::InconsistentGroupProtocol),
        (5, Some("consumer"), Some("sticky"), ErrorCode::InconsistentGroupProtocol),
        (5, None, Some("range"), ErrorCode::InconsistentGroupProtocol),
        (5, Some("consumer"), None, ErrorCode::InconsistentGroupProtocol),
        (5, None, None, ErrorCode::InconsistentGroupProtocol),
        (4, None, None, ErrorCode::None),
    ] {
        let request = SyncGroupRequest {
            protocol_type: kind.map(Text::from),
            protocol_name: name.map(Text::from),
            ..Coordinator::sync_request(&member, &[])
        };
        let ticket = cluster.send(coordinator::group::Request::SyncGroup { request, version });
        assert_eq!(error(cluster.synced(ticket).error_code), expected);
    }
}

#[test]
fn a_sync_that_does_not_say_which_protocol_is_refused_before_anything_else() {
    let mut cluster = Coordinator::new();
    let member = cluster.join_alone();
    let stranger = Joined { id: "stranger".into(), generation: member.generation };
    for group in [GROUP, "other", ""] {
        let request = SyncGroupRequest { group_id: group.into(), ..Coordinator::sync_request(&stranger, &[]) };
        let ticket = cluster.send(coordinator::group::Request::SyncGroup { request, version: 5 });
        assert_eq!(error(cluster.synced(ticket).error_code), ErrorCode::InconsistentGroupProtocol);
    }
}

#[test]
fn a_group_that_nobody_can_be_in_knows_nobody() {
    let mut cluster = Coordinator::new();
    let ghost = Joined { id: "ghost".into(), generation: 1 };
    assert_eq!(cluster.beat(&ghost), ErrorCode::UnknownMemberId);
    assert_eq!(error(cluster.sync(&ghost, &[]).error_code), ErrorCode::UnknownMemberId);
    assert_eq!(error(cluster.join(join_request("ghost", &["t"]), 3).error_code), ErrorCode::UnknownMemberId);
    assert_eq!(cluster.leave_errors(&[("ghost", None)]), [ErrorCode::UnknownMemberId]);
    assert_eq!(cluster.list(&[], &[]).len(), 0);
}

#[test]
fn a_rebalance_timeout_of_nothing_makes_no_busy_loop() {
    let mut cluster = Coordinator::new();
    let hasty = JoinGroupRequest { rebalance_timeout_ms: 0, ..static_join("", "i") };
    let first = cluster.join(hasty.clone(), 5);
    let member = Joined { id: first.member_id, generation: 1 };
    let dynamic = JoinGroupRequest { rebalance_timeout_ms: 0, ..join_request("", &["t"]) };
    cluster.send_join(dynamic, 3);
    cluster.advance(Duration::from_secs(5));
    assert!(cluster.waiting() <= 1);
    cluster.beat(&member);
    cluster.advance(Duration::from_secs(100));
    assert_eq!(cluster.state(), "Empty");
}
