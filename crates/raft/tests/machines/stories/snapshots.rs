//! Snapshots.

use super::{commit, leader, led_of, others, pass, until};
use crate::cluster::shape::Shape;
use std::time::Duration;

fn small() -> Shape {
    Shape { snapshot_every: 5, snapshot_chunk_bytes: 16, ..Shape::of(3) }
}

#[test]
fn a_follower_that_lags_behind_the_log_gets_a_snapshot_part_by_part() {
    let (mut cluster, first) = led_of(small(), 31);
    let late = others(&cluster, &[first])[0];
    cluster.crash(late);
    for _ in 0..30 {
        commit(&mut cluster, first);
    }
    assert!(cluster.raft(first).log_start_offset() > 20);
    cluster.start(late);
    until(&mut cluster, "it has all", |cluster| {
        cluster.raft(late).high_watermark() == cluster.raft(first).high_watermark()
    });
    assert!(cluster.raft(late).log_start_offset() > 20);
}

#[test]
fn a_transfer_survives_lost_parts_and_another_leader() {
    for seed in 1..30 {
        let (mut cluster, first) = led_of(small(), seed);
        let late = others(&cluster, &[first])[0];
        cluster.crash(late);
        for _ in 0..20 {
            commit(&mut cluster, first);
        }
        cluster.network.weather.lost_per_mille = 200;
        cluster.start(late);
        pass(&mut cluster, Duration::from_millis(700));
        let next = others(&cluster, &[first, late])[0];
        cluster.act(first, |raft, now| raft.transfer_leadership(now, next));
        pass(&mut cluster, Duration::from_secs(3));
        cluster.network.weather.lost_per_mille = 0;
        let leader = leader(&mut cluster);
        until(&mut cluster, "it has all", |cluster| {
            cluster.raft(late).high_watermark() == cluster.raft(leader).high_watermark()
        });
    }
}

#[test]
fn a_node_starts_from_its_snapshot_and_the_entries_after_it() {
    let (mut cluster, first) = led_of(small(), 32);
    for _ in 0..12 {
        commit(&mut cluster, first);
    }
    let end = cluster.raft(first).high_watermark();
    for id in cluster.ids() {
        cluster.crash(id);
    }
    cluster.start_all();
    let leader = leader(&mut cluster);
    assert!(cluster.raft(leader).high_watermark() > end);
    assert!(cluster.raft(leader).log_start_offset() > 1);
}

#[test]
fn a_snapshot_of_what_was_dropped_already_changes_nothing() {
    let (mut cluster, first) = led_of(small(), 33);
    for _ in 0..12 {
        commit(&mut cluster, first);
    }
    let start = cluster.raft(first).log_start_offset();
    cluster.act(first, |raft, _| raft.snapshot(Vec::new().into(), start));
    assert_eq!(cluster.raft(first).log_start_offset(), start);
}
