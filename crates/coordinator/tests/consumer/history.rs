//! Why a group rebalanced, as it is told to whoever describes the group.

use crate::coordinator::{Coordinator, idle, joining};
use coordinator::group::why::{Cause, History, Phase, Rebalance};
use std::time::Duration;

fn history(group: &mut Coordinator) -> Vec<Rebalance> {
    History::of(&group.describe().unknown_tagged_fields).rebalances().to_vec()
}

#[test]
fn a_member_that_is_slow_to_give_up_held_the_rebalance_up() {
    let mut group = Coordinator::with_topics(&[("t", 2)]);
    group.join("a", &["t"]);
    group.advance(Duration::from_secs(1));
    group.join("b", &["t"]);
    group.good(idle("a", 2));
    group.advance(Duration::from_secs(7));
    group.good(group.owning("a", 2, "t", &[0]));
    group.advance(Duration::from_secs(1));
    group.good(idle("b", 3));
    let history = history(&mut group);
    assert_eq!(
        history.iter().map(|r| (r.epoch, r.cause)).collect::<Vec<_>>(),
        [(2, Cause::MemberJoined), (3, Cause::MemberJoined)]
    );
    let last = &history[1];
    assert_eq!((&*last.member, &*last.client, last.took_ms), ("b", "client", 8000));
    let held_up = last.held_up.as_ref().expect("somebody did");
    assert_eq!((held_up.phase, held_up.missed, held_up.waited_ms), (Phase::Revoke, false, 7000));
    assert_eq!((&*held_up.member, &*held_up.client), ("a", "client"));
}

#[test]
fn members_that_come_together_are_told_as_one() {
    let mut group = Coordinator::with_configs(&[]);
    group.create_topic("t", 10);
    group.join("m0", &["t"]);
    for member in 1..5 {
        group.join(&format!("m{member}"), &["t"]);
    }
    let history = history(&mut group);
    assert_eq!(history.len(), 2);
    assert_eq!((history[1].epoch, &*history[1].member, &*history[1].detail), (6, "m1", "and 3 more"));
}

#[test]
fn each_cause_has_its_name() {
    let mut group = Coordinator::with_topics(&[("t", 2), ("u", 1)]);
    let mut hurried = joining("a", &["t"]);
    hurried.rebalance_timeout_ms = 5000;
    group.good(hurried);
    group.join("b", &["t"]);
    group.good(group.owning("a", 2, "t", &[0, 1]));
    group.advance(Duration::from_secs(6));
    let mut changed = idle("b", 3);
    changed.subscribed_topic_names = Some(vec!["t".into(), "u".into()]);
    group.good(changed);
    group.grow_topic("u", 2);
    let epoch = group.member("b").0;
    group.good(idle("b", epoch));
    group.join("c", &["t", "u"]);
    group.good(idle("c", -1));
    group.advance(Duration::from_secs(50));
    let history = history(&mut group);
    let told: Vec<(Cause, &str, &str)> = history.iter().map(|r| (r.cause, &*r.member, &*r.detail)).collect();
    assert_eq!(
        told,
        [
            (Cause::MemberJoined, "a", ""),
            (Cause::MemberJoined, "b", ""),
            (Cause::RevocationTimedOut, "a", ""),
            (Cause::SubscriptionChanged, "b", ""),
            (Cause::TopicChanged, "", "u"),
            (Cause::MemberJoined, "c", ""),
            (Cause::MemberLeft, "c", ""),
            (Cause::MemberTimedOut, "b", ""),
        ]
    );
}

#[test]
fn a_history_outlives_its_coordinator() {
    let mut group = Coordinator::with_topics(&[("t", 1)]);
    group.join("a", &["t"]);
    let before = history(&mut group);
    group.compact();
    group.fail_over();
    assert_eq!(history(&mut group), before);
    for member in 0..30 {
        group.join(&format!("m{member}"), &["t"]);
        group.good(idle(&format!("m{member}"), -1));
    }
    assert_eq!(history(&mut group).len(), 20, "the last ones");
}
