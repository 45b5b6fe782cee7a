//! CreateTopics.

use crate::cluster::{Cluster, directory, error, is_text, topic};
use controller::{Reply, Request};
use model::ErrorCode;
use model::metadata_image::Configs;
use protocol::messages::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};

fn request(topics: Vec<CreatableTopic>) -> CreateTopicsRequest {
    CreateTopicsRequest { topics, ..Default::default() }
}

fn with_configs(name: &str, configs: &[(&str, Option<&str>)]) -> CreatableTopic {
    let config = |(name, value): &(&str, Option<&str>)| CreatableTopicConfig {
        name: (*name).into(),
        value: value.map(Into::into),
        ..Default::default()
    };
    CreatableTopic { configs: configs.iter().map(config).collect(), ..topic(name, 1, 1) }
}

fn assigned(name: &str, replicas: &[(i32, &[i32])]) -> CreatableTopic {
    let assignment = |(partition_index, broker_ids): &(i32, &[i32])| CreatableReplicaAssignment {
        partition_index: *partition_index,
        broker_ids: broker_ids.to_vec(),
        ..Default::default()
    };
    CreatableTopic { assignments: replicas.iter().map(assignment).collect(), ..topic(name, -1, -1) }
}

/// The errors of a request's topics, in its order.
fn errors(cluster: &mut Cluster, topics: Vec<CreatableTopic>) -> Vec<ErrorCode> {
    let answer = cluster.create_topics(request(topics));
    for topic in &answer.topics {
        let refused = topic.error_code != 0;
        assert_eq!(is_text(&topic.error_message), refused, "a refusal has a sentence: {topic:?}");
        assert!(!refused || (topic.num_partitions == -1 && topic.replication_factor == -1 && topic.topic_id.is_zero()));
    }
    answer.topics.iter().map(|topic| error(topic.error_code)).collect()
}

fn one(cluster: &mut Cluster, topic: CreatableTopic) -> ErrorCode {
    errors(cluster, vec![topic])[0]
}

#[test]
fn a_topic_is_led_by_its_first_replicas_from_epoch_0() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    let id = cluster.create_topic("orders", 6, 2);
    let topic = cluster.image().topic("orders").expect("made").clone();
    assert_eq!((topic.id, topic.partitions.len()), (id, 6));
    for partition in &topic.partitions {
        assert_eq!(partition.leader, partition.replicas.first().copied());
        assert_eq!((partition.leader_epoch, partition.partition_epoch), (0, 0));
        assert_eq!(partition.isr, partition.replicas);
        assert_eq!(partition.directories, partition.replicas.iter().map(|id| directory(*id)).collect::<Vec<_>>());
    }
}

#[test]
fn counts_of_minus_one_are_what_the_controller_was_given() {
    let mut cluster =
        Cluster::with_configs(&[1, 2, 3], &[("num.partitions", "4"), ("default.replication.factor", "3")]);
    let answer = cluster.create_topics(request(vec![topic("defaults", -1, -1)]));
    assert_eq!((answer.topics[0].num_partitions, answer.topics[0].replication_factor), (4, 3));
}

#[test]
fn what_cannot_be_made_is_refused_and_the_rest_is_made() {
    let mut cluster = Cluster::of(&[1]);
    let answers = errors(
        &mut cluster,
        vec![
            topic("good", 1, 1),
            topic("too many replicas", 1, 5),
            topic("x", 1, 5),
            topic("y", 0, 1),
            topic("z", 1, 0),
        ],
    );
    use ErrorCode::{InvalidPartitions, InvalidReplicationFactor, InvalidTopicException, None};
    assert_eq!(
        answers,
        [None, InvalidTopicException, InvalidReplicationFactor, InvalidPartitions, InvalidReplicationFactor]
    );
    assert_eq!(cluster.image().topics().len(), 1);
}

#[test]
fn a_name_is_made_once() {
    let mut cluster = Cluster::of(&[1]);
    assert_eq!(one(&mut cluster, topic("again", 1, 1)), ErrorCode::None);
    assert_eq!(one(&mut cluster, topic("again", 1, 1)), ErrorCode::TopicAlreadyExists);
}

#[test]
fn a_name_given_twice_in_one_request_is_refused_once_and_the_others_go_on() {
    let mut cluster = Cluster::of(&[1]);
    let answers = errors(&mut cluster, vec![topic("twice", 1, 1), topic("once", 1, 1), topic("twice", 2, 1)]);
    assert_eq!(answers, [ErrorCode::InvalidRequest, ErrorCode::None]);
    assert!(cluster.image().topic("twice").is_none());
}

#[test]
fn names_with_the_same_metrics_collide_also_within_one_request() {
    let mut cluster = Cluster::of(&[1]);
    assert_eq!(one(&mut cluster, topic("a.b", 1, 1)), ErrorCode::None);
    assert_eq!(one(&mut cluster, topic("a_b", 1, 1)), ErrorCode::InvalidTopicException);
    assert_eq!(one(&mut cluster, topic("a_b_c", 1, 1)), ErrorCode::None);
    let answers = errors(&mut cluster, vec![topic("x_y", 1, 1), topic("x.y", 1, 1)]);
    assert_eq!(answers, [ErrorCode::None, ErrorCode::InvalidTopicException]);
}

