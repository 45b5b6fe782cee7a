//! Members with an instance id.

use crate::coordinator::{Coordinator, idle, joining};
use model::ErrorCode;
use protocol::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use std::time::Duration;

fn of_instance(request: ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest { instance_id: Some("instance".into()), ..request }
}

#[test]
fn the_place_of_a_static_member_is_kept_for_its_next_incarnation() {
    let mut group = Coordinator::with_topics(&[("t", 1)]);
    assert_eq!(group.good(of_instance(joining("a", &["t"]))).member_epoch, 2);
    group.bad(of_instance(joining("b", &["t"])), ErrorCode::UnreleasedInstanceId);
    let away = group.good(of_instance(idle("a", -2)));
    assert_eq!((away.member_epoch, away.heartbeat_interval_ms), (-2, 0));
    assert_eq!(group.epochs(), ("Reconciling".into(), 2, 2));
    assert_eq!(group.member("a"), (-2, vec!["t-0".into()], vec!["t-0".into()]));
    group.bad(of_instance(idle("a", 2)), ErrorCode::FencedMemberEpoch);
    let takes_over = group.good(of_instance(joining("b", &["t"])));
    assert_eq!((takes_over.member_epoch, group.names(&takes_over.assignment)), (2, Some(vec!["t-0".into()])));
    group.bad(of_instance(idle("a", 2)), ErrorCode::FencedInstanceId);
    assert_eq!(group.epochs(), ("Stable".into(), 2, 2));
    assert_eq!(group.describe().members.len(), 1);
    group.good(of_instance(idle("b", -1)));
    assert_eq!(group.epochs(), ("Empty".into(), 3, 2));
}

#[test]
fn nobody_else_is_given_what_a_static_member_left_until_its_session_ends() {
    let mut group = Coordinator::with_topics(&[("t", 2)]);
    group.good(of_instance(joining("a", &["t"])));
    group.join("b", &["t"]);
    group.good(of_instance(group.owning("a", 2, "t", &[0, 1])));
    group.good(of_instance(group.owning("a", 2, "t", &[0])));
    group.good(of_instance(idle("a", -2)));
    let all = |group: &mut Coordinator| group.good(idle("b", 3)).member_epoch;
    group.advance(Duration::from_secs(40));
    assert_eq!(all(&mut group), 3);
    assert_eq!(group.member("b").1, ["t-1"]);
    group.advance(Duration::from_secs(5));
    assert_eq!(group.good(idle("b", 3)).member_epoch, 4);
    assert_eq!(group.member("b").1, ["t-0", "t-1"]);
}

#[test]
fn what_a_static_member_was_giving_up_it_has_given_up_when_it_leaves() {
    let mut group = Coordinator::with_topics(&[("t", 2)]);
    group.good(of_instance(joining("a", &["t"])));
    group.join("b", &["t"]);
    group.good(of_instance(idle("a", 2)));
    assert_eq!(group.member("b").1, Vec::<String>::new());
    group.good(of_instance(idle("a", -2)));
    group.good(idle("b", 3));
    assert_eq!(group.member("b").1, ["t-1"]);
}

#[test]
fn an_instance_id_that_nobody_has_is_no_member() {
    let mut group = Coordinator::with_topics(&[("t", 1)]);
    group.join("a", &["t"]);
    group.bad(of_instance(idle("a", 2)), ErrorCode::UnknownMemberId);
    group.bad(of_instance(idle("a", -1)), ErrorCode::UnknownMemberId);
    group.bad(of_instance(idle("a", -2)), ErrorCode::UnknownMemberId);
}

#[test]
fn a_static_member_comes_back_after_a_failover_too() {
    let mut group = Coordinator::with_topics(&[("t", 1)]);
    group.good(of_instance(joining("a", &["t"])));
    group.good(of_instance(idle("a", -2)));
    group.compact();
    group.fail_over();
    let takes_over = group.good(of_instance(joining("b", &["t"])));
    assert_eq!((takes_over.member_epoch, group.names(&takes_over.assignment)), (2, Some(vec!["t-0".into()])));
}

#[test]
fn the_same_incarnation_may_join_again() {
    let mut group = Coordinator::with_topics(&[("t", 1)]);
    group.good(of_instance(joining("a", &["t"])));
    let again = group.good(of_instance(joining("a", &["t"])));
    assert_eq!((again.member_epoch, group.names(&again.assignment)), (2, Some(vec!["t-0".into()])));
}
