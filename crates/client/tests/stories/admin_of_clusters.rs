//! Administration of a cluster as a whole: its quorum, leaders, replicas, brokers and features.

use super::fake::{FakeCluster, Then};
use super::story;
use client::admin::{Election, FeatureChange, Reassignment};
use client::{Admin, ClientError};
use model::{ErrorCode, TopicPartition, Uuid};
use protocol::ApiKey;
use protocol::messages::alter_partition_reassignments::{ReassignablePartitionResponse, ReassignableTopicResponse};
use protocol::messages::api_versions::{FinalizedFeatureKey, SupportedFeatureKey};
use protocol::messages::describe_cluster::DescribeClusterBroker;
use protocol::messages::describe_quorum::{
    DescribeQuorumResponsePartitionData, DescribeQuorumResponseTopicData, ReplicaState,
};
use protocol::messages::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use protocol::messages::elect_leaders::{PartitionResult, ReplicaElectionResult};
use protocol::messages::list_partition_reassignments::{OngoingPartitionReassignment, OngoingTopicReassignment};
use protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ApiVersionsRequest,
    DescribeClusterRequest, DescribeClusterResponse, DescribeQuorumRequest, DescribeQuorumResponse,
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, ElectLeadersRequest, ElectLeadersResponse,
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, UnregisterBrokerRequest,
    UnregisterBrokerResponse, UpdateFeaturesRequest, UpdateFeaturesResponse,
};
use std::collections::BTreeMap;

fn admin(cluster: &FakeCluster) -> Admin {
    Admin::new(&cluster.client())
}

fn partition(number: i32) -> TopicPartition {
    TopicPartition::new("t", number)
}

#[test]
fn the_quorum_is_described_once_somebody_leads_it() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.once(|_, _, _: DescribeQuorumRequest| {
            let error_code = ErrorCode::NotLeaderOrFollower.code();
            Then::Answer(DescribeQuorumResponse { error_code, ..Default::default() })
        });
        cluster.once(|_, _, request: DescribeQuorumRequest| {
            assert_eq!(&*request.topics[0].topic_name, "__cluster_metadata");
            let state = |replica_id, log_end_offset| ReplicaState {
                replica_id,
                replica_directory_id: Uuid([replica_id as u8; 16]),
                log_end_offset,
                ..Default::default()
            };
            let quorum = DescribeQuorumResponsePartitionData {
                leader_id: 2,
                leader_epoch: 7,
                high_watermark: 90,
                current_voters: vec![state(1, 80), state(2, 100), state(3, -1)],
                observers: vec![state(4, 99)],
                ..Default::default()
            };
            let topic = DescribeQuorumResponseTopicData { partitions: vec![quorum], ..Default::default() };
            Then::Answer(DescribeQuorumResponse { topics: vec![topic], ..Default::default() })
        });
        let quorum = admin(&cluster).describe_quorum().await.unwrap();
        assert_eq!((quorum.leader, quorum.leader_epoch, quorum.log_end_offset()), (2, 7, 100));
        let ends: Vec<_> = quorum.voters.iter().map(|voter| (voter.node, voter.log_end_offset)).collect();
        assert_eq!(ends, [(1, 80), (2, 100), (3, -1)]);
        assert_eq!((quorum.observers.len(), quorum.voters[0].directory), (1, Uuid([1; 16])));
    });
}

#[test]
fn brokers_that_are_fenced_are_told_of_where_the_cluster_can() {
    story(async {
        for (newest, asked) in [(2, true), (1, false)] {
            let cluster = FakeCluster::start(1, 1).await;
            cluster.world().newest.extend([(ApiKey::DescribeCluster, newest)]);
            cluster.once(move |_, _, request: DescribeClusterRequest| {
                assert_eq!(request.include_fenced_brokers, asked);
                let broker =
                    |broker_id, is_fenced| DescribeClusterBroker { broker_id, is_fenced, ..Default::default() };
                let brokers = vec![broker(2, asked), broker(1, false)];
                Then::Answer(DescribeClusterResponse { brokers, ..Default::default() })
            });
            let described = admin(&cluster).describe_cluster().await.unwrap();
            let brokers: Vec<_> = described.brokers.iter().map(|broker| (broker.node, broker.is_fenced)).collect();
            assert_eq!(brokers, [(1, false), (2, asked)]);
        }
    });
}

