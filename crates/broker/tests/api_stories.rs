//! Answers of single APIs, each as Kafka gives it: a broker on a temporary directory, spoken to in frames.

#![cfg(not(madsim))] // on a real directory and real sockets

mod server;

use bytes::Bytes;
use model::ErrorCode::{self, *};
use model::Uuid;
use protocol::messages::alter_configs::{AlterConfigsRequest, AlterConfigsResource as WholeResource};
use protocol::messages::broker_registration::{BrokerRegistrationRequest, Listener};
use protocol::messages::create_topics::{CreatableReplicaAssignment, CreatableTopic, CreateTopicsRequest};
use protocol::messages::delete_records::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic};
use protocol::messages::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource};
use protocol::messages::describe_quorum::{DescribeQuorumRequest, PartitionData, TopicData};
use protocol::messages::describe_topic_partitions::{Cursor, DescribeTopicPartitionsRequest, TopicRequest};
use protocol::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic, ForgottenTopic};
use protocol::messages::find_coordinator::FindCoordinatorRequest;
use protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use protocol::messages::init_producer_id::InitProducerIdRequest;
use protocol::messages::join_group::JoinGroupRequest;
use protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use protocol::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use protocol::messages::{
    AddRaftVoterRequest, ApiVersionsRequest, CreateAclsRequest, CreateDelegationTokenRequest, DeleteAclsRequest,
    DescribeAclsRequest, DescribeDelegationTokenRequest, ExpireDelegationTokenRequest, RenewDelegationTokenRequest,
    SaslAuthenticateRequest, SaslHandshakeRequest,
};
use protocol::records::{BatchBuilder, BatchOptions};
use protocol::wire::Text;
use server::{Server, story};
use std::path::Path;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

fn error(code: i16) -> ErrorCode {
    ErrorCode::from_wire(code)
}

fn is_text(message: &Option<Text>) -> bool {
    message.as_ref().is_some_and(|text| !text.is_empty())
}

async fn with_topics(directory: &Path, names: &[&str]) -> Server {
    let mut server = Server::start(directory, &[("offsets.topic.replication.factor", "1")]).await;
    let topic = |name: &&str| CreatableTopic {
        name: (*name).into(),
        num_partitions: 1,
        replication_factor: 1,
        ..Default::default()
    };
    let topics = names.iter().map(topic).collect();
    let made = server.ask(&CreateTopicsRequest { topics, ..Default::default() }, 7).await;
    assert!(made.topics.iter().all(|topic| topic.error_code == 0), "{made:?}");
    server
}

/// Another broker, of which there is no more than its registration.
async fn register_another(server: &Server, id: i32) {
    let metadata = &server.running.broker.metadata;
    let listener = Listener { name: "PLAINTEXT".into(), host: "h".into(), port: 9092, ..Default::default() };
    let request = BrokerRegistrationRequest {
        broker_id: id,
        cluster_id: metadata.image().cluster_id().map(|id| Text::from(&**id)).expect("a founded cluster"),
        incarnation_id: Uuid([7; 16]),
        listeners: vec![listener],
        log_dirs: vec![Uuid([8; 16])],
        ..Default::default()
    };
    let request =
        controller::Request::RegisterBroker { request, stop_was_clean: false, unusable: vec![], unsynced: vec![] };
    metadata.ask(request).await.expect("it is registered");
}

async fn set(server: &mut Server, named: &[(i8, &str)], key: &str, value: &str) -> Vec<ErrorCode> {
    let change = AlterableConfig { name: key.into(), value: Some(value.into()), ..Default::default() };
    let resource = |(kind, name): &(i8, &str)| AlterConfigsResource {
        resource_type: *kind,
        resource_name: (*name).into(),
        configs: vec![change.clone()],
        ..Default::default()
    };
    let resources = named.iter().map(resource).collect();
    let answer = server.ask(&IncrementalAlterConfigsRequest { resources, ..Default::default() }, 1).await;
    let names: Vec<&str> = answer.responses.iter().map(|told| &*told.resource_name).collect();
    assert_eq!(names, named.iter().map(|(_, name)| *name).collect::<Vec<_>>(), "in the order of the request");
    assert!(answer.responses.iter().all(|told| is_text(&told.error_message) == (told.error_code != 0)));
    answer.responses.iter().map(|told| error(told.error_code)).collect()
}

