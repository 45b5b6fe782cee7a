//! Partitions move to other brokers.

use crate::cluster::{Cluster, error, is_text};
use crate::eligible_leaders::create_on;
use controller::{Reply, Request, list_partition_reassignments};
use model::ErrorCode;
use model::metadata_image::PartitionImage;
use protocol::messages::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};
use protocol::messages::list_partition_reassignments::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsTopics,
};
use std::sync::Arc;

fn ask(cluster: &mut Cluster, topic: &str, number: i32, replicas: Option<&[i32]>, may_resize: bool) -> ErrorCode {
    let replicas = replicas.map(<[i32]>::to_vec);
    let partitions = vec![ReassignablePartition { partition_index: number, replicas, ..Default::default() }];
    let request = AlterPartitionReassignmentsRequest {
        allow_replication_factor_change: may_resize,
        topics: vec![ReassignableTopic { name: topic.into(), partitions, ..Default::default() }],
        ..Default::default()
    };
    match cluster.ask(Request::AlterPartitionReassignments(request)) {
        Reply::AlterPartitionReassignments(answer) => {
            assert_eq!((answer.error_code, &answer.error_message), (0, &None));
            let told = &answer.responses[0].partitions[0];
            let code = error(told.error_code);
            let silent = [ErrorCode::None, ErrorCode::NoReassignmentInProgress].contains(&code);
            assert_eq!(is_text(&told.error_message), !silent, "{told:?}");
            code
        }
        other => panic!("{other:?}"),
    }
}

fn reassign(cluster: &mut Cluster, replicas: &[i32]) {
    assert_eq!(ask(cluster, "t", 0, Some(replicas), true), ErrorCode::None);
}

fn only(cluster: &Cluster) -> Arc<PartitionImage> {
    cluster.partition("t", 0)
}

/// Replicas, adding, removing.
fn told(cluster: &Cluster) -> (Vec<i32>, Vec<i32>, Vec<i32>) {
    let partition = only(cluster);
    (partition.replicas.clone(), partition.adding.clone(), partition.removing.clone())
}

fn four(replicas: &[i32]) -> Cluster {
    let mut cluster = Cluster::of(&[1, 2, 3, 4]);
    create_on(&mut cluster, "t", replicas, &[("min.insync.replicas", "2")]);
    cluster
}

/// Old replicas went while the new one had nothing, and the records with them.
#[test]
fn old_replicas_stay_until_every_new_one_is_in_sync() {
    let mut cluster = four(&[1, 2]);
    reassign(&mut cluster, &[3, 4]);
    assert_eq!(told(&cluster), (vec![3, 4, 1, 2], vec![3, 4], vec![1, 2]));
    assert_eq!((only(&cluster).leader, only(&cluster).leader_epoch), (Some(1), 0));
    cluster.alter_isr("t", 0, &[1, 2, 4]);
    assert_eq!(told(&cluster).2, [1, 2], "3 is missing");
    let last = cluster.isr_change("t", 0, &[1, 2, 4, 3]);
    let answer = cluster.alter_partition(1, last);
    assert_eq!(error(answer.topics[0].partitions[0].error_code), ErrorCode::NewLeaderElected);
    assert_eq!(told(&cluster), (vec![3, 4], vec![], vec![]));
    let partition = only(&cluster);
    assert_eq!((partition.leader, partition.leader_epoch, partition.isr.as_slice()), (Some(3), 1, &[3, 4][..]));
    assert_eq!(partition.directories, [crate::cluster::directory(3), crate::cluster::directory(4)]);
}

#[test]
fn the_new_isr_must_meet_the_minimum_before_the_old_one_goes() {
    let mut cluster = four(&[1, 2, 3]);
    cluster.kill(3);
    reassign(&mut cluster, &[3, 4]);
    cluster.alter_isr("t", 0, &[1, 2, 4]);
    assert_eq!(told(&cluster).2, [1, 2], "4 alone is fewer than two");
    cluster.start_broker(3);
    let last = cluster.isr_change("t", 0, &[1, 2, 4, 3]);
    cluster.alter_partition(1, last);
    assert_eq!(told(&cluster), (vec![3, 4], vec![], vec![]));
}

#[test]
fn the_same_replicas_in_another_order_are_another_preference_at_once() {
    let mut cluster = four(&[1, 2]);
    reassign(&mut cluster, &[2, 1]);
    assert_eq!(told(&cluster), (vec![2, 1], vec![], vec![]));
    assert_eq!((only(&cluster).leader, only(&cluster).leader_epoch), (Some(1), 0), "and no reason to elect");
    assert_eq!(only(&cluster).directories[0], crate::cluster::directory(2));
}

