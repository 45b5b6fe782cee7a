//! DeleteTopics.

use crate::cluster::{Cluster, error};
use controller::{Reply, Request};
use model::{ErrorCode, Uuid};
use protocol::messages::delete_topics::{DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest};

fn delete(cluster: &mut Cluster, request: DeleteTopicsRequest) -> Vec<DeletableTopicResult> {
    match cluster.ask(Request::DeleteTopics(request)) {
        Reply::DeleteTopics(answer) => answer.responses,
        other => panic!("{other:?}"),
    }
}

fn by_name(names: &[&str]) -> DeleteTopicsRequest {
    DeleteTopicsRequest { topic_names: names.iter().map(|name| (*name).into()).collect(), ..Default::default() }
}

fn by_state(topics: &[(Option<&str>, Uuid)]) -> DeleteTopicsRequest {
    let state = |(name, topic_id): &(Option<&str>, Uuid)| DeleteTopicState {
        name: name.map(Into::into),
        topic_id: *topic_id,
        ..Default::default()
    };
    DeleteTopicsRequest { topics: topics.iter().map(state).collect(), ..Default::default() }
}

/// Name, id and error of each answer.
fn told(results: &[DeletableTopicResult]) -> Vec<(Option<&str>, Uuid, ErrorCode)> {
    results.iter().map(|result| (result.name.as_deref(), result.topic_id, error(result.error_code))).collect()
}

#[test]
fn a_topic_goes_with_its_partitions_and_configs_and_its_name_is_free_again() {
    let mut cluster = Cluster::of(&[1]);
    let first = cluster.create_topic("t", 2, 1);
    let answer = delete(&mut cluster, by_name(&["t", "nope"]));
    assert_eq!(
        told(&answer),
        [(Some("nope"), Uuid::ZERO, ErrorCode::UnknownTopicOrPartition), (Some("t"), first, ErrorCode::None)]
    );
    assert!(cluster.image().topic("t").is_none() && cluster.image().topic_by_id(first).is_none());
    assert_ne!(cluster.create_topic("t", 1, 1), first);
}

#[test]
fn by_id_the_answer_names_the_topic() {
    let mut cluster = Cluster::of(&[1]);
    let id = cluster.create_topic("t", 1, 1);
    let unknown = Uuid([9; 16]);
    let answer = delete(&mut cluster, by_state(&[(None, id), (None, unknown)]));
    let mut told = told(&answer);
    told.sort();
    assert_eq!(told, [(None, unknown, ErrorCode::UnknownTopicId), (Some("t"), id, ErrorCode::None)]);
}

#[test]
fn what_is_named_twice_is_not_deleted() {
    let mut cluster = Cluster::of(&[1]);
    let id = cluster.create_topic("t", 1, 1);
    let refused = ErrorCode::InvalidRequest;
    assert_eq!(told(&delete(&mut cluster, by_name(&["t", "t"]))), [(Some("t"), Uuid::ZERO, refused)]);
    assert_eq!(told(&delete(&mut cluster, by_state(&[(None, id), (None, id)]))), [(None, id, refused)]);
    let both_ways = delete(&mut cluster, by_state(&[(Some("t"), Uuid::ZERO), (None, id)]));
    assert_eq!(told(&both_ways), [(Some("t"), id, refused)]);
    let both_at_once = delete(&mut cluster, by_state(&[(Some("t"), id)]));
    assert_eq!(told(&both_at_once), [(Some("t"), id, refused)]);
    assert_eq!(told(&delete(&mut cluster, by_state(&[(None, Uuid::ZERO)]))), [(None, Uuid::ZERO, refused)]);
    assert!(cluster.image().topic("t").is_some());
}

#[test]
fn deletion_can_be_switched_off() {
    let mut cluster = Cluster::with_configs(&[1], &[("delete.topic.enable", "false")]);
    let id = cluster.create_topic("t", 1, 1);
    let answer = delete(&mut cluster, by_name(&["t"]));
    assert_eq!(told(&answer), [(Some("t"), Uuid::ZERO, ErrorCode::TopicDeletionDisabled)]);
    assert!(cluster.image().topic_by_id(id).is_some());
}