#[test]
fn a_broker_takes_configs_for_itself_and_for_all_but_for_no_other_broker() {
    story(|directory| async move {
        let mut server = with_topics(directory.path(), &["t"]).await;
        register_another(&server, 2).await;
        let backoff = "log.cleaner.backoff.ms";
        let told = set(&mut server, &[(BROKER, "2"), (BROKER, "1"), (BROKER, "x"), (BROKER, "")], backoff, "100").await;
        assert_eq!(told, [InvalidRequest, None, InvalidRequest, None]);
        let resource =
            WholeResource { resource_type: BROKER, resource_name: "2".into(), configs: vec![], ..Default::default() };
        let answer = server.ask(&AlterConfigsRequest { resources: vec![resource], ..Default::default() }, 2).await;
        assert_eq!(error(answer.responses[0].error_code), InvalidRequest);
        server.stop().await;
    });
}

#[test]
fn the_rate_of_throttled_replication_shows_while_it_is_set() {
    story(|directory| async move {
        let mut server = with_topics(directory.path(), &[]).await;
        let rate = "leader.replication.throttled.rate";
        assert_eq!(set(&mut server, &[(BROKER, "1")], rate, "-1").await, [InvalidRequest]);
        for wanted in [vec![], vec!["1000000"]] {
            let resource =
                DescribeConfigsResource { resource_type: BROKER, resource_name: "1".into(), ..Default::default() };
            let asked = DescribeConfigsRequest { resources: vec![resource], ..Default::default() };
            let answer = server.ask(&asked, 4).await;
            let shown = answer.results[0].configs.iter().filter(|config| config.name == *rate);
            let shown: Vec<&str> = shown.map(|config| config.value.as_deref().expect("a value")).collect();
            assert_eq!(shown, wanted);
            assert_eq!(set(&mut server, &[(BROKER, "1")], rate, "1000000").await, [None]);
        }
        server.stop().await;
    });
}

#[test]
fn configs_of_one_unknown_kind_fail_the_whole_description() {
    story(|directory| async move {
        let mut server = with_topics(directory.path(), &["t"]).await;
        let resource = |resource_type, name: &str| DescribeConfigsResource {
            resource_type,
            resource_name: name.into(),
            configuration_keys: Some(vec!["retention.ms".into()]),
            ..Default::default()
        };
        let resources = vec![resource(TOPIC, "t"), resource(77, "x")];
        let answer = server.ask(&DescribeConfigsRequest { resources, ..Default::default() }, 4).await;
        let told: Vec<_> = answer.results.iter().map(|told| (error(told.error_code), told.configs.len())).collect();
        assert_eq!(told, [(InvalidRequest, 0), (InvalidRequest, 0)]);
        server.stop().await;
    });
}

fn wanted(name: Option<&str>, topic_id: Uuid) -> MetadataRequestTopic {
    MetadataRequestTopic { name: name.map(Into::into), topic_id, ..Default::default() }
}

fn metadata_of(topics: Vec<MetadataRequestTopic>) -> MetadataRequest {
    MetadataRequest { topics: Some(topics), include_topic_authorized_operations: true, ..Default::default() }
}

#[test]
fn one_topic_id_is_enough_for_names_not_to_count() {
    story(|directory| async move {
        let mut server = with_topics(directory.path(), &["t", "u", "v"]).await;
        let id = server.ask(&metadata_of(vec![wanted(Some("u"), Uuid::ZERO)]), 12).await.topics[0].topic_id;
        let unknown = Uuid([9; 16]);
        let request = metadata_of(vec![
            wanted(Some("t"), id),
            wanted(Some("v"), Uuid::ZERO),
            wanted(Option::None, unknown),
            wanted(Option::None, Uuid::ZERO),
        ]);
        for version in [12, 13] {
            let mut topics = server.ask(&request, version).await.topics;
            topics.sort_by_key(|topic| topic.error_code);
            let told: Vec<_> = topics.iter().map(|t| (error(t.error_code), t.name.as_deref(), t.topic_id)).collect();
            assert_eq!(told, [(None, Some("u"), id), (UnknownTopicId, Option::None, unknown)]);
        }
        server.stop().await;
    });
}

