//! AlterConfigs and IncrementalAlterConfigs.

use crate::cluster::{Cluster, error, is_text};
use controller::{Reply, Request};
use model::ErrorCode;
use model::metadata_image::ConfigResource;
use protocol::messages::alter_configs::{self, AlterConfigsRequest};
use protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, AlterableConfig, IncrementalAlterConfigsRequest,
};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const GROUP: i8 = 32;
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

type Change<'a> = (&'a str, i8, Option<&'a str>);

fn named(kind: i8, name: &str, changes: &[Change<'_>]) -> AlterConfigsResource {
    let change = |(name, operation, value): &Change<'_>| AlterableConfig {
        name: (*name).into(),
        config_operation: *operation,
        value: value.map(Into::into),
        ..Default::default()
    };
    AlterConfigsResource {
        resource_type: kind,
        resource_name: name.into(),
        configs: changes.iter().map(change).collect(),
        ..Default::default()
    }
}

fn ask(cluster: &mut Cluster, resources: Vec<AlterConfigsResource>) -> Vec<AlterConfigsResourceResponse> {
    let request = IncrementalAlterConfigsRequest { resources, ..Default::default() };
    match cluster.ask(Request::IncrementalAlterConfigs(request)) {
        Reply::IncrementalAlterConfigs(answer) => answer.responses,
        other => panic!("{other:?}"),
    }
}

fn alter(cluster: &mut Cluster, kind: i8, name: &str, changes: &[Change<'_>]) -> ErrorCode {
    let answer = ask(cluster, vec![named(kind, name, changes)]);
    let refused = answer[0].error_code != 0;
    assert_eq!(answer[0].error_message.is_some(), refused, "null on success, a sentence otherwise");
    assert!(!refused || is_text(&answer[0].error_message));
    error(answer[0].error_code)
}

/// Sets one config of a topic that takes it.
pub fn set_topic_config(cluster: &mut Cluster, topic: &str, name: &str, value: &str) {
    assert_eq!(alter(cluster, TOPIC, topic, &[(name, SET, Some(value))]), ErrorCode::None);
}

fn of_topic(cluster: &Cluster, name: &str, key: &str) -> Option<String> {
    cluster.image().topic(name).and_then(|topic| topic.configs.get(key).cloned())
}

fn cluster() -> Cluster {
    let mut cluster = Cluster::of(&[1]);
    cluster.create_topic("t", 1, 1);
    cluster
}

#[test]
fn a_config_is_set_appended_to_subtracted_from_and_deleted() {
    let mut cluster = cluster();
    let mut t = |change: Change<'_>| {
        assert_eq!(alter(&mut cluster, TOPIC, "t", &[change]), ErrorCode::None);
        of_topic(&cluster, "t", change.0)
    };
    assert_eq!(t(("retention.ms", SET, Some("7777"))).as_deref(), Some("7777"));
    assert_eq!(t(("cleanup.policy", APPEND, Some("compact"))).as_deref(), Some("delete,compact"));
    assert_eq!(t(("cleanup.policy", APPEND, Some("compact"))).as_deref(), Some("delete,compact"));
    assert_eq!(t(("cleanup.policy", SUBTRACT, Some("compact"))).as_deref(), Some("delete"));
    assert_eq!(t(("retention.ms", DELETE, None)), None);
    assert_eq!(t(("cleanup.policy", DELETE, None)), None);
}

#[test]
fn one_bad_change_refuses_its_whole_resource_and_no_other() {
    let mut cluster = cluster();
    cluster.create_topic("other", 1, 1);
    let mixed = named(TOPIC, "t", &[("retention.ms", SET, Some("1000")), ("segment.bytes", SET, Some("x"))]);
    let answer = ask(&mut cluster, vec![mixed, named(TOPIC, "other", &[("retention.ms", SET, Some("5"))])]);
    assert_eq!(error(answer[0].error_code), ErrorCode::InvalidConfig);
    assert_eq!(answer[1].error_code, 0);
    assert_eq!(of_topic(&cluster, "t", "retention.ms"), None);
    assert_eq!(of_topic(&cluster, "other", "retention.ms").as_deref(), Some("5"));
}

