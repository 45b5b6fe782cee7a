//! Heartbeats that are not taken.

use crate::coordinator::{Coordinator, idle, joining, joining_by_pattern};
use model::ErrorCode;
use protocol::messages::consumer_group_heartbeat::{ConsumerGroupHeartbeatRequest, TopicPartitions};

fn refused(edit: impl Fn(&mut ConsumerGroupHeartbeatRequest), error: ErrorCode) {
    let mut group = Coordinator::with_topics(&[("t", 1)]);
    let mut request = joining("m", &["t"]);
    edit(&mut request);
    group.bad(request, error);
    assert_eq!(group.log_length(), 0, "nothing is written");
}

#[test]
fn a_heartbeat_says_who_it_is_of_and_what_it_wants() {
    use ErrorCode::{GroupIdNotFound, InvalidRegularExpression, InvalidRequest, UnsupportedAssignor};
    refused(|r| r.group_id = "".into(), InvalidRequest);
    refused(|r| r.member_id = "".into(), InvalidRequest);
    refused(|r| r.member_epoch = -3, InvalidRequest);
    refused(|r| r.member_epoch = -2, InvalidRequest);
    refused(|r| r.member_epoch = -1, GroupIdNotFound);
    refused(|r| r.member_epoch = 5, GroupIdNotFound);
    refused(|r| r.rebalance_timeout_ms = -1, InvalidRequest);
    refused(|r| r.topic_partitions = None, InvalidRequest);
    refused(|r| r.topic_partitions = Some(vec![TopicPartitions::default()]), InvalidRequest);
    refused(|r| r.subscribed_topic_names = None, InvalidRequest);
    refused(|r| r.server_assignor = Some("nonsense".into()), UnsupportedAssignor);
    refused(|r| r.instance_id = Some("".into()), InvalidRequest);
    refused(|r| r.rack_id = Some("".into()), InvalidRequest);
    refused(|r| r.subscribed_topic_regex = Some("[a".into()), InvalidRegularExpression);
}

#[test]
fn the_first_version_gives_a_member_its_id() {
    let mut group = Coordinator::with_topics(&[("t", 1)]);
    let response = group.beat_version(joining("", &["t"]), 0);
    let id = response.member_id.expect("an id");
    assert_eq!((response.error_code, id.len()), (0, 22));
    assert_eq!(group.good(idle(&id, 2)).member_epoch, 2);
}

#[test]
fn strangers_and_other_epochs_are_not_heard() {
    let mut group = Coordinator::with_topics(&[("t", 1)]);
    group.join("a", &["t"]);
    group.bad(idle("stranger", 2), ErrorCode::UnknownMemberId);
    group.bad(idle("stranger", -1), ErrorCode::UnknownMemberId);
    group.bad(idle("a", 3), ErrorCode::FencedMemberEpoch);
    group.bad(idle("a", 1), ErrorCode::FencedMemberEpoch);
}

#[test]
fn a_full_group_takes_nobody_but_its_own() {
    let mut group =
        Coordinator::with_configs(&[("group.consumer.max.size", "1"), ("group.consumer.assignment.interval.ms", "0")]);
    group.create_topic("t", 1);
    group.join("a", &["t"]);
    group.bad(joining("b", &["t"]), ErrorCode::GroupMaxSizeReached);
    assert_eq!(group.join("a", &["t"]), 2);
}

#[test]
fn a_broker_may_not_serve_the_protocol_at_all() {
    let mut group = Coordinator::with_configs(&[("group.coordinator.rebalance.protocols", "classic")]);
    group.bad(joining("a", &["t"]), ErrorCode::UnsupportedVersion);
}

#[test]
fn a_pattern_that_is_none_leaves_a_member_as_it_was() {
    let mut group = Coordinator::with_topics(&[("t", 1)]);
    group.good(joining_by_pattern("a", "t"));
    let before = group.log_length();
    let mut request = idle("a", 2);
    request.subscribed_topic_regex = Some("(".into());
    group.bad(request, ErrorCode::InvalidRegularExpression);
    assert_eq!(group.log_length(), before);
    assert_eq!(group.good(idle("a", 2)).member_epoch, 2);
}
