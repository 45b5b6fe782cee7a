//! Administration: what is said when it does not work, and what is never done twice.

use super::fake::{FakeCluster, Then, World};
use super::story;
use client::admin::{ConfigChange, ConfigResource, NewTopic};
use client::{Admin, ClientConfig, ClientError, Cluster};
use model::{ErrorCode, TopicPartition};
use protocol::ApiKey;
use protocol::messages::create_partitions::CreatePartitionsTopicResult;
use protocol::messages::create_topics::CreatableTopicResult;
use protocol::messages::delete_records::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult};
use protocol::messages::delete_topics::DeletableTopicResult;
use protocol::messages::describe_configs::DescribeConfigsResult;
use protocol::messages::incremental_alter_configs::AlterConfigsResourceResponse;
use protocol::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse, DeleteRecordsRequest,
    DeleteRecordsResponse, DeleteTopicsRequest, DeleteTopicsResponse, DescribeClusterRequest, DescribeClusterResponse,
    DescribeConfigsRequest, DescribeConfigsResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
use runtime::time::{Duration, Instant};

fn admin(cluster: &FakeCluster) -> Admin {
    Admin::new(&cluster.client())
}

fn created(error: ErrorCode) -> CreateTopicsResponse {
    let message = (!error.is_none()).then(|| "because".into());
    let topic = CreatableTopicResult {
        name: "new".into(),
        error_code: error.code(),
        error_message: message,
        ..Default::default()
    };
    CreateTopicsResponse { topics: vec![topic], ..Default::default() }
}

fn refuse_create(cluster: &FakeCluster, error: ErrorCode) {
    cluster.once(move |_, _, _: CreateTopicsRequest| Then::Answer(created(error)));
}

#[test]
fn a_topic_is_created_described_and_listed() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let admin = admin(&cluster);
        admin.create_topic(NewTopic::new("new", 3).config("retention.ms", "5")).await.unwrap();
        let request = cluster.seen::<CreateTopicsRequest>().remove(0);
        assert_eq!(&*request.topics[0].configs[0].name, "retention.ms");
        let described = admin.describe_topics(&["new", "none"]).await.unwrap();
        assert_eq!(described[0].1.as_ref().unwrap().partitions.len(), 3);
        assert_eq!(described[1].1.as_ref().unwrap_err().error_code(), Some(ErrorCode::UnknownTopicOrPartition));
        let names: Vec<_> = admin.list_topics().await.unwrap().iter().map(|topic| topic.name.to_string()).collect();
        assert_eq!(names, ["new", "t"]);
        let asked = cluster.seen::<protocol::messages::MetadataRequest>();
        assert!(asked.iter().skip(1).all(|request| !request.allow_auto_topic_creation), "to look creates nothing");
    });
}

#[test]
fn a_refusal_comes_with_its_code_and_the_words_of_the_broker() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let admin = admin(&cluster);
        let error = admin.create_topic(NewTopic::new("t", 1)).await.unwrap_err();
        assert_eq!(error.error_code(), Some(ErrorCode::TopicAlreadyExists));
        assert!(!error.may_have_happened());
        refuse_create(&cluster, ErrorCode::InvalidReplicationFactor);
        let error = admin.create_topic(NewTopic::new("new", 1)).await.unwrap_err();
        assert_eq!(error.to_string(), "creating topic new: INVALID_REPLICATION_FACTOR (because)");
    });
}

#[test]
fn some_results_may_be_errors_and_some_not() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let results =
            admin(&cluster).create_topics(&[NewTopic::new("t", 1), NewTopic::new("u", 1)], false).await.unwrap();
        assert_eq!(
            results.iter().map(|(name, result)| (&**name, result.is_ok())).collect::<Vec<_>>(),
            [("t", false), ("u", true)]
        );
    });
}

#[test]
fn what_surely_was_not_done_is_tried_again() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        refuse_create(&cluster, ErrorCode::ThrottlingQuotaExceeded);
        refuse_create(&cluster, ErrorCode::CoordinatorLoadInProgress);
        admin(&cluster).create_topic(NewTopic::new("new", 1)).await.unwrap();
        assert_eq!(cluster.count(ApiKey::CreateTopics), 3);
    });
}

