//! Brokers that stop in order, and brokers that are forgotten.

use crate::cluster::{Cluster, error, is_text};
use crate::eligible_leaders::create_on;
use controller::{Reply, Request};
use model::ErrorCode;
use protocol::messages::unregister_broker::{UnregisterBrokerRequest, UnregisterBrokerResponse};

#[test]
fn a_broker_that_wants_to_stop_hands_over_and_waits_until_the_others_know() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    cluster.create_topic("t", 12, 3);
    let answer = cluster.ask_to_stop(1);
    assert!(!answer.should_shut_down && !answer.is_fenced);
    for number in 0..12 {
        let partition = cluster.partition("t", number);
        assert!(partition.leader.is_some_and(|leader| leader != 1) && !partition.isr.contains(&1), "{partition:?}");
    }
    assert!(!cluster.ask_to_stop(1).should_shut_down, "2 and 3 may still send clients to it");
    cluster.beat_of(2);
    assert!(!cluster.ask_to_stop(1).should_shut_down);
    cluster.beat_of(3);
    let answer = cluster.ask_to_stop(1);
    assert!(answer.should_shut_down && answer.is_fenced);
    assert!(!cluster.image().is_unfenced(1));
}

#[test]
fn a_broker_that_leads_nothing_stops_at_once_and_leaves_every_isr() {
    let mut cluster = Cluster::of(&[1, 2]);
    create_on(&mut cluster, "t", &[1, 2], &[]);
    assert!(cluster.ask_to_stop(2).should_shut_down);
    assert_eq!(cluster.partition("t", 0).isr, [1]);
}

#[test]
fn what_only_a_stopping_broker_has_is_led_by_nobody_until_it_comes_back() {
    let mut cluster = Cluster::of(&[1, 2]);
    create_on(&mut cluster, "t", &[1], &[]);
    cluster.ask_to_stop(1);
    assert_eq!(cluster.partition("t", 0).leader, None);
    cluster.beat_of(2);
    assert!(cluster.ask_to_stop(1).should_shut_down);
    cluster.start_broker(1);
    assert_eq!(cluster.partition("t", 0).leader, Some(1));
}

#[test]
fn a_lone_broker_stops_in_two_heartbeats() {
    let mut cluster = Cluster::of(&[1]);
    cluster.create_topic("t", 3, 1);
    assert!(!cluster.ask_to_stop(1).should_shut_down);
    assert!(cluster.ask_to_stop(1).should_shut_down);
}

#[test]
fn another_controller_goes_on_with_a_stop_that_was_begun() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    cluster.create_topic("t", 12, 3);
    cluster.ask_to_stop(1);
    cluster.fail_over();
    assert!(!cluster.ask_to_stop(1).should_shut_down, "nobody was heard of yet");
    cluster.beat_of(2);
    cluster.beat_of(3);
    assert!(cluster.ask_to_stop(1).should_shut_down);
}

fn unregister(cluster: &mut Cluster, broker_id: i32) -> UnregisterBrokerResponse {
    match cluster.ask(Request::UnregisterBroker(UnregisterBrokerRequest { broker_id, ..Default::default() })) {
        Reply::UnregisterBroker(answer) => answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_broker_that_is_forgotten_leads_nothing_and_is_no_broker() {
    let mut cluster = Cluster::of(&[1, 2]);
    create_on(&mut cluster, "t", &[1, 2], &[]);
    assert_eq!(unregister(&mut cluster, 1).error_code, 0);
    assert!(cluster.image().broker(1).is_none());
    let partition = cluster.partition("t", 0);
    assert_eq!((partition.leader, partition.isr.as_slice()), (Some(2), &[2][..]));
    let again = unregister(&mut cluster, 1);
    assert_eq!(error(again.error_code), ErrorCode::BrokerIdNotRegistered);
    assert!(is_text(&again.error_message));
    cluster.start_broker(1);
    cluster.alter_isr("t", 0, &[2, 1]);
}
