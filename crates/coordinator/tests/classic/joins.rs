//! Who comes in, and under which name.

use crate::cluster::Coordinator;
use crate::member::*;
use model::ErrorCode;
use protocol::messages::join_group::JoinGroupRequest;
use std::time::Duration;

#[test]
fn from_version_4_on_a_member_learns_its_id_before_it_joins() {
    for version in 4..=9 {
        let mut cluster = Coordinator::new();
        let first = cluster.join(join_request("", &["t"]), version);
        assert_eq!(error(first.error_code), ErrorCode::MemberIdRequired);
        assert_eq!((first.generation_id, first.leader.as_str()), (-1, ""));
        assert_eq!(first.protocol_name.is_some(), version < 7);
        assert!(first.member_id.starts_with("app-"));
        let second = cluster.join(join_request(&first.member_id, &["t"]), version);
        assert_eq!(error(second.error_code), ErrorCode::None);
        assert_eq!((second.generation_id, &second.leader, &second.member_id), (1, &first.member_id, &first.member_id));
        assert_eq!(second.members.len(), 1);
        assert_eq!(second.protocol_name.as_deref(), Some("range"));
        assert!(!second.skip_assignment);
    }
}

#[test]
fn up_to_version_3_a_member_joins_at_once() {
    for version in 0..=3 {
        let mut cluster = Coordinator::new();
        let answer = cluster.join(join_request("", &["t"]), version);
        assert_eq!((error(answer.error_code), answer.generation_id), (ErrorCode::None, 1));
        assert_eq!(answer.members[0].metadata, subscription(&["t"]));
    }
}

#[test]
fn an_id_that_was_not_given_out_is_unknown_and_one_that_was_may_leave() {
    let mut cluster = Coordinator::new();
    let promised = cluster.join(join_request("", &["t"]), 5).member_id;
    let pending = Joined { id: promised.clone(), generation: -1 };
    assert_eq!(cluster.beat(&pending), ErrorCode::UnknownMemberId);
    let invented = cluster.join(join_request("invented", &["t"]), 5);
    assert_eq!(error(invented.error_code), ErrorCode::UnknownMemberId);
    assert_eq!(invented.member_id, "invented");
    assert_eq!(cluster.leave_errors(&[(&promised, None)]), [ErrorCode::None]);
    assert_eq!(error(cluster.join(join_request(&promised, &["t"]), 5).error_code), ErrorCode::UnknownMemberId);
}

#[test]
fn a_promised_id_that_is_not_used_holds_up_a_rebalance_only_for_its_session() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(2);
    cluster.join(join_request("", &["t"]), 5);
    let (a, b) = (members[0].clone(), members[1].clone());
    let again = cluster.send_join(join_request(&a.id, &["t"]), 3);
    let other = cluster.send_join(join_request(&b.id, &["t"]), 3);
    assert!(!cluster.has_answer(again), "somebody has a name and has not come");
    cluster.advance(Duration::from_millis(SESSION_MS as u64));
    assert_eq!(cluster.joined(again).generation_id, 3);
    assert_eq!(cluster.joined(other).generation_id, 3);
}

#[test]
fn a_new_group_waits_for_more_members_and_each_newcomer_prolongs_that() {
    let mut cluster = Coordinator::with(&[]); // three seconds
    let first = cluster.send_join(join_request("", &["t"]), 3);
    cluster.advance(Duration::from_millis(2500));
    let second = cluster.send_join(join_request("", &["t"]), 3);
    cluster.advance(Duration::from_millis(3400));
    assert!(!cluster.has_answer(first));
    cluster.advance(Duration::from_millis(100));
    assert_eq!(cluster.joined(first).members.len(), 2);
    assert_eq!(cluster.joined(second).members.len(), 0);
}

#[test]
fn newcomers_prolong_the_wait_no_longer_than_the_rebalance_timeout() {
    let mut cluster = Coordinator::with(&[]);
    let first = cluster.send_join(join_request("", &["t"]), 3);
    for _ in 0..59 {
        assert!(!cluster.has_answer(first));
        cluster.advance(Duration::from_secs(1));
        cluster.send_join(join_request("", &["t"]), 3);
    }
    cluster.advance(Duration::from_secs(1));
    assert_eq!(cluster.joined(first).members.len(), 60);
}