#[test]
fn a_topic_with_neither_name_nor_id_fails_the_whole_metadata() {
    story(|directory| async move {
        let mut server = with_topics(directory.path(), &["t"]).await;
        let request = metadata_of(vec![wanted(Some("t"), Uuid::ZERO), wanted(Option::None, Uuid::ZERO)]);
        for (version, top_level) in [(12, None), (13, UnknownServerError)] {
            let answer = server.ask(&request, version).await;
            let told: Vec<_> = answer.topics.iter().map(|t| (error(t.error_code), t.name.as_deref())).collect();
            assert_eq!(told, [(UnknownServerError, Some("t")), (UnknownServerError, Some(""))]);
            assert_eq!((error(answer.error_code), answer.brokers.len(), answer.controller_id), (top_level, 0, -1));
        }
        server.stop().await;
    });
}

#[test]
fn what_is_allowed_is_told_of_every_name_whether_there_is_such_a_topic_or_not() {
    story(|directory| async move {
        let mut server = with_topics(directory.path(), &["t"]).await;
        let names = ["a b", "nope", "t"].map(|name| wanted(Some(name), Uuid::ZERO));
        let mut topics = server.ask(&metadata_of(names.to_vec()), 12).await.topics;
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        let told: Vec<_> = topics.iter().map(|t| (error(t.error_code), t.topic_authorized_operations)).collect();
        assert_eq!(told, [(InvalidTopicException, 3576), (UnknownTopicOrPartition, 3576), (None, 3576)]);
        let unknown = server.ask(&metadata_of(vec![wanted(Option::None, Uuid([9; 16]))]), 12).await;
        assert_eq!(unknown.topics[0].topic_authorized_operations, i32::MIN);
        server.stop().await;
    });
}

async fn fetch(server: &mut Server, session: (i32, i32), partitions: &[i32], forgotten: &[i32]) -> FetchResponse {
    let partition =
        |partition: &i32| FetchPartition { partition: *partition, partition_max_bytes: 1000, ..Default::default() };
    let (session_id, session_epoch) = session;
    let partitions: Vec<_> = partitions.iter().map(partition).collect();
    let mut request = FetchRequest { replica_id: -1, session_id, session_epoch, max_bytes: 1000, ..Default::default() };
    if !partitions.is_empty() {
        request.topics.push(FetchTopic { topic: "t".into(), partitions, ..Default::default() });
    }
    if !forgotten.is_empty() {
        let partitions = forgotten.to_vec();
        request.forgotten_topics_data.push(ForgottenTopic { topic: "t".into(), partitions, ..Default::default() });
    }
    server.ask(&request, 11).await
}

#[test]
fn a_fetch_session_ends_with_its_last_partition() {
    story(|directory| async move {
        let mut server = with_topics(directory.path(), &["t"]).await;
        let opened = fetch(&mut server, (0, 0), &[0], &[]).await.session_id;
        assert_ne!(opened, 0);
        let last = fetch(&mut server, (opened, 1), &[], &[0]).await;
        assert_eq!((error(last.error_code), last.session_id, last.responses.len()), (None, 0, 0));
        let after = fetch(&mut server, (opened, 2), &[0], &[]).await;
        assert_eq!(error(after.error_code), FetchSessionIdNotFound);
        server.stop().await;
    });
}

#[test]
fn a_fetch_session_may_begin_without_partitions() {
    story(|directory| async move {
        let mut server = with_topics(directory.path(), &["t"]).await;
        let opened = fetch(&mut server, (0, 0), &[], &[]).await.session_id;
        assert_ne!(opened, 0);
        let next = fetch(&mut server, (opened, 1), &[0], &[]).await;
        assert_eq!((error(next.error_code), next.session_id, next.responses.len()), (None, opened, 1));
        server.stop().await;
    });
}

/// It read again and again what there was, without a pause, and each time the leader remembered one more fetch to wake: so it
/// was for as long as its log ended with nothing, cut after a cleaning (cluster seed 12).
#[test]
fn a_replica_that_asks_for_more_than_there_is_waits_for_its_end() {
    story(|directory| async move {
        let mut server = with_topics(directory.path(), &[]).await;
        register_another(&server, 2).await;
        let assignments = vec![CreatableReplicaAssignment { broker_ids: vec![1, 2], ..Default::default() }];
        let (num_partitions, replication_factor) = (-1, -1);
        let topic =
            CreatableTopic { name: "r".into(), num_partitions, replication_factor, assignments, ..Default::default() };
        let made = server.ask(&CreateTopicsRequest { topics: vec![topic], ..Default::default() }, 7).await;
        assert_eq!(error(made.topics[0].error_code), None, "{made:?}");
        assert_eq!(produce(&mut server, 1, 1000, &[("r", 0, false)]).await, [None]);
        let partition = FetchPartition { partition_max_bytes: 1 << 20, current_leader_epoch: 0, ..Default::default() };
        let topics = vec![FetchTopic { topic: "r".into(), partitions: vec![partition], ..Default::default() }];
        let (min_bytes, max_wait_ms) = (10_000, 200);
        let request =
            FetchRequest { replica_id: 2, min_bytes, max_wait_ms, max_bytes: 1 << 20, topics, ..Default::default() };
        let begun = runtime::time::Instant::now();
        let answer = server.ask(&request, 11).await;
        let told = &answer.responses[0].partitions[0];
        assert_eq!(error(told.error_code), None, "{told:?}");
        assert!(told.records.as_ref().is_some_and(|records| !records.is_empty()), "{told:?}");
        assert!(begun.elapsed() >= runtime::time::Duration::from_millis(200), "{:?}", begun.elapsed());
        server.stop().await;
    });
}