#[test]
fn topics_with_more_partitions_than_one_answer_holds_are_described_whole() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let page = |from: i32, to: i32| DescribeTopicPartitionsResponseTopic {
            name: Some("t".into()),
            partitions: (from..to)
                .map(|partition_index| DescribeTopicPartitionsResponsePartition {
                    partition_index,
                    isr_nodes: vec![1],
                    eligible_leader_replicas: Some(vec![2]),
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        };
        let cursor = Cursor { topic_name: "t".into(), partition_index: 3, ..Default::default() };
        let next_cursor = Some(cursor.clone());
        cluster.once(move |_, _, request: DescribeTopicPartitionsRequest| {
            assert_eq!(request.cursor, None);
            let gone = DescribeTopicPartitionsResponseTopic {
                name: Some("gone".into()),
                error_code: ErrorCode::UnknownTopicOrPartition.code(),
                ..Default::default()
            };
            let topics = vec![gone, page(0, 3)];
            Then::Answer(DescribeTopicPartitionsResponse { topics, next_cursor, ..Default::default() })
        });
        cluster.once(move |_, _, request: DescribeTopicPartitionsRequest| {
            assert_eq!(request.cursor, Some(cursor));
            Then::Answer(DescribeTopicPartitionsResponse { topics: vec![page(3, 5)], ..Default::default() })
        });
        let topics = admin(&cluster).describe_partitions(Some(&["gone", "t"])).await.unwrap();
        let missing = topics["gone"].as_ref().unwrap_err();
        assert_eq!(missing.error_code(), Some(ErrorCode::UnknownTopicOrPartition));
        let partitions = &topics["t"].as_ref().unwrap().partitions;
        assert_eq!(partitions.iter().map(|p| p.partition).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert_eq!((&partitions[4].in_sync, &partitions[4].eligible), (&vec![1], &vec![2]));
        assert!(admin(&cluster).describe_partitions(Some(&[])).await.unwrap().is_empty(), "none is not all");
    });
}

/// It would be asked for ever.
#[test]
fn a_page_that_is_its_own_next_page_is_an_error() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.times(2, |_, _, _: DescribeTopicPartitionsRequest| {
            let next_cursor = Some(Cursor { topic_name: "t".into(), partition_index: 3, ..Default::default() });
            Then::Answer(DescribeTopicPartitionsResponse { next_cursor, ..Default::default() })
        });
        assert!(admin(&cluster).describe_partitions(None).await.is_err());
    });
}

#[test]
fn an_election_tells_of_each_partition_what_became_of_it() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.once(|_, _, request: ElectLeadersRequest| {
            assert_eq!(request.election_type, 1);
            assert_eq!(request.topic_partitions.as_ref().unwrap()[0].partitions, [0, 1]);
            let result = |partition_id, error: ErrorCode| PartitionResult {
                partition_id,
                error_code: error.code(),
                ..Default::default()
            };
            let partition_result = vec![result(0, ErrorCode::None), result(1, ErrorCode::ElectionNotNeeded)];
            let topic = ReplicaElectionResult { topic: "t".into(), partition_result, ..Default::default() };
            Then::Answer(ElectLeadersResponse { replica_election_results: vec![topic], ..Default::default() })
        });
        let of = [partition(0), partition(1)];
        let results = admin(&cluster).elect_leaders(Election::Unclean, Some(&of)).await.unwrap();
        assert_eq!(results[0], (partition(0), Ok(())));
        assert_eq!(results[1].1.as_ref().unwrap_err().error_code(), Some(ErrorCode::ElectionNotNeeded));
    });
}