#[test]
fn what_may_have_been_done_is_not_tried_again_and_said_to_be_in_doubt() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let admin = admin(&cluster);
        cluster.once(|world, _, request: CreateTopicsRequest| {
            world.create_topics(&request);
            Then::Close
        });
        let lost = admin.create_topic(NewTopic::new("new", 1)).await.unwrap_err();
        assert!(matches!(lost, ClientError::Lost { .. }) && lost.may_have_happened(), "{lost}");
        for error in [ErrorCode::RequestTimedOut, ErrorCode::NotController, ErrorCode::UnknownServerError] {
            refuse_create(&cluster, error);
            let refused = admin.create_topic(NewTopic::new("new", 1)).await.unwrap_err();
            assert_eq!(refused.error_code(), Some(error));
            assert!(refused.may_have_happened());
        }
        assert_eq!(cluster.count(ApiKey::CreateTopics), 4);
    });
}

/// It was reported with the error of an earlier attempt, which surely did nothing.
#[test]
fn when_the_time_is_over_in_the_middle_of_an_attempt_it_may_have_been_done() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let api_timeout = Duration::from_secs(3);
        let admin = Admin::new(&Cluster::new(ClientConfig { api_timeout, ..cluster.config() }));
        refuse_create(&cluster, ErrorCode::ThrottlingQuotaExceeded);
        cluster.once(|world, _, request: CreateTopicsRequest| {
            world.create_topics(&request);
            Then::Silence
        });
        let error = admin.create_topic(NewTopic::new("new", 1)).await.unwrap_err();
        assert!(matches!(error, ClientError::TimedOut { .. }) && error.may_have_happened(), "{error}");
        assert!(error.to_string().contains("THROTTLING_QUOTA_EXCEEDED"), "{error}");
    });
}

#[test]
fn an_answer_without_a_result_leaves_doubt() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.once(|_, _, _: CreateTopicsRequest| Then::Answer(CreateTopicsResponse::default()));
        let error = admin(&cluster).create_topic(NewTopic::new("new", 1)).await.unwrap_err();
        assert!(error.may_have_happened(), "{error}");
    });
}

#[test]
fn after_the_controller_has_moved_the_next_call_goes_to_the_new_one() {
    story(async {
        let cluster = FakeCluster::start(2, 1).await;
        let admin = admin(&cluster);
        admin.list_topics().await.unwrap();
        cluster.world().controller = Some(2);
        refuse_create(&cluster, ErrorCode::NotController);
        admin.create_topic(NewTopic::new("new", 1)).await.unwrap_err();
        admin.create_topic(NewTopic::new("new", 1)).await.unwrap();
        assert_eq!(cluster.world().seen.last().map(|ask| (ask.key(), ask.node)), Some((ApiKey::CreateTopics, 2)));
    });
}

/// It was asked for until the time was over.
#[test]
fn what_does_not_exist_is_told_at_once() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let admin = admin(&cluster);
        let unknown = ErrorCode::UnknownTopicOrPartition.code();
        cluster.once(move |_, _, _: DeleteTopicsRequest| {
            let result = DeletableTopicResult { name: Some("none".into()), error_code: unknown, ..Default::default() };
            Then::Answer(DeleteTopicsResponse { responses: vec![result], ..Default::default() })
        });
        cluster.once(move |_, _, _: CreatePartitionsRequest| {
            let result = CreatePartitionsTopicResult { name: "none".into(), error_code: unknown, ..Default::default() };
            Then::Answer(CreatePartitionsResponse { results: vec![result], ..Default::default() })
        });
        cluster.once(move |_, _, _: DescribeConfigsRequest| {
            let result = DescribeConfigsResult { error_code: unknown, ..Default::default() };
            Then::Answer(DescribeConfigsResponse { results: vec![result], ..Default::default() })
        });
        cluster.once(move |_, _, _: IncrementalAlterConfigsRequest| {
            let result = AlterConfigsResourceResponse { error_code: unknown, ..Default::default() };
            Then::Answer(IncrementalAlterConfigsResponse { responses: vec![result], ..Default::default() })
        });
        let begun = Instant::now();
        let none = ConfigResource::topic("none");
        let change = ConfigChange::set("retention.ms", "1");
        let errors = [
            admin.delete_topics(&["none"]).await.unwrap().remove(0).1.unwrap_err(),
            admin.create_partitions("none", 4, false).await.unwrap_err(),
            admin.describe_configs(&none, None, false).await.unwrap_err(),
            admin.alter_configs(&none, std::slice::from_ref(&change), false).await.unwrap_err(),
            admin.delete_records(&TopicPartition::new("none", 0), 1).await.unwrap_err(),
            admin.delete_records(&TopicPartition::new("t", 9), 1).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.error_code(), Some(ErrorCode::UnknownTopicOrPartition), "{error}");
        }
        let ninth = ConfigResource::broker(9);
        assert!(matches!(admin.describe_configs(&ninth, None, false).await, Err(ClientError::Invalid(_))));
        assert!(matches!(admin.alter_configs(&ninth, &[change], false).await, Err(ClientError::Invalid(_))));
        assert!(matches!(admin.describe_log_directories(9).await, Err(ClientError::Invalid(_))));
        assert!(begun.elapsed() < Duration::from_secs(4));
    });
}