#[test]
fn what_coordinators_keep_is_not_deleted_by_clients() {
    story(|directory| async move {
        let mut server = with_topics(directory.path(), &[]).await;
        while server.ask(&coordinator_of("g", 0), 3).await.error_code != 0 {}
        let partition = |partition_index| DeleteRecordsPartition { partition_index, offset: 0, ..Default::default() };
        let topic = DeleteRecordsTopic {
            name: "__consumer_offsets".into(),
            partitions: vec![partition(0), partition(50)],
            ..Default::default()
        };
        let request = DeleteRecordsRequest { topics: vec![topic], timeout_ms: 1000, ..Default::default() };
        let answer = server.ask(&request, 2).await;
        let told: Vec<_> = answer.topics[0].partitions.iter().map(|told| error(told.error_code)).collect();
        assert_eq!(told, [InvalidTopicException, UnknownTopicOrPartition]);
        server.stop().await;
    });
}

fn coordinator_of(key: &str, key_type: i8) -> FindCoordinatorRequest {
    FindCoordinatorRequest { key: key.into(), key_type, ..Default::default() }
}

#[test]
fn a_coordinator_that_is_not_found_has_words_up_to_version_3_and_for_unknown_kinds() {
    story(|directory| async move {
        let mut server = with_topics(directory.path(), &[]).await;
        assert!(is_text(&server.ask(&coordinator_of("t", 1), 3).await.error_message));
        for (key_type, has_words) in [(1, false), (9, true)] {
            let request = FindCoordinatorRequest { key_type, coordinator_keys: vec!["t".into()], ..Default::default() };
            let told = server.ask(&request, 4).await.coordinators.remove(0);
            assert_eq!(error(told.error_code), InvalidRequest);
            assert!(told.error_message.is_some(), "empty, but not null");
            assert_eq!(is_text(&told.error_message), has_words);
        }
        server.stop().await;
    });
}

#[test]
fn a_cursor_at_a_topic_that_is_not_asked_for_is_refused() {
    story(|directory| async move {
        let mut server = with_topics(directory.path(), &["t", "u"]).await;
        let topics = |names: &[&str]| -> Vec<TopicRequest> {
            names.iter().map(|name| TopicRequest { name: (*name).into(), ..Default::default() }).collect()
        };
        let cursor = Some(Cursor { topic_name: "s".into(), partition_index: 0, ..Default::default() });
        let mut request = DescribeTopicPartitionsRequest { topics: topics(&["t", "u"]), cursor, ..Default::default() };
        let answer = server.ask(&request, 0).await;
        let told: Vec<_> = answer.topics.iter().map(|told| (error(told.error_code), told.partitions.len())).collect();
        assert_eq!((told, answer.next_cursor), (vec![(InvalidRequest, 0), (InvalidRequest, 0)], Option::None));
        request.topics.clear();
        let all = server.ask(&request, 0).await;
        assert!(all.topics.len() == 2 && all.topics.iter().all(|told| told.error_code == 0), "{all:?}");
        let internal = DescribeTopicPartitionsRequest { topics: topics(&["__consumer_offsets"]), ..Default::default() };
        let told = server.ask(&internal, 0).await.topics.remove(0);
        assert_eq!((error(told.error_code), told.is_internal), (UnknownTopicOrPartition, true));
        server.stop().await;
    });
}