#[test]
fn replicas_are_moved_and_moves_are_called_off_and_listed() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.once(|_, _, request: AlterPartitionReassignmentsRequest| {
            let asked: Vec<_> = request.topics[0].partitions.iter().map(|p| p.replicas.clone()).collect();
            assert_eq!(asked, [Some(vec![2, 3]), None]);
            let result = |partition_index, error: ErrorCode| ReassignablePartitionResponse {
                partition_index,
                error_code: error.code(),
                ..Default::default()
            };
            let partitions = vec![result(0, ErrorCode::None), result(1, ErrorCode::NoReassignmentInProgress)];
            let topic = ReassignableTopicResponse { name: "t".into(), partitions, ..Default::default() };
            Then::Answer(AlterPartitionReassignmentsResponse { responses: vec![topic], ..Default::default() })
        });
        let admin = admin(&cluster);
        let wanted =
            BTreeMap::from([(partition(0), Reassignment::To(vec![2, 3])), (partition(1), Reassignment::Cancel)]);
        let results = admin.alter_reassignments(&wanted).await.unwrap();
        assert!(results[0].1.is_ok());
        assert_eq!(results[1].1.as_ref().unwrap_err().error_code(), Some(ErrorCode::NoReassignmentInProgress));
        cluster.once(|_, _, request: ListPartitionReassignmentsRequest| {
            assert!(request.topics.is_none());
            let ongoing = OngoingPartitionReassignment {
                replicas: vec![1, 2, 3],
                adding_replicas: vec![2, 3],
                removing_replicas: vec![1],
                ..Default::default()
            };
            let topic = OngoingTopicReassignment { name: "t".into(), partitions: vec![ongoing], ..Default::default() };
            Then::Answer(ListPartitionReassignmentsResponse { topics: vec![topic], ..Default::default() })
        });
        let ongoing = admin.list_reassignments(None).await.unwrap();
        assert_eq!(
            (&ongoing[0].topic_partition, &ongoing[0].adding, &ongoing[0].removing),
            (&partition(0), &vec![2, 3], &vec![1])
        );
    });
}

#[test]
fn features_are_described_and_changed_and_a_refusal_names_the_feature() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let client = cluster.client();
        client.any().await.unwrap();
        cluster.once(|world, _, _: ApiVersionsRequest| {
            let mut answer = world.api_versions();
            let name = "metadata.version";
            answer.supported_features =
                vec![SupportedFeatureKey { name: name.into(), min_version: 7, max_version: 30, ..Default::default() }];
            answer.finalized_features =
                vec![FinalizedFeatureKey { name: name.into(), max_version_level: 25, ..Default::default() }];
            answer.finalized_features_epoch = 12;
            Then::Answer(answer)
        });
        let admin = Admin::new(&client);
        let features = admin.describe_features(None).await.unwrap();
        assert_eq!(features.supported["metadata.version"], (7, 30));
        assert_eq!((features.finalized["metadata.version"], features.epoch), (25, 12));
        cluster.once(|_, _, request: UpdateFeaturesRequest| {
            let update = &request.feature_updates[0];
            assert_eq!((&*update.feature, update.max_version_level, update.upgrade_type), ("group.version", 0, 2));
            let error_code = ErrorCode::InvalidUpdateVersion.code();
            Then::Answer(UpdateFeaturesResponse { error_code, ..Default::default() })
        });
        let wanted = BTreeMap::from([("group.version".to_owned(), (0, FeatureChange::SafeDowngrade))]);
        let error = admin.update_features(&wanted, false).await.unwrap_err();
        assert_eq!(error.error_code(), Some(ErrorCode::InvalidUpdateVersion));
    });
}

/// It was tried again and again where nobody was left.
#[test]
fn administration_goes_on_when_the_broker_that_served_it_is_gone() {
    story(async {
        let cluster = FakeCluster::start(3, 1).await;
        let client = cluster.client();
        client.refresh(client::Wanted::All).await.unwrap();
        cluster.world().controller = Some(2);
        client.refresh(client::Wanted::All).await.unwrap();
        cluster.stop(2);
        cluster.once(|_, _, _: UnregisterBrokerRequest| Then::Answer(UnregisterBrokerResponse::default()));
        Admin::new(&client).unregister_broker(2).await.unwrap();
    });
}

/// The broker may be gone already: a second time it would be a stranger.
#[test]
fn a_broker_is_not_unregistered_twice() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.once(|_, _, request: UnregisterBrokerRequest| {
            assert_eq!(request.broker_id, 3);
            Then::Close
        });
        let error = admin(&cluster).unregister_broker(3).await.unwrap_err();
        assert!(matches!(error, ClientError::Lost { .. }), "{error}");
        cluster.once(|_, _, _: UnregisterBrokerRequest| Then::Answer(UnregisterBrokerResponse::default()));
        admin(&cluster).unregister_broker(3).await.unwrap();
        assert_eq!(cluster.count(ApiKey::UnregisterBroker), 2);
    });
}
