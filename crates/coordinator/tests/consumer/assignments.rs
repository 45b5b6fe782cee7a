//! Who is given what, and when.

use crate::coordinator::{Coordinator, idle, joining};
use std::time::Duration;

#[test]
fn a_member_alone_is_given_everything_at_once() {
    let mut group = Coordinator::with_topics(&[("t", 2)]);
    let response = group.good(joining("a", &["t"]));
    assert_eq!((response.member_epoch, response.heartbeat_interval_ms), (2, 5000));
    assert_eq!(group.names(&response.assignment), Some(vec!["t-0".into(), "t-1".into()]));
    let acknowledged = group.good(group.owning("a", 2, "t", &[0, 1]));
    assert_eq!((acknowledged.member_epoch, acknowledged.assignment), (2, None));
    assert_eq!(group.good(idle("a", 2)).assignment, None);
    assert_eq!(group.epochs(), ("Stable".into(), 2, 2));
    let left = group.good(idle("a", -1));
    assert_eq!((left.member_epoch, left.heartbeat_interval_ms, left.assignment), (-1, 0, None));
    assert_eq!(group.epochs(), ("Empty".into(), 3, 2));
}

#[test]
fn a_second_member_gets_its_half_once_the_first_has_given_it_up() {
    let mut group = Coordinator::with_topics(&[("t", 4)]);
    group.join("a", &["t"]);
    group.good(group.owning("a", 2, "t", &[0, 1, 2, 3]));
    let entered = group.good(joining("b", &["t"]));
    assert_eq!((entered.member_epoch, group.names(&entered.assignment)), (3, Some(vec![])));
    let told = group.good(idle("a", 2));
    assert_eq!((told.member_epoch, group.names(&told.assignment)), (2, Some(vec!["t-0".into(), "t-1".into()])));
    assert_eq!(group.good(group.owning("b", 3, "t", &[])).assignment, None);
    assert_eq!(group.epochs(), ("Reconciling".into(), 3, 3));
    let all = ["t-0", "t-1", "t-2", "t-3"].map(String::from);
    assert_eq!(group.member("a"), (2, all.to_vec(), all[..2].to_vec()));
    assert_eq!(group.member("b"), (3, vec![], all[2..].to_vec()));
    let given_up = group.good(group.owning("a", 2, "t", &[0, 1]));
    assert_eq!((given_up.member_epoch, given_up.assignment), (3, None));
    let gets = group.good(group.owning("b", 3, "t", &[]));
    assert_eq!((gets.member_epoch, group.names(&gets.assignment)), (3, Some(all[2..].to_vec())));
    assert_eq!(group.epochs(), ("Stable".into(), 3, 3));
    group.good(idle("b", -1));
    let hears = group.good(idle("a", 3));
    assert_eq!((hears.member_epoch, group.names(&hears.assignment)), (4, Some(all.to_vec())));
    assert_eq!(group.epochs(), ("Stable".into(), 4, 4));
}

#[test]
fn members_that_come_within_the_interval_share_one_assignment() {
    let mut group = Coordinator::with_configs(&[]);
    group.create_topic("t", 6);
    assert_eq!(group.join("a", &["t"]), 2);
    let waits = group.good(joining("b", &["t"]));
    assert_eq!((waits.member_epoch, group.names(&waits.assignment)), (2, Some(vec![])), "the old epoch");
    assert_eq!(group.join("c", &["t"]), 2);
    assert_eq!(group.epochs(), ("Assigning".into(), 4, 2));
    group.advance(Duration::from_millis(999));
    assert_eq!(group.good(idle("b", 2)).member_epoch, 2);
    group.advance(Duration::from_millis(1));
    assert_eq!(group.good(idle("b", 2)).member_epoch, 4);
    assert_eq!(group.epochs(), ("Reconciling".into(), 4, 4));
}

#[test]
fn the_interval_of_a_group_may_be_its_own() {
    let mut group = Coordinator::with_configs(&[]);
    group.create_topic("t", 2);
    group.set_group_config("consumer.assignment.interval.ms", "0");
    group.set_group_config("consumer.heartbeat.interval.ms", "7000");
    assert_eq!(group.join("a", &["t"]), 2);
    let response = group.good(joining("b", &["t"]));
    assert_eq!((response.member_epoch, response.heartbeat_interval_ms), (3, 7000));
}

#[test]
fn a_group_that_begins_anew_does_not_wait_for_the_interval() {
    let mut group = Coordinator::with_configs(&[]);
    group.create_topic("t", 1);
    group.join("a", &["t"]);
    group.fail_over();
    assert_eq!(group.join("b", &["t"]), 3, "a new coordinator has given nobody a target yet");
}

#[test]
fn most_members_choose_the_assignor() {
    let mut group = Coordinator::with_topics(&[("t", 1)]);
    group.join("a", &["t"]);
    assert_eq!(&*group.describe().assignor_name, "uniform");
    for member in ["b", "c"] {
        let mut request = joining(member, &["t"]);
        request.server_assignor = Some("range".into());
        group.good(request);
    }
    assert_eq!(&*group.describe().assignor_name, "range");
}

#[test]
fn an_answer_that_was_lost_is_made_up_for() {
    let mut group = Coordinator::with_topics(&[("t", 4)]);
    group.join("a", &["t"]);
    group.join("b", &["t"]);
    group.good(idle("a", 2));
    group.good(group.owning("a", 2, "t", &[0, 1])); // the answer says epoch 3
    assert_eq!(group.good(group.owning("a", 2, "t", &[0, 1])).member_epoch, 3);
    assert_eq!(group.good(group.owning("a", 2, "t", &[])).member_epoch, 3);
    group.bad(group.owning("a", 2, "t", &[0, 1, 2]), model::ErrorCode::FencedMemberEpoch);
    group.bad(idle("a", 2), model::ErrorCode::FencedMemberEpoch);
}

#[test]
fn a_member_that_joins_again_owns_nothing_and_gets_back_what_is_its_own() {
    let mut group = Coordinator::with_topics(&[("t", 4)]);
    group.join("a", &["t"]);
    group.join("b", &["t"]);
    group.good(idle("a", 2));
    let again = group.good(joining("a", &["t"]));
    assert_eq!((again.member_epoch, group.names(&again.assignment)), (3, Some(vec!["t-0".into(), "t-1".into()])));
    let gets = group.good(idle("b", 3));
    assert_eq!(group.names(&gets.assignment), Some(vec!["t-2".into(), "t-3".into()]));
}

#[test]
fn records_that_the_log_refuses_change_nothing() {
    let mut group = Coordinator::with_topics(&[("t", 2)]);
    group.join("a", &["t"]);
    let before = group.log_length();
    group.refuses = true;
    let refused = group.beat(joining("b", &["t"]));
    assert_eq!(refused.error_code, model::ErrorCode::CoordinatorNotAvailable.code());
    assert_eq!(refused.assignment, None);
    assert_eq!(group.good(idle("a", 2)).member_epoch, 2, "a heartbeat that changes nothing needs no log");
    group.refuses = false;
    assert_eq!(group.log_length(), before);
    assert_eq!(group.join("b", &["t"]), 3);
}