#[test]
fn without_security_its_apis_say_so_and_the_connection_goes_on() {
    story(|directory| async move {
        let mut server = with_topics(directory.path(), &[]).await;
        let listed = server.ask(&ApiVersionsRequest::default(), 0).await.api_keys;
        for key in [17, 29, 30, 31, 36, 38, 39, 40, 41] {
            assert!(listed.iter().any(|served| served.api_key == key), "{key}");
        }
        let handshake = SaslHandshakeRequest { mechanism: "PLAIN".into() };
        assert_eq!(error(server.ask(&handshake, 1).await.error_code), IllegalSaslState);
        let proof = server.ask(&SaslAuthenticateRequest::default(), 2).await;
        assert_eq!((error(proof.error_code), is_text(&proof.error_message)), (IllegalSaslState, true));
        let rules = server.ask(&DescribeAclsRequest::default(), 3).await;
        assert_eq!((error(rules.error_code), is_text(&rules.error_message)), (SecurityDisabled, true));
        let request = CreateAclsRequest { creations: vec![Default::default(); 2], ..Default::default() };
        let made = server.ask(&request, 3).await.results;
        assert!(made.len() == 2 && made.iter().all(|told| is_text(&told.error_message)));
        assert!(made.iter().all(|told| error(told.error_code) == SecurityDisabled));
        let gone = server.ask(&DeleteAclsRequest { filters: vec![Default::default()], ..Default::default() }, 3).await;
        assert_eq!(error(gone.filter_results[0].error_code), SecurityDisabled);
        let refused = DelegationTokenRequestNotAllowed;
        let token = server.ask(&CreateDelegationTokenRequest::default(), 3).await;
        assert_eq!((error(token.error_code), &*token.principal_name), (refused, "ANONYMOUS"));
        assert_eq!(error(server.ask(&RenewDelegationTokenRequest::default(), 2).await.error_code), refused);
        assert_eq!(error(server.ask(&ExpireDelegationTokenRequest::default(), 2).await.error_code), refused);
        assert_eq!(error(server.ask(&DescribeDelegationTokenRequest::default(), 3).await.error_code), refused);
        server.stop().await;
    });
}

#[test]
fn the_quorum_is_described_to_whoever_asks_for_its_partition_and_nothing_else() {
    story(|directory| async move {
        let mut server = with_topics(directory.path(), &[]).await;
        let topic = |name: &str, partitions: &[i32]| TopicData {
            topic_name: name.into(),
            partitions: partitions
                .iter()
                .map(|p| PartitionData { partition_index: *p, ..Default::default() })
                .collect(),
            ..Default::default()
        };
        let metadata = "__cluster_metadata";
        for (topics, described, partitions) in [
            (vec![topic(metadata, &[0])], true, 1),
            (vec![topic(metadata, &[0, 1])], false, 2),
            (vec![topic(metadata, &[0]), topic("t", &[0])], false, 2),
            (vec![], false, 0),
        ] {
            let answer = server.ask(&DescribeQuorumRequest { topics, ..Default::default() }, 2).await;
            assert_eq!((error(answer.error_code), answer.nodes.len()), (None, usize::from(described)));
            let told: Vec<_> = answer.topics.iter().flat_map(|topic| &topic.partitions).collect();
            assert_eq!(told.len(), partitions);
            for told in told {
                let wanted = if described { None } else { UnknownTopicOrPartition };
                assert_eq!((error(told.error_code), is_text(&told.error_message)), (wanted, !described));
            }
        }
        let stranger = AddRaftVoterRequest { cluster_id: Some("another".into()), ..Default::default() };
        let answer = server.ask(&stranger, 0).await;
        assert_eq!((error(answer.error_code), is_text(&answer.error_message)), (InconsistentClusterId, true));
        server.stop().await;
    });
}

#[test]
fn a_producer_names_an_id_with_its_epoch_or_neither() {
    story(|directory| async move {
        let mut server = with_topics(directory.path(), &[]).await;
        for (producer_id, producer_epoch, wanted) in
            [(5, -1, InvalidRequest), (-1, 0, InvalidRequest), (-1, -1, None), (5, 0, None)]
        {
            let request = InitProducerIdRequest {
                transactional_id: Option::None,
                producer_id,
                producer_epoch,
                ..Default::default()
            };
            let answer = server.ask(&request, 4).await;
            assert_eq!(error(answer.error_code), wanted);
            if wanted != None {
                assert_eq!((answer.producer_id, answer.producer_epoch), (-1, -1));
            }
        }
        server.stop().await;
    });
}

