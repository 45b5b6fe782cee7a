//! Claims are about bytes in a directory: wiped disks, failed directories, replicas that failed closed.

use crate::cluster::{Cluster, directory, error};
use crate::eligible_leaders::create_on;
use controller::{Reply, Request};
use model::metadata_image::PartitionImage;
use model::{ErrorCode, NodeId, Uuid};
use protocol::messages::assign_replicas_to_dirs::{
    AssignReplicasToDirsRequest, DirectoryData, PartitionData, TopicData,
};
use protocol::messages::broker_heartbeat::BrokerHeartbeatRequest;
use protocol::messages::broker_registration::BrokerRegistrationRequest;
use std::sync::Arc;

const NEW: Uuid = Uuid([0x70; 16]);
const SECOND: Uuid = Uuid([0x71; 16]);

fn only(cluster: &Cluster) -> Arc<PartitionImage> {
    cluster.partition("t", 0)
}

/// A new life with these directories, unfenced as soon as it may be.
fn start_with(cluster: &mut Cluster, id: NodeId, directories: &[Uuid]) {
    cluster.kill(id);
    let request = BrokerRegistrationRequest { log_dirs: directories.to_vec(), ..cluster.next_life(id) };
    let epoch = cluster.register_after(request, false, vec![]).broker_epoch;
    cluster.heartbeat(id, epoch, epoch);
}

/// A replica whose disk was replaced was taken for one that has everything, and led with nothing.
#[test]
fn a_wiped_replica_has_no_claim_even_as_the_last() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    create_on(&mut cluster, "t", &[1], &[]);
    start_with(&mut cluster, 1, &[NEW]);
    let partition = only(&cluster);
    assert_eq!((partition.leader, partition.isr.len(), partition.eligible_leaders.len()), (None, 0, 0));
    assert_eq!(partition.directories, [NEW], "made anew, it will be there");
    assert!(partition.last_known_eligible_leaders.is_empty());
}

#[test]
fn a_wiped_replica_is_not_eligible_beside_others_that_are() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    create_on(&mut cluster, "t", &[1, 2], &[("min.insync.replicas", "2")]);
    cluster.kill(1);
    cluster.kill(2);
    start_with(&mut cluster, 1, &[NEW]);
    let partition = only(&cluster);
    assert_eq!((partition.leader, partition.eligible_leaders.as_slice()), (None, &[2][..]));
    start_with(&mut cluster, 2, &[directory(2)]);
    assert_eq!(only(&cluster).leader, Some(2));
}

#[test]
fn a_directory_that_nobody_told_is_that_of_a_broker_with_one() {
    let mut cluster = Cluster::of(&[1, 2]);
    start_with(&mut cluster, 3, &[NEW, SECOND]);
    create_on(&mut cluster, "t", &[3], &[]);
    assert_eq!(only(&cluster).directories, [Uuid::ZERO], "either of two");
    start_with(&mut cluster, 3, &[NEW, SECOND]);
    assert_eq!(only(&cluster).leader, Some(3), "both are there, so the replica is");
    start_with(&mut cluster, 3, &[SECOND]);
    assert_eq!((only(&cluster).leader, only(&cluster).directories[0]), (None, SECOND), "it may have been in the other");
}

