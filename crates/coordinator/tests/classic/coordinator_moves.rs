//! The next coordinator knows what the log says, and no more.

use crate::cluster::Coordinator;
use crate::member::*;
use model::ErrorCode;
use std::time::Duration;

#[test]
fn a_stable_group_goes_on_as_if_nothing_had_happened() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(3);
    cluster.commit(&members[1], "t", 1, 17);
    cluster.compact();
    cluster.fail_over();
    for member in &members {
        assert_eq!(cluster.beat(member), ErrorCode::None);
        assert_eq!(cluster.sync(member, &[]).assignment, format!("of {}", member.id).into_bytes());
    }
    assert_eq!(cluster.committed("t", 1), 17);
    let described = cluster.describe();
    assert_eq!((described.group_state.as_str(), described.protocol_data.as_str()), ("Stable", "range"));
    assert!(described.members.iter().all(|m| m.client_id == "app" && m.client_host == "/10.0.0.1"));
    assert!(described.members.iter().all(|m| m.member_metadata == subscription(&["t"])));
}

#[test]
fn everyone_has_a_new_session_at_the_new_coordinator() {
    let mut cluster = Coordinator::new();
    let member = cluster.join_alone();
    cluster.advance(Duration::from_secs(9));
    cluster.fail_over();
    cluster.advance(Duration::from_secs(9));
    assert_eq!(cluster.beat(&member), ErrorCode::None);
    cluster.advance(Duration::from_secs(10));
    assert_eq!(cluster.beat(&member), ErrorCode::UnknownMemberId);
}

#[test]
fn a_generation_that_was_never_assigned_is_lost_and_made_again() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(2);
    let follower = cluster.send_join(join_request(&members[1].id, &["u"]), 3);
    let leader = cluster.join(join_request(&members[0].id, &["t"]), 3);
    let (leader, follower) = (
        Joined { id: leader.member_id, generation: leader.generation_id },
        Joined { id: cluster.joined(follower).member_id, generation: leader.generation_id },
    );
    cluster.fail_over();
    assert_eq!(cluster.beat(&leader), ErrorCode::IllegalGeneration);
    assert_eq!(error(cluster.sync(&leader, &[]).error_code), ErrorCode::IllegalGeneration);
    assert_eq!(cluster.commit(&follower, "t", 0, 1), ErrorCode::IllegalGeneration);
    let again = cluster.send_join(join_request(&leader.id, &["t"]), 3);
    cluster.send_join(join_request(&follower.id, &["u"]), 3);
    assert_eq!(cluster.joined(again).generation_id, 3);
}

#[test]
fn requests_that_wait_are_sent_to_look_for_the_new_coordinator() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(2);
    let joins = cluster.send_join(join_request(&members[1].id, &["u"]), 3);
    cluster.fail_over();
    assert_eq!(error(cluster.joined(joins).error_code), ErrorCode::NotCoordinator);
    assert_eq!(cluster.beat(&members[0]), ErrorCode::None);
    assert_eq!(cluster.waiting(), 0);
}

#[test]
fn a_log_without_what_was_deleted_gives_the_same_groups() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(2);
    cluster.commit(&members[0], "t", 0, 1);
    cluster.commit(&members[0], "u", 0, 2);
    cluster.leave(&[(&members[0].id, None), (&members[1].id, None)]);
    cluster.delete_topic("u");
    cluster.delete_group("other");
    cluster.compact_away();
    cluster.fail_over();
    assert_eq!(cluster.fetch_all(), [("t".to_owned(), 0, 1)]);
    assert_eq!(cluster.delete_group(GROUP), ErrorCode::None);
    cluster.compact_away();
    cluster.fail_over();
    assert_eq!((cluster.log_length(), cluster.list(&[], &[]).len()), (0, 0));
}