#[test]
fn each_kind_of_mistake_has_its_code() {
    use ErrorCode::{InvalidConfig, InvalidRequest, InvalidTopicException, UnknownTopicOrPartition};
    let mut cluster = cluster();
    let before = cluster.image().clone();
    let mut check = |kind: i8, name: &str, changes: &[Change<'_>], expected: ErrorCode| {
        assert_eq!(alter(&mut cluster, kind, name, changes), expected, "{name}: {changes:?}");
    };
    check(TOPIC, "t", &[("no.such.config", SET, Some("1"))], InvalidConfig);
    check(TOPIC, "t", &[("retention.ms", SET, Some("soon"))], InvalidConfig);
    check(TOPIC, "t", &[("retention.ms", APPEND, Some("1"))], InvalidConfig);
    check(TOPIC, "t", &[("retention.ms", SUBTRACT, Some("1"))], InvalidConfig);
    check(TOPIC, "t", &[("retention.ms", SET, Some("1")), ("retention.ms", SET, Some("2"))], InvalidRequest);
    check(TOPIC, "t", &[("retention.ms", 9, Some("1"))], InvalidRequest);
    check(TOPIC, "t", &[("retention.ms", SET, None)], InvalidRequest);
    check(TOPIC, "nope", &[("retention.ms", SET, Some("1"))], UnknownTopicOrPartition);
    check(TOPIC, "no name", &[("retention.ms", SET, Some("1"))], InvalidTopicException);
    check(TOPIC, "", &[("retention.ms", SET, Some("1"))], InvalidRequest);
    check(BROKER, "99", &[("log.retention.ms", SET, Some("1000"))], InvalidRequest);
    check(BROKER, "one", &[("log.retention.ms", SET, Some("1000"))], InvalidRequest);
    check(BROKER, "1", &[("process.roles", SET, Some("broker"))], InvalidRequest);
    check(BROKER, "1", &[("log.retention.ms", SET, Some("soon"))], InvalidRequest);
    check(77, "x", &[("a", SET, Some("b"))], InvalidRequest);
    check(GROUP, "g", &[("consumer.session.timeout.ms", SET, Some("1"))], InvalidConfig);
    check(GROUP, "g", &[("no.such.config", SET, Some("1"))], InvalidConfig);
    check(GROUP, "", &[("consumer.session.timeout.ms", SET, Some("50000"))], InvalidRequest);
    check(TOPIC, "t", &[], ErrorCode::None);
    assert_eq!(*cluster.image(), before);
}

#[test]
fn the_same_resource_twice_is_refused_twice() {
    let mut cluster = cluster();
    let one = named(TOPIC, "t", &[("retention.ms", SET, Some("1000"))]);
    let answer = ask(&mut cluster, vec![one.clone(), one]);
    assert_eq!(answer.iter().map(|r| error(r.error_code)).collect::<Vec<_>>(), [ErrorCode::InvalidRequest; 2]);
}

#[test]
fn validate_only_changes_nothing() {
    let mut cluster = cluster();
    let before = cluster.image().clone();
    let request = IncrementalAlterConfigsRequest {
        resources: vec![named(TOPIC, "t", &[("retention.ms", SET, Some("4444"))])],
        validate_only: true,
        ..Default::default()
    };
    let Reply::IncrementalAlterConfigs(answer) = cluster.ask(Request::IncrementalAlterConfigs(request)) else {
        panic!("another reply");
    };
    assert_eq!(answer.responses[0].error_code, 0);
    assert_eq!(*cluster.image(), before);
}

