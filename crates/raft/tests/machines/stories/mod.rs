//! Stories: what a cluster does in one situation after the other.

mod elections;
mod figure_eight;
mod founding;
mod hostile_messages;
mod membership;
mod snapshots;
mod wiped_directories;

use crate::cluster::Cluster;
use crate::cluster::shape::Shape;
use model::NodeId;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

/// A cluster of so many voters with a leader, and a few entries that all have.
fn led(voters: i32, seed: u64) -> (Cluster, NodeId) {
    led_of(Shape::of(voters), seed)
}

fn led_of(shape: Shape, seed: u64) -> (Cluster, NodeId) {
    let mut cluster = Cluster::started(shape, seed);
    let leader = leader(&mut cluster);
    commit(&mut cluster, leader);
    pass(&mut cluster, Duration::from_secs(2));
    (cluster, leader)
}

/// Waits for a leader that serves.
fn leader(cluster: &mut Cluster) -> NodeId {
    until(cluster, "a leader serves", |cluster| cluster.serving().is_some());
    cluster.serving().expect("it was just there")
}

/// Has the leader commit something.
fn commit(cluster: &mut Cluster, leader: NodeId) {
    let offset = cluster.propose(leader).expect("the leader takes it");
    until(cluster, "it is committed", |cluster| cluster.raft(leader).high_watermark() > offset);
}

fn until(cluster: &mut Cluster, what: &str, so: impl FnMut(&mut Cluster) -> bool) {
    let reached = cluster.run_until(SOON, so).unwrap_or_else(|violation| panic!("{violation}"));
    assert!(reached, "within {SOON:?}: {what}: {}", cluster.summary());
}

fn pass(cluster: &mut Cluster, time: Duration) {
    cluster.run_for(time).unwrap_or_else(|violation| panic!("{violation}"));
}

/// All nodes but these.
fn others(cluster: &Cluster, but: &[NodeId]) -> Vec<NodeId> {
    cluster.ids().into_iter().filter(|id| !but.contains(id)).collect()
}

/// Stops a node, and starts it with an empty disk.
fn wipe(cluster: &mut Cluster, id: NodeId) {
    cluster.crash(id);
    cluster.wipe(id);
    cluster.start(id);
}
