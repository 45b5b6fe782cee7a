//! CreatePartitions.

use crate::cluster::{Cluster, error, is_text};
use controller::{Reply, Request};
use model::ErrorCode;
use protocol::messages::create_partitions::{
    CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsTopic, CreatePartitionsTopicResult,
};

fn grow(cluster: &mut Cluster, topics: Vec<CreatePartitionsTopic>) -> Vec<CreatePartitionsTopicResult> {
    ask(cluster, CreatePartitionsRequest { topics, ..Default::default() })
}

fn ask(cluster: &mut Cluster, request: CreatePartitionsRequest) -> Vec<CreatePartitionsTopicResult> {
    match cluster.ask(Request::CreatePartitions(request)) {
        Reply::CreatePartitions(answer) => answer.results,
        other => panic!("{other:?}"),
    }
}

fn to(name: &str, count: i32) -> CreatePartitionsTopic {
    CreatePartitionsTopic { name: name.into(), count, assignments: None, ..Default::default() }
}

fn assigned(name: &str, count: i32, replicas: &[&[i32]]) -> CreatePartitionsTopic {
    let assignment =
        |broker_ids: &&[i32]| CreatePartitionsAssignment { broker_ids: broker_ids.to_vec(), ..Default::default() };
    CreatePartitionsTopic { assignments: Some(replicas.iter().map(assignment).collect()), ..to(name, count) }
}

fn one(cluster: &mut Cluster, topic: CreatePartitionsTopic) -> ErrorCode {
    let results = grow(cluster, vec![topic]);
    error(results[0].error_code)
}

#[test]
fn a_topic_grows_with_its_own_replication_factor() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    cluster.create_topic("t", 1, 2);
    let first = cluster.partition("t", 0);
    assert_eq!(one(&mut cluster, to("t", 4)), ErrorCode::None);
    assert_eq!(cluster.image().topic("t").map(|topic| topic.partitions.len()), Some(4));
    assert_eq!(cluster.partition("t", 0), first, "what was there stays as it was");
    assert!((1..4).all(|number| cluster.partition("t", number).replicas.len() == 2));
}

#[test]
fn a_topic_never_shrinks_and_never_stays() {
    let mut cluster = Cluster::of(&[1]);
    cluster.create_topic("t", 3, 1);
    for count in [3, 2, 0, -1, i32::MIN] {
        assert_eq!(one(&mut cluster, to("t", count)), ErrorCode::InvalidPartitions, "{count}");
    }
    assert_eq!(one(&mut cluster, to("t", i32::MAX)), ErrorCode::PolicyViolation);
}

#[test]
fn an_unknown_topic_has_no_message_as_in_kafka() {
    let mut cluster = Cluster::of(&[1]);
    let results = grow(&mut cluster, vec![to("nope", 5)]);
    assert_eq!(error(results[0].error_code), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(results[0].error_message, None);
}

#[test]
fn assigned_replicas_must_fit_the_topic() {
    let mut cluster = Cluster::of(&[1, 2]);
    cluster.create_topic("t", 1, 1);
    for bad in
        [assigned("t", 2, &[&[99]]), assigned("t", 3, &[&[1]]), assigned("t", 2, &[&[1, 2]]), assigned("t", 2, &[])]
    {
        assert_eq!(one(&mut cluster, bad), ErrorCode::InvalidReplicaAssignment);
    }
    assert_eq!(one(&mut cluster, assigned("t", 3, &[&[2], &[1]])), ErrorCode::None);
    assert_eq!(cluster.partition("t", 1).replicas, [2]);
}

#[test]
fn the_same_topic_twice_is_refused_once() {
    let mut cluster = Cluster::of(&[1]);
    cluster.create_topic("t", 1, 1);
    let results = grow(&mut cluster, vec![to("t", 2), to("t", 3)]);
    assert_eq!(results.len(), 1);
    assert_eq!(error(results[0].error_code), ErrorCode::InvalidRequest);
    assert!(is_text(&results[0].error_message));
}

#[test]
fn validate_only_changes_nothing() {
    let mut cluster = Cluster::of(&[1]);
    cluster.create_topic("t", 1, 1);
    let before = cluster.image().clone();
    let request = CreatePartitionsRequest { topics: vec![to("t", 9)], validate_only: true, ..Default::default() };
    assert_eq!(error(ask(&mut cluster, request)[0].error_code), ErrorCode::None);
    assert_eq!(*cluster.image(), before);
}