fn batch(transactional: bool) -> Bytes {
    let producer_id = if transactional { 1 } else { -1 };
    let options = BatchOptions { transactional, producer_id, producer_epoch: 0, ..BatchOptions::default() };
    let mut batch = BatchBuilder::new(options);
    batch.append(runtime::clock::now(), Option::None, Some(b"value"), &[]);
    batch.build()
}

async fn produce(server: &mut Server, acks: i16, timeout_ms: i32, data: &[(&str, i32, bool)]) -> Vec<ErrorCode> {
    let topic = |(name, index, transactional): &(&str, i32, bool)| {
        let records = Some(batch(*transactional));
        let data = PartitionProduceData { index: *index, records, ..Default::default() };
        TopicProduceData { name: (*name).into(), partition_data: vec![data], ..Default::default() }
    };
    let topic_data = data.iter().map(topic).collect();
    let answer = server.ask(&ProduceRequest { acks, timeout_ms, topic_data, ..Default::default() }, 9).await;
    let partitions = answer.responses.iter().flat_map(|topic| &topic.partition_responses);
    partitions.map(|partition| error(partition.error_code)).collect()
}

#[test]
fn a_produce_without_a_timeout_succeeds_where_no_other_replica_is_waited_for() {
    story(|directory| async move {
        let mut server = with_topics(directory.path(), &["t"]).await;
        for (acks, timeout_ms) in [(-1, 0), (-1, -5), (1, 0), (1, -5)] {
            assert_eq!(produce(&mut server, acks, timeout_ms, &[("t", 0, false)]).await, [None]);
        }
        server.stop().await;
    });
}

#[test]
fn one_batch_of_a_transaction_fails_a_produce_of_no_transaction() {
    story(|directory| async move {
        let mut server = with_topics(directory.path(), &["t", "u"]).await;
        let told = produce(&mut server, -1, 1000, &[("t", 0, false), ("u", 0, true), ("nope", 0, false)]).await;
        assert_eq!(told, [TransactionalIdAuthorizationFailed; 3]);
        server.stop().await;
    });
}

#[test]
fn a_produce_with_unknown_acks_hears_first_of_partitions_that_there_are_not() {
    story(|directory| async move {
        let mut server = with_topics(directory.path(), &["t"]).await;
        let told = produce(&mut server, 7, 1000, &[("t", 5, false), ("t", 0, false), ("nope", 0, false)]).await;
        assert_eq!(told, [UnknownTopicOrPartition, InvalidRequiredAcks, UnknownTopicOrPartition]);
        server.stop().await;
    });
}

#[test]
fn a_special_timestamp_of_a_later_version_is_told_before_an_unknown_topic() {
    story(|directory| async move {
        let mut server = with_topics(directory.path(), &[]).await;
        let partition = |timestamp| ListOffsetsPartition { timestamp, ..Default::default() };
        for (timestamp, wanted) in [(-3, UnsupportedVersion), (-1, UnknownTopicOrPartition)] {
            let topic =
                ListOffsetsTopic { name: "nope".into(), partitions: vec![partition(timestamp)], ..Default::default() };
            let answer = server.ask(&ListOffsetsRequest { topics: vec![topic], ..Default::default() }, 6).await;
            assert_eq!(error(answer.topics[0].partitions[0].error_code), wanted);
        }
        server.stop().await;
    });
}

#[test]
fn the_name_of_a_clients_software_has_letters_or_digits_at_its_ends() {
    story(|directory| async move {
        let mut server = with_topics(directory.path(), &[]).await;
        for (name, wanted) in [("a.b-c", None), (".a", InvalidRequest), ("a.", InvalidRequest), ("-", InvalidRequest)] {
            let request = ApiVersionsRequest {
                client_software_name: name.into(),
                client_software_version: "1".into(),
                ..Default::default()
            };
            assert_eq!(error(server.ask(&request, 3).await.error_code), wanted, "{name}");
        }
        server.stop().await;
    });
}

#[test]
fn a_join_that_finds_no_coordinator_is_answered_without_a_member() {
    story(|directory| async move {
        let mut server = with_topics(directory.path(), &[]).await;
        let request = JoinGroupRequest {
            group_id: "g".into(),
            member_id: "m".into(),
            protocol_type: "consumer".into(),
            session_timeout_ms: 10_000,
            ..Default::default()
        };
        let answer = server.ask(&request, 5).await;
        assert_eq!((error(answer.error_code), &*answer.member_id), (NotCoordinator, ""));
        server.stop().await;
    });
}