#[test]
fn fewer_replicas_need_nobody_to_catch_up_and_raise_the_epoch_against_those_that_left() {
    let mut cluster = four(&[1, 2, 3]);
    reassign(&mut cluster, &[1, 2]);
    assert_eq!(told(&cluster), (vec![1, 2], vec![], vec![]));
    assert_eq!((only(&cluster).leader, only(&cluster).leader_epoch), (Some(1), 1));
}

#[test]
fn a_reassignment_is_cancelled_and_what_it_added_goes() {
    let mut cluster = four(&[1, 2]);
    reassign(&mut cluster, &[3, 4]);
    cluster.alter_isr("t", 0, &[1, 2, 4]);
    assert_eq!(ask(&mut cluster, "t", 0, None, true), ErrorCode::None);
    assert_eq!(told(&cluster), (vec![1, 2], vec![], vec![]));
    assert_eq!((only(&cluster).isr.as_slice(), only(&cluster).leader), (&[1, 2][..], Some(1)));
    assert_eq!(ask(&mut cluster, "t", 0, None, true), ErrorCode::NoReassignmentInProgress);
}

/// What was acknowledged was on one old replica and two new ones, and would have been on one then.
#[test]
fn going_back_is_refused_where_too_few_of_the_old_replicas_are_in_sync() {
    let mut cluster = Cluster::of(&[1, 2, 3, 4, 5, 6]);
    create_on(&mut cluster, "t", &[1, 2, 3], &[("min.insync.replicas", "2")]);
    reassign(&mut cluster, &[4, 5, 6]);
    cluster.alter_isr("t", 0, &[1, 4, 5]);
    assert_eq!(ask(&mut cluster, "t", 0, None, true), ErrorCode::InvalidReplicaAssignment);
    cluster.alter_isr("t", 0, &[1, 2, 4]);
    assert_eq!(ask(&mut cluster, "t", 0, None, true), ErrorCode::None);
}

#[test]
fn going_back_is_refused_where_only_new_replicas_are_in_sync() {
    let mut cluster = Cluster::of(&[1, 2, 3, 4]);
    create_on(&mut cluster, "t", &[1], &[]);
    reassign(&mut cluster, &[3, 4]);
    cluster.alter_isr("t", 0, &[1, 3]);
    cluster.kill(1);
    assert_eq!((only(&cluster).isr.as_slice(), only(&cluster).leader), (&[3][..], Some(3)));
    assert_eq!(ask(&mut cluster, "t", 0, None, true), ErrorCode::InvalidReplicaAssignment);
    crate::configs::set_topic_config(&mut cluster, "t", "unclean.leader.election.enable", "true");
    assert_eq!(ask(&mut cluster, "t", 0, None, true), ErrorCode::None);
    cluster.start_broker(1);
    assert_eq!(only(&cluster).leader, Some(1));
}

/// The only full copy restarted, and the topic, which allows unclean elections, was led by the one being made: from
/// offset 0 (seed 24 of the cluster profile).
#[test]
fn a_copy_being_made_is_not_elected_unless_an_administrator_says_so() {
    let mut cluster = Cluster::of(&[1, 2]);
    create_on(&mut cluster, "t", &[1], &[]);
    crate::configs::set_topic_config(&mut cluster, "t", "unclean.leader.election.enable", "true");
    reassign(&mut cluster, &[2]);
    cluster.kill(1);
    assert_eq!(only(&cluster).leader, None);
    assert_eq!(crate::elections::elect_one(&mut cluster, crate::elections::UNCLEAN, "t", 0), ErrorCode::None);
    assert_eq!(only(&cluster).leader, Some(2));
}

#[test]
fn a_reassignment_replaces_the_one_before() {
    let mut cluster = four(&[1, 2]);
    reassign(&mut cluster, &[3, 2]);
    reassign(&mut cluster, &[4, 2]);
    assert_eq!(told(&cluster), (vec![4, 2, 1], vec![4], vec![1]), "3 had nothing yet");
    cluster.alter_isr("t", 0, &[1, 2]);
    reassign(&mut cluster, &[4, 3, 2]);
    assert_eq!(told(&cluster), (vec![4, 3, 2, 1], vec![4, 3], vec![1]));
}

