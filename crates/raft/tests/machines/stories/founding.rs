//! Founding without a format step.

use super::{SOON, leader, led, others, pass, until, wipe};
use crate::cluster::Cluster;
use crate::cluster::shape::{Shape, endpoint};
use model::state_machine::Instant;
use model::{NodeId, Uuid};
use raft::{Config, Durable, Effect, Obstacle, Raft, ReplicaKey, Role};
use std::time::Duration;

#[test]
fn one_node_founds_a_cluster_and_leads_it_at_once() {
    let mut cluster = Cluster::started(Shape::of(1), 1);
    let served = cluster.run_until(Duration::from_millis(10), |cluster| cluster.serving() == Some(1));
    assert_eq!(served, Ok(true), "{}", cluster.summary());
}

#[test]
fn three_blank_nodes_found_a_cluster_together() {
    let mut cluster = Cluster::started(Shape::of(3), 2);
    leader(&mut cluster);
    pass(&mut cluster, SOON);
    for id in 1..=3 {
        assert!(cluster.raft(id).voters().contains(cluster.node(id).key()), "{}", cluster.summary());
        assert_eq!(cluster.raft(id).founding(), None);
    }
}

#[test]
fn with_one_node_missing_nobody_founds_and_everybody_says_for_whom_it_waits() {
    let mut cluster = Cluster::new(Shape::of(3), 3);
    cluster.start(1);
    cluster.start(2);
    pass(&mut cluster, SOON);
    for id in [1, 2] {
        assert_eq!(cluster.raft(id).role(), Role::Blank);
        let founding = cluster.raft(id).founding().expect("it waits");
        assert_eq!(founding.waits_for.into_iter().collect::<Vec<_>>(), [(3, Obstacle::Unreachable)]);
    }
    cluster.start(3);
    leader(&mut cluster);
}

#[test]
fn a_node_with_another_list_is_named() {
    let config = |me: NodeId, ids: &[NodeId]| Config {
        me: ReplicaKey { id: me, directory: Uuid([me as u8; 16]) },
        endpoint: endpoint(me),
        configured: ids.iter().map(|id| (*id, endpoint(*id))).collect(),
        may_vote: true,
        election_timeout: Duration::from_secs(1),
        fetch_timeout: Duration::from_secs(2),
        heartbeat_interval: Duration::from_millis(500),
        max_append_bytes: 1000,
        snapshot_chunk_bytes: 1000,
        seed: me as u64,
    };
    let now = Instant::default();
    let mut one = Raft::new(config(1, &[1, 2]), now, Durable::default());
    let mut two = Raft::new(config(2, &[1, 2, 3]), now, Durable::default());
    one.tick(now);
    exchange(now, &mut one, &mut two);
    let waits_for = one.founding().expect("it waits").waits_for;
    assert_eq!(waits_for.into_iter().collect::<Vec<_>>(), [(2, Obstacle::OtherList)]);
}

fn exchange(now: Instant, one: &mut Raft, two: &mut Raft) {
    for _ in 0..4 {
        for effect in one.take_effects() {
            if let Effect::Send { to: 2, message } = effect {
                two.step(now, 1, message);
            }
        }
        std::mem::swap(one, two);
        for effect in one.take_effects() {
            if let Effect::Send { to: 1, message } = effect {
                two.step(now, 2, message);
            }
        }
        std::mem::swap(one, two);
    }
}

#[test]
fn a_blank_node_beside_a_cluster_founds_nothing_and_is_let_in() {
    let (mut cluster, leader) = led(3, 5);
    let lowest = 1;
    if leader == lowest {
        cluster.act(leader, |raft, now| raft.transfer_leadership(now, 2));
        until(&mut cluster, "another leads", |cluster| cluster.serving().is_some_and(|id| id != lowest));
    }
    // The node that founded, and would do so again.
    wipe(&mut cluster, lowest);
    until(&mut cluster, "it observes", |cluster| cluster.raft(lowest).role() == Role::Observer);
    let key = cluster.node(lowest).key();
    until(&mut cluster, "it votes again", |cluster| {
        others(cluster, &[]).into_iter().all(|id| cluster.raft(id).voters().contains(key))
    });
}

#[test]
fn a_founder_that_is_wiped_before_anybody_heard_of_its_cluster_founds_another_one() {
    let mut cluster = Cluster::started(Shape::of(3), 6);
    until(&mut cluster, "the founder founds", |cluster| cluster.raft(1).role() != Role::Blank);
    cluster.isolate(1);
    wipe(&mut cluster, 1);
    assert!(others(&cluster, &[1]).into_iter().all(|id| cluster.raft(id).role() == Role::Blank));
    cluster.mend();
    leader(&mut cluster);
}

/// The founding was under way to the others when the founder's disk was lost.
#[test]
fn a_late_founding_is_not_taken_after_a_word_to_another_founder() {
    for seed in 1..200 {
        let mut cluster = Cluster::started(Shape::of(3), seed);
        until(&mut cluster, "the founder founds", |cluster| cluster.raft(1).role() != Role::Blank);
        wipe(&mut cluster, 1); // what it sent is still on its way
        leader(&mut cluster);
        pass(&mut cluster, SOON);
        assert!(others(&cluster, &[]).into_iter().all(|id| cluster.raft(id).voters() == cluster.raft(1).voters()));
    }
}