#[test]
fn a_broker_all_brokers_and_a_group_that_is_not_there_yet_have_configs() {
    let mut cluster = cluster();
    let backoff = "log.cleaner.backoff.ms";
    assert_eq!(alter(&mut cluster, BROKER, "1", &[(backoff, SET, Some("16000"))]), ErrorCode::None);
    assert_eq!(alter(&mut cluster, BROKER, "", &[(backoff, SET, Some("17000"))]), ErrorCode::None);
    let heartbeat = "consumer.heartbeat.interval.ms";
    assert_eq!(alter(&mut cluster, GROUP, "g", &[(heartbeat, SET, Some("6000"))]), ErrorCode::None);
    let set = |resource: ConfigResource, name: &str| {
        cluster.image().configs(&resource).and_then(|configs| configs.get(name).cloned())
    };
    assert_eq!(set(ConfigResource::Broker(1), backoff).as_deref(), Some("16000"));
    assert_eq!(set(ConfigResource::AllBrokers, backoff).as_deref(), Some("17000"));
    assert_eq!(set(ConfigResource::Group("g".into()), heartbeat).as_deref(), Some("6000"));
}

#[test]
fn min_insync_replicas_is_one_value_for_all_brokers_from_the_founding_on() {
    let key = "min.insync.replicas";
    let mut cluster = Cluster::with_configs(&[1], &[(key, "2")]);
    let of_all = |cluster: &Cluster| {
        cluster.image().configs(&ConfigResource::AllBrokers).and_then(|configs| configs.get(key).cloned())
    };
    assert_eq!(of_all(&cluster).as_deref(), Some("2"));
    assert_eq!(alter(&mut cluster, BROKER, "1", &[(key, SET, Some("1"))]), ErrorCode::InvalidConfig);
    assert_eq!(alter(&mut cluster, BROKER, "", &[(key, DELETE, None)]), ErrorCode::InvalidConfig);
    assert_eq!(alter(&mut cluster, BROKER, "", &[(key, SET, Some("3"))]), ErrorCode::None);
    assert_eq!(of_all(&cluster).as_deref(), Some("3"));
}

#[test]
fn the_old_request_replaces_everything_that_was_set() {
    let mut cluster = cluster();
    alter(&mut cluster, TOPIC, "t", &[("retention.ms", SET, Some("1111")), ("segment.ms", SET, Some("2222"))]);
    let replace = |kind: i8, name: &str, configs: &[(&str, Option<&str>)]| alter_configs::AlterConfigsResource {
        resource_type: kind,
        resource_name: name.into(),
        configs: configs
            .iter()
            .map(|(name, value)| alter_configs::AlterableConfig {
                name: (*name).into(),
                value: value.map(Into::into),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    };
    let mut ask = |resources: Vec<alter_configs::AlterConfigsResource>| {
        let request = AlterConfigsRequest { resources, ..Default::default() };
        match cluster.ask(Request::AlterConfigs(request)) {
            Reply::AlterConfigs(answer) => answer.responses.iter().map(|r| error(r.error_code)).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(ask(vec![replace(TOPIC, "t", &[("retention.ms", Some("3000"))])]), [ErrorCode::None]);
    let answers = ask(vec![
        replace(TOPIC, "t", &[("retention.ms", Some("never"))]),
        replace(TOPIC, "nope", &[("retention.ms", Some("1"))]),
    ]);
    assert_eq!(answers, [ErrorCode::InvalidConfig, ErrorCode::UnknownTopicOrPartition]);
    assert_eq!(ask(vec![replace(TOPIC, "t", &[("retention.ms", None)])]), [ErrorCode::InvalidRequest]);
    assert_eq!(of_topic(&cluster, "t", "retention.ms").as_deref(), Some("3000"));
    assert_eq!(of_topic(&cluster, "t", "segment.ms"), None);
}

#[test]
fn a_topic_made_again_starts_without_the_configs_of_the_one_before() {
    let mut cluster = cluster();
    alter(&mut cluster, TOPIC, "t", &[("retention.ms", SET, Some("1"))]);
    let request =
        protocol::messages::delete_topics::DeleteTopicsRequest { topic_names: vec!["t".into()], ..Default::default() };
    cluster.ask(Request::DeleteTopics(request));
    cluster.create_topic("t", 1, 1);
    assert_eq!(of_topic(&cluster, "t", "retention.ms"), None);
}