#[test]
fn the_protocol_is_one_that_all_support_and_most_want() {
    let mut cluster = Coordinator::new();
    let all = |names: &[&str]| names.iter().map(|name| protocol(name, &subscription(&["t"]))).collect::<Vec<_>>();
    let first = JoinGroupRequest { protocols: all(&["a", "b", "c"]), ..join_request("", &["t"]) };
    let leader = cluster.join(first.clone(), 3);
    assert_eq!(leader.protocol_name.as_deref(), Some("a"));
    let second = cluster.send_join(JoinGroupRequest { protocols: all(&["c", "b"]), ..join_request("", &["t"]) }, 3);
    let again = cluster.join(JoinGroupRequest { member_id: leader.member_id, ..first }, 3);
    assert_eq!(again.protocol_name.as_deref(), Some("b"), "a tie goes as the leader wants it");
    assert_eq!(cluster.joined(second).protocol_name.as_deref(), Some("b"));
    let third = cluster.send_join(JoinGroupRequest { protocols: all(&["c"]), ..join_request("", &["t"]) }, 3);
    assert!(!cluster.has_answer(third));
}

#[test]
fn a_member_without_a_common_protocol_or_of_another_type_is_refused() {
    let mut cluster = Coordinator::new();
    let member = cluster.join_alone();
    let sticky =
        JoinGroupRequest { protocols: vec![protocol("sticky", &subscription(&["t"]))], ..join_request("", &["t"]) };
    let connect = JoinGroupRequest { protocol_type: "connect".into(), ..join_request("", &["t"]) };
    for version in [3, 5, 9] {
        for request in [&sticky, &connect] {
            let refused = cluster.join(request.clone(), version);
            assert_eq!(error(refused.error_code), ErrorCode::InconsistentGroupProtocol);
            assert_eq!(refused.member_id, "");
        }
    }
    assert_eq!(cluster.beat(&member), ErrorCode::None);
    let nothing = JoinGroupRequest { protocols: vec![], group_id: "other".into(), ..join_request("", &["t"]) };
    assert_eq!(error(cluster.join(nothing, 3).error_code), ErrorCode::InconsistentGroupProtocol);
    assert_eq!(cluster.list(&[], &[]).len(), 1, "a refused join makes no group");
}

#[test]
fn a_full_group_takes_nobody_else() {
    let mut cluster = Coordinator::with(&[("group.initial.rebalance.delay.ms", "0"), ("group.max.size", "2")]);
    let members = cluster.stable_group(2);
    let refused = cluster.join(join_request("", &["t"]), 3);
    assert_eq!(error(refused.error_code), ErrorCode::GroupMaxSizeReached);
    assert_eq!(cluster.beat(&members[0]), ErrorCode::None);
    let again = cluster.join(join_request(&members[1].id, &["t"]), 3);
    assert_eq!(error(again.error_code), ErrorCode::None);
}

#[test]
fn a_group_that_became_too_large_keeps_those_who_join_first() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(3);
    cluster.set(&[("group.initial.rebalance.delay.ms", "0"), ("group.max.size", "2")]);
    cluster.fail_over();
    assert_eq!(cluster.beat(&members[0]), ErrorCode::RebalanceInProgress);
    let first = cluster.send_join(join_request(&members[2].id, &["t"]), 3);
    let second = cluster.send_join(join_request(&members[1].id, &["t"]), 3);
    let third = cluster.join(join_request(&members[0].id, &["t"]), 3);
    assert_eq!(error(third.error_code), ErrorCode::GroupMaxSizeReached);
    cluster.advance(Duration::from_millis(REBALANCE_MS as u64));
    let leads = cluster.joined(second).members.len() + cluster.joined(first).members.len();
    assert_eq!(leads, 2);
}

#[test]
fn session_timeouts_out_of_bounds_and_the_empty_group_are_refused() {
    let mut cluster = Coordinator::new();
    for session_timeout_ms in [0, 5_999, 1_800_001, -1] {
        let request = JoinGroupRequest { session_timeout_ms, ..join_request("", &["t"]) };
        assert_eq!(error(cluster.join(request, 3).error_code), ErrorCode::InvalidSessionTimeout);
    }
    let request = JoinGroupRequest { group_id: "".into(), ..join_request("", &["t"]) };
    assert_eq!(error(cluster.join(request, 3).error_code), ErrorCode::InvalidGroupId);
}