fn assign(cluster: &mut Cluster, id: NodeId, directory: Uuid, topic_id: Uuid, partition_index: i32) -> ErrorCode {
    let partitions = vec![PartitionData { partition_index, ..Default::default() }];
    let topics = vec![TopicData { topic_id, partitions, ..Default::default() }];
    let request = AssignReplicasToDirsRequest {
        broker_id: id,
        broker_epoch: cluster.epoch(id),
        directories: vec![DirectoryData { id: directory, topics, ..Default::default() }],
        ..Default::default()
    };
    match cluster.ask(Request::AssignReplicasToDirs(request)) {
        Reply::AssignReplicasToDirs(answer) => error(answer.directories[0].topics[0].partitions[0].error_code),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_broker_tells_in_which_directory_its_replicas_are_and_one_that_fails_takes_only_those() {
    let mut cluster = Cluster::of(&[1, 2]);
    start_with(&mut cluster, 3, &[NEW, SECOND]);
    for (name, directory) in [("t", NEW), ("u", SECOND)] {
        create_on(&mut cluster, name, &[3, 1], &[]);
        let id = cluster.image().topic(name).expect("known").id;
        assert_eq!(assign(&mut cluster, 3, directory, id, 0), ErrorCode::None);
        assert_eq!(cluster.partition(name, 0).directories, [directory, crate::cluster::directory(1)]);
    }
    let request = BrokerHeartbeatRequest {
        broker_id: 3,
        broker_epoch: cluster.epoch(3),
        current_metadata_offset: cluster.image().end_offset(),
        offline_log_dirs: vec![NEW],
        ..Default::default()
    };
    let end = cluster.image().end_offset();
    assert!(!cluster.beat(request.clone()).is_fenced);
    assert_eq!((only(&cluster).leader, only(&cluster).isr.as_slice()), (Some(1), &[1][..]));
    assert_eq!(cluster.partition("u", 0).leader, Some(3));
    cluster.beat(request);
    assert_eq!(cluster.image().end_offset(), end + 1, "told again, it is no news");
}

#[test]
fn a_directory_is_told_of_replicas_that_there_are() {
    let mut cluster = Cluster::of(&[1, 2]);
    create_on(&mut cluster, "t", &[1], &[]);
    let id = cluster.image().topic("t").expect("known").id;
    assert_eq!(assign(&mut cluster, 1, NEW, Uuid([9; 16]), 0), ErrorCode::UnknownTopicId);
    assert_eq!(assign(&mut cluster, 1, NEW, id, 4), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(assign(&mut cluster, 2, NEW, id, 0), ErrorCode::NotLeaderOrFollower);
    assert_eq!(assign(&mut cluster, 1, NEW, id, 0), ErrorCode::None);
    assert_eq!(only(&cluster).leader, None, "no broker has registered that directory");
}

#[test]
fn a_replica_that_failed_closed_leads_no_more_and_does_not_join_until_it_is_usable() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    create_on(&mut cluster, "t", &[1, 2], &[("min.insync.replicas", "2")]);
    let key = (cluster.image().topic("t").expect("known").id, 0);
    let beat = |cluster: &mut Cluster, unusable: &[(Uuid, i32)]| {
        let request = BrokerHeartbeatRequest {
            broker_id: 1,
            broker_epoch: cluster.epoch(1),
            current_metadata_offset: cluster.image().end_offset(),
            ..Default::default()
        };
        cluster.beat_with(request, unusable.to_vec());
    };
    beat(&mut cluster, &[key]);
    let partition = only(&cluster);
    assert_eq!((partition.leader, partition.isr.as_slice()), (Some(2), &[2][..]));
    assert!(partition.eligible_leaders.is_empty(), "what failed is not eligible");
    assert_eq!(cluster.try_alter_isr("t", 0, &[2, 1]), ErrorCode::IneligibleReplica);
    cluster.kill(2);
    assert_eq!(only(&cluster).leader, None, "not even as the last");
    cluster.start_broker(2);
    beat(&mut cluster, &[]);
    cluster.alter_isr("t", 0, &[2, 1]);
    assert_eq!(only(&cluster).isr, [2, 1]);
}

#[test]
fn what_failed_closed_before_a_registration_does_not_lead_after_it() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    create_on(&mut cluster, "t", &[1], &[]);
    let key = (cluster.image().topic("t").expect("known").id, 0);
    cluster.kill(1);
    let request = cluster.next_life(1);
    let epoch = cluster.register_after(request, true, vec![key, (Uuid([9; 16]), 3)]).broker_epoch;
    let beat = |unusable: Vec<(Uuid, i32)>, cluster: &mut Cluster| {
        let request = BrokerHeartbeatRequest {
            broker_id: 1,
            broker_epoch: epoch,
            current_metadata_offset: epoch,
            ..Default::default()
        };
        cluster.beat_with(request, unusable);
    };
    beat(vec![key], &mut cluster);
    assert_eq!((only(&cluster).leader, only(&cluster).isr.len()), (None, 0));
    beat(vec![], &mut cluster);
    assert_eq!(only(&cluster).leader, Some(1), "repaired, it is the last that led and nobody has more");
}
