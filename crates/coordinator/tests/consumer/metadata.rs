//! Topics that grow, come and go.

use crate::coordinator::{Coordinator, idle, joining};

#[test]
fn a_topic_that_is_not_there_yet_is_assigned_once_it_is() {
    let mut group = Coordinator::new();
    assert_eq!(group.join("m", &["foo"]), 2);
    assert_eq!(group.good(idle("m", 2)).member_epoch, 2);
    group.create_topic("foo", 3);
    let gets = group.good(idle("m", 2));
    assert_eq!((gets.member_epoch, group.names(&gets.assignment).map(|names| names.len())), (3, Some(3)));
}

#[test]
fn a_topic_that_grew_is_shared_out_anew() {
    let mut group = Coordinator::with_topics(&[("t", 1)]);
    group.join("m", &["t"]);
    group.grow_topic("t", 3);
    group.good(idle("m", 2));
    assert_eq!(group.member("m").1, ["t-0", "t-1", "t-2"]);
    assert_eq!(group.epochs(), ("Stable".into(), 3, 3));
}

#[test]
fn a_change_that_is_none_for_the_group_costs_no_rebalance() {
    let mut group = Coordinator::with_topics(&[("t", 1), ("u", 1)]);
    group.join("m", &["t"]);
    group.grow_topic("u", 2);
    group.grow_topic("t", 1); // another leader, say
    group.fail_over();
    assert_eq!(group.good(idle("m", 2)).member_epoch, 2);
    assert_eq!(group.epochs(), ("Stable".into(), 2, 2));
}

#[test]
fn a_topic_that_is_gone_is_given_up() {
    let mut group = Coordinator::with_topics(&[("t", 1), ("u", 1)]);
    group.join("m", &["t", "u"]);
    let u = group.id("u");
    group.delete_topic("u");
    let told = group.good(idle("m", 2));
    assert_eq!(group.names(&told.assignment), Some(vec!["t-0".into()]));
    let given_up = group.good(group.owning("m", 2, "t", &[0]));
    assert_eq!(given_up.member_epoch, 3);
    let again = group.create_topic("u", 1);
    assert_ne!(u, again);
    let gets = group.good(idle("m", 3));
    assert_eq!(group.names(&gets.assignment), Some(vec!["t-0".into(), "u-0".into()]));
}

#[test]
fn a_change_seen_while_the_log_refused_is_not_forgotten() {
    let mut group = Coordinator::with_topics(&[("t", 1)]);
    group.join("m", &["t"]);
    group.grow_topic("t", 2);
    group.refuses = true;
    assert_ne!(group.beat(idle("m", 2)).error_code, 0);
    group.refuses = false;
    assert_eq!(group.good(idle("m", 2)).member_epoch, 3);
    assert_eq!(group.member("m").1, ["t-0", "t-1"]);
}

#[test]
fn a_change_seen_by_nobody_is_seen_by_the_next_coordinator() {
    let mut group = Coordinator::with_topics(&[("t", 1)]);
    group.join("m", &["t"]);
    group.grow_topic("t", 2);
    group.fail_over();
    assert_eq!(group.good(idle("m", 2)).member_epoch, 3);
}

#[test]
fn racks_decide_who_of_those_with_room_gets_a_partition() {
    let mut group = Coordinator::new();
    for (broker, rack) in [(0, "east"), (1, "west"), (2, "east")] {
        group.put_broker(broker, rack);
    }
    group.create_topic("t", 2);
    let in_rack = |member: &str, rack: &str| {
        let mut request = joining(member, &["t"]);
        request.rack_id = Some(rack.into());
        request
    };
    group.good(in_rack("a", "west"));
    group.good(in_rack("b", "east"));
    group.good(idle("a", 2));
    assert_eq!(group.member("a").2, ["t-1"]);
    assert_eq!(group.member("b").2, ["t-0"]);
    group.put_broker(0, "west");
    assert_eq!(group.good(idle("b", 3)).error_code, 0);
    assert_eq!(group.epochs().1, 4, "other racks call for another assignment");
}
