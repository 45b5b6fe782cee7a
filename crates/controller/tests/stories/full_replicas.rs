//! Disks without space: who has space leads; where nobody has, whoever leads leads on.

use crate::cluster::Cluster;
use crate::eligible_leaders::create_on;
use controller::{Founding, Replicas, Request};
use model::{ErrorCode, NodeId};
use protocol::messages::broker_heartbeat::BrokerHeartbeatRequest;

const TWO: (&str, &str) = ("min.insync.replicas", "2");

/// A heartbeat of a broker whose replica of the only topic has space or not.
fn beat(cluster: &mut Cluster, id: NodeId, is_full: bool) {
    let key = (cluster.image().topic("t").expect("known").id, 0);
    let request = BrokerHeartbeatRequest {
        broker_id: id,
        broker_epoch: cluster.epoch(id),
        current_metadata_offset: cluster.image().end_offset(),
        ..Default::default()
    };
    let full: Replicas = if is_full { vec![key] } else { vec![] };
    cluster.beat_telling(request, vec![], full);
}

/// Leader, ISR, eligible leaders.
fn told(cluster: &Cluster) -> (Option<i32>, Vec<i32>, Vec<i32>) {
    let partition = cluster.partition("t", 0);
    (partition.leader, partition.isr.clone(), partition.eligible_leaders.clone())
}

#[test]
fn a_leader_without_space_hands_over_and_keeps_its_claim() {
    let mut cluster = Cluster::of(&[1, 2]);
    create_on(&mut cluster, "t", &[1, 2], &[TWO]);
    beat(&mut cluster, 1, true);
    assert_eq!(told(&cluster), (Some(2), vec![2], vec![1]));
    assert_eq!(cluster.try_alter_isr("t", 0, &[2, 1]), ErrorCode::IneligibleReplica, "it can take nothing more");
    cluster.kill(2);
    assert_eq!(told(&cluster), (Some(1), vec![1], vec![2]), "it has all that was committed, and is read");
}

/// Each gave up its leadership in turn, nobody led, so nobody ever found out that there was space again.
#[test]
fn where_nobody_has_space_whoever_leads_leads_on_until_somebody_has() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    create_on(&mut cluster, "t", &[1, 2, 3], &[TWO]);
    beat(&mut cluster, 1, true);
    beat(&mut cluster, 2, true);
    assert_eq!(told(&cluster), (Some(3), vec![3], vec![2]));
    beat(&mut cluster, 3, true);
    assert_eq!(told(&cluster), (Some(3), vec![3], vec![2]), "nobody is left to hand over to");
    beat(&mut cluster, 1, false);
    assert_eq!(cluster.try_alter_isr("t", 0, &[3, 1]), ErrorCode::NewLeaderElected);
    assert_eq!(told(&cluster), (Some(1), vec![1], vec![2, 3]), "it caught up, and has space");
    beat(&mut cluster, 3, false);
    cluster.alter_isr("t", 0, &[1, 3]);
    assert_eq!(told(&cluster), (Some(1), vec![1, 3], vec![]));
}

#[test]
fn all_may_be_full_at_once_before_any_of_them_says_so() {
    let mut cluster = Cluster::empty(&[]);
    let features = vec![("eligible.leader.replicas.version".to_owned(), 0)];
    cluster.ask(Request::Found(Founding { features, ..Founding::new(crate::cluster::CLUSTER) }));
    for id in [1, 2] {
        cluster.start_broker(id);
    }
    create_on(&mut cluster, "t", &[1, 2], &[]);
    beat(&mut cluster, 2, true);
    beat(&mut cluster, 1, true);
    assert_eq!(told(&cluster), (Some(1), vec![1], vec![]));
    cluster.kill(1);
    assert_eq!(told(&cluster), (None, vec![1], vec![]), "the other one has no claim any more");
    cluster.start_broker(1);
    assert_eq!(told(&cluster), (Some(1), vec![1], vec![]));
}

#[test]
fn another_controller_hears_of_it_with_the_next_heartbeat_and_another_life_has_not_tried_yet() {
    let mut cluster = Cluster::of(&[1, 2]);
    create_on(&mut cluster, "t", &[1, 2], &[]);
    beat(&mut cluster, 1, true);
    assert_eq!(told(&cluster).0, Some(2));
    cluster.fail_over();
    beat(&mut cluster, 2, true);
    assert_eq!(told(&cluster), (Some(2), vec![2], vec![]));
    beat(&mut cluster, 1, true);
    assert_eq!(cluster.try_alter_isr("t", 0, &[2, 1]), ErrorCode::IneligibleReplica);
    cluster.kill(1);
    cluster.start_broker(1);
    assert_eq!(cluster.try_alter_isr("t", 0, &[2, 1]), ErrorCode::NewLeaderElected);
    assert_eq!(told(&cluster), (Some(1), vec![1], vec![]), "as far as is known it has space, unlike the other");
}
