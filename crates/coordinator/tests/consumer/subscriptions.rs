//! What members subscribe to.

use crate::coordinator::{Coordinator, idle, joining, joining_by_pattern};

#[test]
fn a_subscription_to_nothing_is_a_membership_all_the_same() {
    let mut group = Coordinator::new();
    assert_eq!(group.join("a", &[]), 1);
    assert_eq!(group.epochs(), ("Stable".into(), 1, 1));
    let mut group = Coordinator::new();
    assert_eq!(group.good(joining_by_pattern("a", "")).member_epoch, 1);
    let mut group = Coordinator::new();
    assert_eq!(group.good(joining_by_pattern("a", "nothing-like-it")).member_epoch, 1);
}

#[test]
fn a_pattern_stands_for_the_topics_that_match_whole() {
    let mut group = Coordinator::with_topics(&[("reg-one", 1), ("reg-two", 1), ("other", 1)]);
    let response = group.good(joining_by_pattern("m", "reg-.*"));
    assert_eq!((response.member_epoch, group.epochs()), (2, ("Stable".into(), 2, 2)));
    assert_eq!(group.names(&response.assignment), Some(vec!["reg-one-0".into(), "reg-two-0".into()]));
    let described = group.describe();
    assert_eq!(described.members[0].subscribed_topic_regex.as_deref(), Some("reg-.*"));
    let mut taken_back = idle("m", 2);
    taken_back.subscribed_topic_regex = Some("".into());
    let told = group.good(taken_back);
    assert_eq!((told.member_epoch, group.names(&told.assignment)), (2, Some(vec![])));
    assert_eq!(group.epochs(), ("Reconciling".into(), 3, 3));
    let both = vec!["reg-one-0".to_owned(), "reg-two-0".to_owned()];
    assert_eq!(group.member("m"), (2, both, vec![]));
}

#[test]
fn a_topic_that_comes_to_match_is_assigned_with_the_next_heartbeat() {
    let mut group = Coordinator::with_topics(&[("reg-one", 1)]);
    group.good(joining_by_pattern("m", "reg-.*"));
    group.create_topic("other", 1);
    assert_eq!(group.good(idle("m", 2)).assignment, None);
    group.create_topic("reg-two", 2);
    let gets = group.good(idle("m", 2));
    assert_eq!(gets.member_epoch, 3);
    assert_eq!(group.member("m").1, ["reg-one-0", "reg-two-0", "reg-two-1"]);
}

#[test]
fn names_and_patterns_add_up() {
    let mut group = Coordinator::with_topics(&[("a", 1), ("b", 1), ("c", 1)]);
    let mut request = joining("m", &["a", "b"]);
    request.subscribed_topic_regex = Some("[bc]".into());
    group.good(request);
    assert_eq!(group.member("m").1, ["a-0", "b-0", "c-0"]);
}

#[test]
fn a_member_with_another_subscription_gets_only_what_it_asked_for() {
    let mut group = Coordinator::with_topics(&[("a", 2), ("b", 2)]);
    group.join("one", &["a", "b"]);
    group.join("two", &["b"]);
    group.good(idle("one", 2));
    let mut given_up = group.owning("one", 2, "a", &[0, 1]);
    given_up.subscribed_topic_names = None;
    group.good(given_up);
    group.good(idle("two", 3));
    assert_eq!(group.member("one").1, ["a-0", "a-1"]);
    assert_eq!(group.member("two").1, ["b-0", "b-1"]);
}

#[test]
fn a_topic_taken_off_the_list_goes_and_one_put_on_it_comes() {
    let mut group = Coordinator::with_topics(&[("a", 1), ("b", 1)]);
    group.join("m", &["a"]);
    let mut changed = group.owning("m", 2, "a", &[0]);
    changed.subscribed_topic_names = Some(vec!["b".into()]);
    let told = group.good(changed);
    assert_eq!((told.member_epoch, group.names(&told.assignment)), (2, Some(vec![])), "give up first");
    let gets = group.good(group.owning("m", 2, "a", &[]));
    assert_eq!((gets.member_epoch, group.names(&gets.assignment)), (3, Some(vec!["b-0".into()])));
}

#[test]
fn two_members_with_one_pattern_keep_it_while_one_is_left() {
    let mut group = Coordinator::with_topics(&[("t", 2)]);
    group.good(joining_by_pattern("a", "t.*"));
    assert_eq!(group.good(joining_by_pattern("b", "t.*")).member_epoch, 3);
    group.good(idle("a", -1));
    group.good(idle("b", 3));
    group.create_topic("t2", 1);
    group.good(idle("b", 4));
    assert_eq!(group.member("b").1, ["t-0", "t-1", "t2-0"]);
    group.good(idle("b", -1));
    assert_eq!(group.epochs().0, "Empty");
}
