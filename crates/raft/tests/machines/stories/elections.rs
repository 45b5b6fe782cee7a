//! Who leads, and for how long.

use super::{commit, leader, led, led_of, others, pass, until};
use crate::cluster::shape::Shape;
use model::state_machine::Instant;
use raft::{Raft, Role};
use std::time::Duration;

#[test]
fn a_leader_cut_off_from_the_majority_resigns() {
    let (mut cluster, old) = led(3, 11);
    cluster.isolate(old);
    until(&mut cluster, "it resigns", |cluster| cluster.raft(old).role() != Role::Leader);
    until(&mut cluster, "another leads", |cluster| cluster.serving().is_some_and(|id| id != old));
    assert!(cluster.propose(old).is_none());
}

#[test]
fn what_a_minority_took_goes_when_it_hears_of_the_majority() {
    let (mut cluster, old) = led(5, 12);
    cluster.isolate(old);
    for _ in 0..5 {
        cluster.propose(old);
    }
    until(&mut cluster, "another leads", |cluster| cluster.serving().is_some_and(|id| id != old));
    let new = leader(&mut cluster);
    commit(&mut cluster, new);
    cluster.mend();
    until(&mut cluster, "the logs are one", |cluster| {
        cluster.raft(old).high_watermark() == cluster.raft(new).high_watermark()
            && cluster.raft(old).log_end_offset() == cluster.raft(new).log_end_offset()
    });
}

#[test]
fn a_node_that_was_cut_off_comes_back_without_disturbing_the_leader() {
    let (mut cluster, first) = led(3, 13);
    let epoch = cluster.raft(first).epoch();
    let alone = others(&cluster, &[first])[0];
    cluster.isolate(alone);
    pass(&mut cluster, Duration::from_secs(30));
    assert_eq!(cluster.raft(alone).epoch(), epoch, "it asked, and asked only");
    cluster.mend();
    pass(&mut cluster, Duration::from_secs(5));
    assert_eq!((cluster.serving(), cluster.raft(first).epoch()), (Some(first), epoch));
    assert_eq!(cluster.raft(alone).leader(), Some(first));
}

#[test]
fn one_that_hears_nobody_but_is_heard_does_not_unseat_a_leader() {
    let (mut cluster, first) = led(3, 14);
    let deaf = others(&cluster, &[first])[0];
    for id in others(&cluster, &[deaf]) {
        cluster.network.cut(id, deaf);
    }
    pass(&mut cluster, Duration::from_secs(30));
    assert_eq!(cluster.serving(), Some(first));
}

#[test]
fn when_the_leader_is_known_to_be_dead_there_is_another_one_within_a_second() {
    for seed in 1..50 {
        let (mut cluster, dead) = led(3, seed);
        cluster.crash(dead);
        cluster.refuse(dead);
        let served = cluster.run_until(Duration::from_millis(1000), |cluster| cluster.serving().is_some());
        assert_eq!(served, Ok(true), "seed {seed}: {}", cluster.summary());
    }
}

#[test]
fn observers_hear_of_a_new_leader_at_once() {
    for seed in 1..20 {
        let (mut cluster, dead) = led_of(Shape { brokers: 2, ..Shape::of(3) }, seed);
        cluster.crash(dead);
        cluster.refuse(dead);
        let new = leader(&mut cluster);
        let offset = cluster.raft(new).high_watermark();
        let reached = cluster.run_until(Duration::from_millis(50), |cluster| {
            [4, 5].into_iter().all(|id| cluster.raft(id).high_watermark() >= offset)
        });
        assert_eq!(reached, Ok(true), "seed {seed}: {}", cluster.summary());
    }
}

#[test]
fn a_false_alarm_about_a_leader_changes_nothing() {
    let (mut cluster, first) = led(3, 15);
    let alarmed = others(&cluster, &[first])[0];
    cluster.act(alarmed, |raft, now| raft.peer_died(now, first));
    pass(&mut cluster, Duration::from_secs(5));
    assert_eq!(cluster.serving(), Some(first));
    assert_eq!(cluster.raft(alarmed).leader(), Some(first));
}

#[test]
fn leadership_is_handed_over_without_a_pause() {
    let (mut cluster, first) = led(3, 16);
    let next = others(&cluster, &[first])[1];
    assert!(cluster.act(first, |raft, now| raft.transfer_leadership(now, next)));
    let served = cluster.run_until(Duration::from_millis(100), |cluster| cluster.serving() == Some(next));
    assert_eq!(served, Ok(true), "{}", cluster.summary());
}

#[test]
fn a_leader_goes_on_when_the_one_that_is_to_take_over_does_not_answer() {
    let (mut cluster, first) = led(3, 17);
    let next = others(&cluster, &[first])[0];
    cluster.crash(next);
    commit(&mut cluster, first);
    cluster.act(first, |raft, now| raft.transfer_leadership(now, next));
    assert!(cluster.propose(first).is_none(), "nothing is taken meanwhile");
    pass(&mut cluster, Duration::from_secs(2));
    commit(&mut cluster, first);
}

#[test]
fn leadership_is_not_handed_to_oneself_or_to_a_stranger() {
    let (mut cluster, first) = led(3, 18);
    for to in [first, 99] {
        assert!(!cluster.act(first, |raft, now| raft.transfer_leadership(now, to)));
    }
    let follower = others(&cluster, &[first])[0];
    assert!(!cluster.act(follower, |raft, now| raft.transfer_leadership(now, follower)));
}

#[test]
fn a_leader_that_stops_asks_the_furthest_voter_to_take_over() {
    let (mut cluster, first) = led(3, 19);
    let behind = others(&cluster, &[first])[0];
    cluster.isolate(behind);
    commit(&mut cluster, first);
    cluster.act(first, Raft::resign);
    let further = others(&cluster, &[first, behind])[0];
    let served = cluster.run_until(Duration::from_millis(100), |cluster| cluster.serving() == Some(further));
    assert_eq!(served, Ok(true), "{}", cluster.summary());
}

#[test]
fn deadlines_lie_ahead_once_they_were_served() {
    let (mut cluster, first) = led(3, 20);
    for id in others(&cluster, &[]) {
        let deadline = cluster.raft(id).next_deadline();
        cluster.act(id, |raft, _| raft.tick(deadline));
        assert!(cluster.raft(id).next_deadline() > deadline, "node {id}, leader {first}");
    }
    assert!(cluster.now > Instant::default());
}