fn deleted(error: ErrorCode) -> DeleteRecordsResponse {
    let partition = DeleteRecordsPartitionResult { low_watermark: 5, error_code: error.code(), ..Default::default() };
    let topic = DeleteRecordsTopicResult { name: "t".into(), partitions: vec![partition], ..Default::default() };
    DeleteRecordsResponse { topics: vec![topic], ..Default::default() }
}

#[test]
fn records_are_deleted_at_the_leader_however_often_it_takes() {
    story(async {
        let cluster = FakeCluster::start(2, 1).await;
        let admin = admin(&cluster);
        admin.list_topics().await.unwrap();
        cluster.world().move_leaders("t", 2);
        cluster.once(|_, ask, _: DeleteRecordsRequest| {
            assert_eq!(ask.node, 1);
            Then::Answer(deleted(ErrorCode::NotLeaderOrFollower))
        });
        cluster.once(|_, ask, _: DeleteRecordsRequest| {
            assert_eq!(ask.node, 2);
            Then::Close
        });
        cluster.once(|_, _, _: DeleteRecordsRequest| Then::Answer(deleted(ErrorCode::None)));
        assert_eq!(admin.delete_records(&TopicPartition::new("t", 0), 5).await, Ok(5));
        cluster.once(|_, _, _: DeleteRecordsRequest| Then::Answer(deleted(ErrorCode::OffsetOutOfRange)));
        let error = admin.delete_records(&TopicPartition::new("t", 0), 99).await.unwrap_err();
        assert_eq!(error.error_code(), Some(ErrorCode::OffsetOutOfRange));
    });
}

/// The last attempt, which could not even connect, was taken for the whole call.
#[test]
fn doubt_about_an_attempt_outlives_later_ones_that_did_nothing() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let api_timeout = Duration::from_secs(3);
        let client = Cluster::new(ClientConfig { api_timeout, ..cluster.config() });
        let admin = Admin::new(&client);
        admin.list_topics().await.unwrap();
        let stopping = cluster.clone();
        cluster.once(move |_, _, _: DeleteRecordsRequest| {
            stopping.refuse_connections(1);
            Then::Close
        });
        let error = admin.delete_records(&TopicPartition::new("t", 0), 5).await.unwrap_err();
        assert!(error.may_have_happened(), "{error}");
    });
}

#[test]
fn the_cluster_describes_itself() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.once(|_, _, _: DescribeClusterRequest| Then::Close);
        cluster.once(|_, _, _: DescribeClusterRequest| {
            Then::Answer(DescribeClusterResponse { cluster_id: "c".into(), controller_id: 1, ..Default::default() })
        });
        let described = admin(&cluster).describe_cluster().await.unwrap();
        assert_eq!((&*described.cluster_id, described.controller_id), ("c", 1));
        cluster.once(|_, _, _: DescribeClusterRequest| {
            let error_code = ErrorCode::ClusterAuthorizationFailed.code();
            Then::Answer(DescribeClusterResponse { error_code, ..Default::default() })
        });
        let error = admin(&cluster).describe_cluster().await.unwrap_err();
        assert_eq!(error.error_code(), Some(ErrorCode::ClusterAuthorizationFailed));
    });
}

#[test]
fn an_old_broker_is_told_the_names_of_topics_to_delete() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.world().newest.insert(ApiKey::DeleteTopics, 5);
        cluster.once(|_: &mut World, _, request: DeleteTopicsRequest| {
            let result =
                |name: &protocol::Text| DeletableTopicResult { name: Some(name.clone()), ..Default::default() };
            let responses = request.topic_names.iter().map(result).collect();
            Then::Answer(DeleteTopicsResponse { responses, ..Default::default() })
        });
        let results = admin(&cluster).delete_topics(&["t"]).await.unwrap();
        assert_eq!(results, [("t".to_owned(), Ok(()))]);
    });
}