#[test]
fn the_log_of_the_metadata_is_no_topic() {
    let mut cluster = Cluster::of(&[1]);
    assert_eq!(one(&mut cluster, topic("__cluster_metadata", 1, 1)), ErrorCode::InvalidRequest);
}

#[test]
fn validate_only_answers_with_an_id_and_makes_nothing() {
    let mut cluster = Cluster::of(&[1]);
    let (before, written) = (cluster.image().clone(), cluster.log().len());
    let only = CreateTopicsRequest { validate_only: true, ..request(vec![topic("maybe", 3, 1), topic("bad", 0, 1)]) };
    let answer = cluster.create_topics(only);
    assert_eq!((answer.topics[0].error_code, answer.topics[0].num_partitions), (0, 3));
    assert!(!answer.topics[0].topic_id.is_zero());
    assert_eq!(error(answer.topics[1].error_code), ErrorCode::InvalidPartitions);
    assert_eq!((cluster.image(), cluster.log().len()), (&before, written));
}

#[test]
fn configs_are_set_with_the_topic_or_refuse_it() {
    let mut cluster = Cluster::of(&[1]);
    let good = with_configs("good", &[("retention.ms", Some("1000")), ("cleanup.policy", Some("compact"))]);
    assert_eq!(one(&mut cluster, good), ErrorCode::None);
    let expected: Configs =
        [("cleanup.policy", "compact"), ("retention.ms", "1000")].map(|(k, v)| (k.into(), v.into())).into();
    assert_eq!(cluster.image().topic("good").map(|topic| (*topic.configs).clone()), Some(expected));
    for bad in [("no.such.config", Some("1")), ("retention.ms", Some("soon")), ("retention.ms", None)] {
        assert_eq!(one(&mut cluster, with_configs("bad", &[bad])), ErrorCode::InvalidConfig, "{bad:?}");
    }
    assert!(cluster.image().topic("bad").is_none());
}

#[test]
fn replicas_may_be_assigned_in_any_order() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    assert_eq!(one(&mut cluster, assigned("manual", &[(1, &[3, 1]), (0, &[2, 3])])), ErrorCode::None);
    assert_eq!(cluster.partition("manual", 0).replicas, [2, 3]);
    assert_eq!(cluster.partition("manual", 1).leader, Some(3));
}

#[test]
fn an_assignment_that_makes_no_sense_is_refused() {
    let mut cluster = Cluster::of(&[1, 2]);
    let bad: [&[(i32, &[i32])]; 7] = [
        &[(0, &[])],
        &[(0, &[9])],
        &[(0, &[1, 1])],
        &[(0, &[1]), (0, &[2])],
        &[(0, &[1]), (2, &[2])],
        &[(1, &[1])],
        &[(0, &[1]), (1, &[1, 2])],
    ];
    for replicas in bad {
        let refused = one(&mut cluster, assigned("bad", replicas));
        assert_eq!(refused, ErrorCode::InvalidReplicaAssignment, "{replicas:?}");
    }
    let both = CreatableTopic { num_partitions: 1, ..assigned("both", &[(0, &[1])]) };
    assert_eq!(one(&mut cluster, both), ErrorCode::InvalidRequest);
}

#[test]
fn a_fenced_replica_follows_out_of_sync_and_a_partition_of_fenced_ones_is_refused() {
    let mut cluster = Cluster::of(&[1, 2]);
    let epoch = cluster.start_broker(2);
    cluster.fence(2, epoch);
    assert_eq!(one(&mut cluster, assigned("mixed", &[(0, &[2, 1])])), ErrorCode::None);
    let partition = cluster.partition("mixed", 0);
    assert_eq!((partition.leader, partition.isr.as_slice()), (Some(1), [1].as_slice()));
    assert_eq!(one(&mut cluster, assigned("dead", &[(0, &[2])])), ErrorCode::InvalidReplicaAssignment);
}

#[test]
fn one_request_makes_ten_thousand_partitions_and_not_one_more() {
    let mut cluster = Cluster::of(&[1]);
    let more = errors(&mut cluster, vec![topic("a", 9_999, 1), topic("b", 2, 1)]);
    assert_eq!(more, [ErrorCode::PolicyViolation, ErrorCode::PolicyViolation]);
    assert_eq!(errors(&mut cluster, vec![topic("a", i32::MAX, 1)]), [ErrorCode::PolicyViolation]);
    assert_eq!(errors(&mut cluster, vec![topic("a", 9_999, 1), topic("b", 1, 1)]), [ErrorCode::None, ErrorCode::None]);
}

#[test]
fn when_the_log_is_full_nothing_is_made_and_the_next_request_works() {
    let mut cluster = Cluster::of(&[1]);
    let full = cluster.ask_without_space(Request::CreateTopics(request(vec![topic("later", 1, 1)])));
    assert_eq!(full, Reply::Rejected(ErrorCode::KafkaStorageError));
    cluster.create_topic("later", 1, 1);
}