#[test]
fn a_follower_that_joins_again_hears_the_generation_and_the_leader_starts_a_new_one() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(2);
    let follower = cluster.join(join_request(&members[1].id, &["t"]), 3);
    assert_eq!((follower.generation_id, follower.members.len()), (2, 0));
    assert_eq!(cluster.state(), "Stable");
    let leader = cluster.send_join(join_request(&members[0].id, &["t"]), 3);
    assert_eq!(cluster.beat(&members[1]), ErrorCode::RebalanceInProgress);
    let follower = cluster.send_join(join_request(&members[1].id, &["t"]), 3);
    assert_eq!(cluster.joined(leader).generation_id, 3);
    assert_eq!(cluster.joined(follower).generation_id, 3);
}

#[test]
fn a_follower_that_wants_something_else_starts_a_new_generation() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(2);
    let follower = cluster.send_join(join_request(&members[1].id, &["t", "u"]), 3);
    assert!(!cluster.has_answer(follower));
    let leader = cluster.join(join_request(&members[0].id, &["t"]), 3);
    assert_eq!(leader.generation_id, 3);
    assert!(leader.members.iter().any(|member| member.metadata == subscription(&["t", "u"])));
}

#[test]
fn a_member_whose_answer_was_lost_gets_it_again() {
    let mut cluster = Coordinator::new();
    let first = cluster.join(join_request("", &["t"]), 3);
    let again = cluster.join(join_request(&first.member_id, &["t"]), 3);
    assert_eq!(again, first);
    let other = cluster.join(join_request(&first.member_id, &["u"]), 3);
    assert_eq!(other.generation_id, 2);
}

#[test]
fn of_two_joins_of_one_member_the_older_is_answered() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(2);
    let older = cluster.send_join(join_request(&members[0].id, &["t"]), 3);
    let newer = cluster.send_join(join_request(&members[0].id, &["t"]), 3);
    assert_eq!(error(cluster.joined(older).error_code), ErrorCode::RebalanceInProgress);
    cluster.send_join(join_request(&members[1].id, &["t"]), 3);
    assert_eq!(cluster.joined(newer).generation_id, 3);
}

#[test]
fn a_join_of_a_new_member_ends_after_five_minutes() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(1);
    let patient = JoinGroupRequest { rebalance_timeout_ms: 3_600_000, ..join_request(&members[0].id, &["u"]) };
    let leader = cluster.join(patient, 3);
    let leader = Joined { id: leader.member_id, generation: leader.generation_id };
    let newcomer = cluster.send_join(join_request("", &["t"]), 3);
    for _ in 0..60 {
        assert!(!cluster.has_answer(newcomer));
        assert_eq!(cluster.beat(&leader), ErrorCode::RebalanceInProgress);
        cluster.advance(Duration::from_secs(5));
    }
    assert_eq!(error(cluster.joined(newcomer).error_code), ErrorCode::UnknownMemberId);
}

#[test]
fn a_client_id_of_any_length_makes_a_member_id_that_can_be_written() {
    let mut cluster = Coordinator::new();
    let long = "ü".repeat(16_383);
    let request = join_request("", &["t"]);
    let client = crate::cluster::client(&long);
    let ticket = cluster.send(coordinator::group::Request::JoinGroup { request, version: 3, client });
    let answer = cluster.joined(ticket);
    assert!(answer.member_id.len() < 32_767);
    let member = Joined { id: answer.member_id, generation: 1 };
    assert_eq!(error(cluster.sync(&member, &[]).error_code), ErrorCode::None);
}

#[test]
fn ids_are_promised_without_end_and_few_are_kept() {
    let mut cluster = Coordinator::new();
    let first = cluster.join(join_request("", &["t"]), 5).member_id;
    for _ in 0..10_000 {
        cluster.join(join_request("", &["t"]), 5);
    }
    assert_eq!(error(cluster.join(join_request(&first, &["t"]), 5).error_code), ErrorCode::UnknownMemberId);
}

/// Each had its own timer, which stayed in the queue when the promise was given up for another.
#[test]
fn nothing_is_kept_of_promises_that_were_given_up_for_others() {
    let mut cluster = Coordinator::new();
    for _ in 0..10_500 {
        cluster.join(join_request("", &["t"]), 5);
        cluster.advance(Duration::from_micros(500));
    }
    cluster.wakes = 0;
    cluster.advance(Duration::from_millis(SESSION_MS as u64));
    assert!(cluster.wakes <= 10_001, "{} wakes for 10000 promises", cluster.wakes);
    assert_eq!(cluster.list(&[], &[]).len(), 0);
}