/// The only replica with all that was committed was thrown away, because it was dead at that moment and so in no ISR.
#[test]
fn a_new_replica_that_is_the_last_with_a_claim_stays_until_another_is_in_sync() {
    let mut cluster = Cluster::of(&[1, 2, 3, 4]);
    create_on(&mut cluster, "t", &[1, 2], &[("min.insync.replicas", "1")]);
    reassign(&mut cluster, &[3, 4]);
    cluster.alter_isr("t", 0, &[1, 2, 3]);
    for id in [1, 2, 3] {
        cluster.kill(id);
    }
    assert_eq!((only(&cluster).isr.as_slice(), only(&cluster).eligible_leaders.as_slice()), (&[][..], &[3][..]));
    reassign(&mut cluster, &[1, 2]);
    assert_eq!(told(&cluster), (vec![1, 2, 3], vec![], vec![3]), "4 had nothing");
    cluster.start_broker(1);
    assert_eq!((only(&cluster).leader, only(&cluster).eligible_leaders.as_slice()), (None, &[3][..]));
    cluster.start_broker(3);
    assert_eq!(only(&cluster).leader, Some(3));
    let last = cluster.isr_change("t", 0, &[3, 1]);
    cluster.alter_partition(3, last);
    assert_eq!(told(&cluster), (vec![1, 2], vec![], vec![]));
    assert_eq!((only(&cluster).leader, only(&cluster).isr.as_slice()), (Some(1), &[1][..]));
}

/// As before, where the claim was lost in a power failure and nothing is left but to know who led last.
#[test]
fn a_new_replica_that_led_last_stays_until_another_is_in_sync() {
    let mut cluster = Cluster::of(&[1, 2, 3, 4]);
    create_on(&mut cluster, "t", &[1, 2], &[("min.insync.replicas", "1"), ("flush.messages", "10000")]);
    reassign(&mut cluster, &[3, 4]);
    cluster.alter_isr("t", 0, &[1, 2, 3]);
    for id in [1, 2, 3] {
        cluster.kill(id);
    }
    let request = cluster.next_life(3);
    cluster.register_after(request, false, vec![]);
    assert_eq!(only(&cluster).last_known_eligible_leaders, [3]);
    reassign(&mut cluster, &[1, 2]);
    assert_eq!(told(&cluster), (vec![1, 2, 3], vec![], vec![3]));
    assert_eq!(only(&cluster).last_known_eligible_leaders, [3]);
}

#[test]
fn each_kind_of_mistake_has_its_code() {
    let mut cluster = four(&[1, 2]);
    let mut code = |topic: &str, number: i32, replicas: &[i32], may_resize: bool| {
        ask(&mut cluster, topic, number, Some(replicas), may_resize)
    };
    assert_eq!(code("t", 0, &[99], true), ErrorCode::InvalidReplicaAssignment);
    assert_eq!(code("t", 0, &[], true), ErrorCode::InvalidReplicaAssignment);
    assert_eq!(code("t", 0, &[1, 1], true), ErrorCode::InvalidReplicaAssignment);
    assert_eq!(code("t", 4, &[1, 2], true), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(code("nope", 0, &[1, 2], true), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(code("t", 0, &[1, 2, 3], false), ErrorCode::InvalidReplicationFactor);
    assert_eq!(code("t", 0, &[3, 4], false), ErrorCode::None);
    assert_eq!(code("t", 0, &[3], false), ErrorCode::InvalidReplicationFactor, "two are wanted, though four are there");
}

#[test]
fn what_is_on_its_way_is_listed_from_the_image_alone() {
    let mut cluster = four(&[1, 2]);
    create_on(&mut cluster, "at-rest", &[1], &[]);
    let all = ListPartitionReassignmentsRequest::default();
    assert!(list_partition_reassignments(cluster.image(), &all).topics.is_empty());
    reassign(&mut cluster, &[2, 3]);
    let listed = list_partition_reassignments(cluster.image(), &all);
    assert_eq!((listed.topics.len(), &*listed.topics[0].name), (1, "t"));
    let partition = &listed.topics[0].partitions[0];
    assert_eq!(partition.replicas, [2, 3, 1]);
    assert_eq!((partition.adding_replicas.as_slice(), partition.removing_replicas.as_slice()), (&[3][..], &[1][..]));
    let named = |name: &str, partition_indexes: &[i32]| {
        let partition_indexes = partition_indexes.to_vec();
        let topics =
            vec![ListPartitionReassignmentsTopics { name: name.into(), partition_indexes, ..Default::default() }];
        let request = ListPartitionReassignmentsRequest { topics: Some(topics), ..Default::default() };
        list_partition_reassignments(cluster.image(), &request).topics.len()
    };
    assert_eq!((named("t", &[0, 9]), named("t", &[9]), named("nope", &[0]), named("at-rest", &[0])), (1, 0, 0, 0));
}
