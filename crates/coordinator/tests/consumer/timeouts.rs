//! Members that are late.

use crate::coordinator::{Coordinator, idle, joining};
use model::ErrorCode;
use std::time::Duration;

#[test]
fn a_member_that_is_silent_for_its_session_is_out() {
    let mut group = Coordinator::with_topics(&[("t", 2)]);
    group.join("a", &["t"]);
    group.join("b", &["t"]);
    for _ in 0..4 {
        group.advance(Duration::from_secs(10));
        group.good(idle("b", 3));
    }
    assert_eq!(group.describe().members.len(), 2);
    group.advance(Duration::from_secs(5));
    group.bad(idle("a", 2), ErrorCode::UnknownMemberId);
    assert_eq!(group.good(idle("b", 3)).member_epoch, 4);
    assert_eq!(group.member("b").1, ["t-0", "t-1"]);
}

#[test]
fn the_session_of_a_group_may_be_its_own() {
    let mut group = Coordinator::with_topics(&[("t", 1)]);
    group.set_group_config("consumer.session.timeout.ms", "50000");
    group.join("a", &["t"]);
    group.advance(Duration::from_secs(49));
    assert_eq!(group.describe().members.len(), 1);
    group.advance(Duration::from_secs(1));
    assert_eq!(group.epochs(), ("Empty".into(), 3, 2));
}

#[test]
fn a_member_that_does_not_give_up_in_time_is_out_though_it_is_heard_of() {
    let mut group = Coordinator::with_topics(&[("t", 2)]);
    let mut hurried = joining("a", &["t"]);
    hurried.rebalance_timeout_ms = 10_000;
    group.good(hurried);
    group.join("b", &["t"]);
    for _ in 0..10 {
        group.good(group.owning("a", 2, "t", &[0, 1]));
        group.good(idle("b", 3));
        group.advance(Duration::from_millis(999));
    }
    assert_eq!(group.describe().members.len(), 2);
    group.advance(Duration::from_millis(10));
    group.bad(group.owning("a", 2, "t", &[0, 1]), ErrorCode::UnknownMemberId);
    group.good(idle("b", 3));
    assert_eq!(group.member("b").1, ["t-0", "t-1"]);
}

#[test]
fn a_member_that_gave_up_in_time_stays() {
    let mut group = Coordinator::with_topics(&[("t", 2)]);
    let mut hurried = joining("a", &["t"]);
    hurried.rebalance_timeout_ms = 10_000;
    group.good(hurried);
    group.join("b", &["t"]);
    group.good(idle("a", 2));
    group.good(group.owning("a", 2, "t", &[0]));
    group.advance(Duration::from_secs(30));
    assert_eq!(group.good(idle("a", 3)).member_epoch, 3);
}

#[test]
fn sessions_start_anew_with_a_new_coordinator() {
    let mut group = Coordinator::with_topics(&[("t", 1)]);
    group.join("a", &["t"]);
    group.advance(Duration::from_secs(40));
    group.fail_over();
    group.advance(Duration::from_secs(40));
    assert_eq!(group.good(idle("a", 2)).member_epoch, 2);
    group.fail_over();
    group.advance(Duration::from_secs(45));
    group.bad(idle("a", 2), ErrorCode::UnknownMemberId);
}

#[test]
fn the_wall_clock_ends_no_session() {
    let mut group = Coordinator::with_topics(&[("t", 1)]);
    group.join("a", &["t"]);
    group.now.wall += 1_000_000_000;
    group.advance(Duration::from_secs(1));
    assert_eq!(group.good(idle("a", 2)).member_epoch, 2);
    group.now.wall = 0;
    group.advance(Duration::from_secs(45));
    assert_eq!(group.epochs().0, "Empty");
}

#[test]
fn members_that_end_together_end_in_one_step_and_again_if_the_log_refused() {
    let mut group = Coordinator::with_topics(&[("t", 3)]);
    for member in ["a", "b", "c"] {
        group.join(member, &["t"]);
    }
    group.refuses = true;
    group.advance(Duration::from_secs(45));
    assert_eq!(group.describe().members.len(), 3);
    group.refuses = false;
    group.advance(Duration::from_secs(2));
    assert_eq!(group.epochs(), ("Empty".into(), 5, 4));
}

#[test]
fn more_members_than_fit_a_batch_end_in_several() {
    let mut group = Coordinator::with_configs(&[]);
    group.checks = false;
    group.create_topic("t", 1);
    for member in 0..1200 {
        group.join(&format!("m{member}"), &["t"]);
    }
    group.largest_batch = 0;
    group.advance(Duration::from_secs(46));
    group.check();
    assert_eq!(group.describe().members.len(), 0);
    assert!(group.largest_batch <= 500 * 3 + 1, "{}", group.largest_batch);
    assert_eq!(group.epochs().1, 1201 + 3, "each batch knows of the one before");
}
