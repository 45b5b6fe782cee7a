//! Administration of groups: coordinators that are found together, that move, and that are not ready.

use super::fake::{Ask, FakeCluster, Then, World};
use super::story;
use client::group::Offsets;
use client::{Admin, CommittedOffset};
use model::{ErrorCode, TopicPartition};
use protocol::ApiKey;
use protocol::messages::consumer_group_describe::{self, Assignment, Member, TopicPartitions};
use protocol::messages::delete_groups::DeletableGroupResult;
use protocol::messages::describe_groups::{self, DescribedGroupMember};
use protocol::messages::list_groups::ListedGroup;
use protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DeleteGroupsRequest, DeleteGroupsResponse,
    DescribeClusterRequest, DescribeClusterResponse, DescribeGroupsRequest, DescribeGroupsResponse,
    FindCoordinatorRequest, ListGroupsRequest, ListGroupsResponse, OffsetCommitRequest,
};

fn deleted(request: &DeleteGroupsRequest, error: ErrorCode) -> Then<DeleteGroupsResponse> {
    let result = |group_id: &protocol::Text| DeletableGroupResult {
        group_id: group_id.clone(),
        error_code: error.code(),
        ..Default::default()
    };
    Then::Answer(DeleteGroupsResponse {
        results: request.groups_names.iter().map(result).collect(),
        ..Default::default()
    })
}

#[test]
fn many_groups_are_found_at_once_and_each_coordinator_is_asked_once() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.once(|_, _, request: DeleteGroupsRequest| deleted(&request, ErrorCode::None));
        let results = Admin::new(&cluster.client()).delete_groups(&["b", "a", "b"]).await;
        assert_eq!(results.values().collect::<Vec<_>>(), [&Ok(()), &Ok(())]);
        assert_eq!(cluster.seen::<FindCoordinatorRequest>()[0].coordinator_keys.len(), 2);
        assert_eq!((cluster.count(ApiKey::FindCoordinator), cluster.count(ApiKey::DeleteGroups)), (1, 1));
    });
}

#[test]
fn only_groups_whose_coordinator_is_elsewhere_or_not_ready_are_asked_about_again() {
    story(async {
        let cluster = FakeCluster::start(2, 1).await;
        cluster.once(|world, _, request: DeleteGroupsRequest| {
            world.coordinator = Some(2);
            let Then::Answer(mut answer) = deleted(&request, ErrorCode::NotCoordinator) else { unreachable!() };
            answer.results[0].error_code = ErrorCode::NonEmptyGroup.code();
            Then::Answer(answer)
        });
        cluster.once(|_, ask: &Ask, request: DeleteGroupsRequest| {
            assert_eq!((ask.node, request.groups_names.len()), (2, 1));
            deleted(&request, ErrorCode::CoordinatorLoadInProgress)
        });
        cluster.once(|_, _, request: DeleteGroupsRequest| deleted(&request, ErrorCode::None));
        let results = Admin::new(&cluster.client()).delete_groups(&["a", "b"]).await;
        let code = |group: &str| results[group].as_ref().err().and_then(client::ClientError::error_code);
        assert_eq!((code("a"), code("b")), (Some(ErrorCode::NonEmptyGroup), None));
    });
}

#[test]
fn old_brokers_find_one_coordinator_at_a_time() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.world().newest.insert(ApiKey::FindCoordinator, 3);
        cluster.once(|_, _, request: DeleteGroupsRequest| deleted(&request, ErrorCode::None));
        let results = Admin::new(&cluster.client()).delete_groups(&["a", "b"]).await;
        assert!(results.values().all(Result::is_ok));
        let keys: Vec<String> = cluster.seen::<FindCoordinatorRequest>().iter().map(|r| r.key.to_string()).collect();
        assert_eq!(keys, ["a", "b"]);
    });
}

#[test]
fn groups_of_both_kinds_are_described_and_those_that_are_not_there_are_told() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.once(|world, _, request: ConsumerGroupDescribeRequest| {
            let topic = TopicPartitions {
                topic_id: world.topics["t"].id,
                topic_name: "t".into(),
                partitions: vec![0],
                ..Default::default()
            };
            let assignment = Assignment { topic_partitions: vec![topic], ..Default::default() };
            let member = Member {
                member_id: "m".into(),
                member_epoch: 3,
                assignment,
                client_id: "c".into(),
                ..Default::default()
            };
            let group = |group_id: &protocol::Text| {
                let is_modern = *group_id == "modern";
                let error = if is_modern { ErrorCode::None } else { ErrorCode::GroupIdNotFound };
                consumer_group_describe::DescribedGroup {
                    group_id: group_id.clone(),
                    error_code: error.code(),
                    group_state: "Stable".into(),
                    members: vec![member.clone()],
                    ..Default::default()
                }
            };
            let groups = request.group_ids.iter().map(group).collect();
            Then::Answer(ConsumerGroupDescribeResponse { groups, ..Default::default() })
        });
        cluster.once(|_, _, request: DescribeGroupsRequest| {
            let names: Vec<&str> = request.groups.iter().map(|group| &**group).collect();
            assert_eq!(names, ["classic", "nothing"]);
            let member = DescribedGroupMember { member_id: "m".into(), ..Default::default() };
            let classic = describe_groups::DescribedGroup {
                group_id: "classic".into(),
                group_state: "Stable".into(),
                protocol_type: "consumer".into(),
                protocol_data: "range".into(),
                members: vec![member],
                ..Default::default()
            };
            let nothing = describe_groups::DescribedGroup {
                group_id: "nothing".into(),
                group_state: "Dead".into(),
                error_code: ErrorCode::GroupIdNotFound.code(),
                ..Default::default()
            };
            Then::Answer(DescribeGroupsResponse { groups: vec![classic, nothing], ..Default::default() })
        });
        let described = Admin::new(&cluster.client()).describe_groups(&["modern", "classic", "nothing"]).await;
        let modern = described["modern"].as_ref().unwrap();
        let reads: Vec<String> = modern.members[0].reads.iter().flatten().map(ToString::to_string).collect();
        assert_eq!((modern.is_consumer, modern.members[0].epoch, reads), (true, 3, vec!["t-0".to_owned()]));
        let classic = described["classic"].as_ref().unwrap();
        assert_eq!((classic.is_consumer, classic.assignor.as_str(), classic.members.len()), (false, "range", 1));
        let missing = described["nothing"].as_ref().unwrap_err();
        assert_eq!(missing.error_code(), Some(ErrorCode::GroupIdNotFound));
    });
}

#[test]
fn every_broker_tells_its_groups_and_one_that_does_not_is_told() {
    story(async {
        let cluster = FakeCluster::start(2, 1).await;
        cluster.once(|world, _, _: DescribeClusterRequest| {
            let broker = |node: &protocol::messages::metadata::MetadataResponseBroker| {
                protocol::messages::describe_cluster::DescribeClusterBroker {
                    broker_id: node.node_id,
                    host: node.host.clone(),
                    port: node.port,
                    ..Default::default()
                }
            };
            let known = world.metadata(&Default::default());
            let brokers = known.brokers.iter().map(broker).collect();
            Then::Answer(DescribeClusterResponse { brokers, ..Default::default() })
        });
        cluster.times(2, |_, ask, request: ListGroupsRequest| {
            assert_eq!(request.states_filter, ["Stable"]);
            let denied = ask.node == 2;
            let group = ListedGroup { group_id: "g".into(), group_type: "Classic".into(), ..Default::default() };
            Then::Answer(ListGroupsResponse {
                error_code: if denied { ErrorCode::ClusterAuthorizationFailed.code() } else { 0 },
                groups: if denied { Vec::new() } else { vec![group] },
                ..Default::default()
            })
        });
        let (groups, failures) = Admin::new(&cluster.client()).list_groups(&["Stable"], &[]).await.unwrap();
        assert_eq!(groups.iter().map(|group| (&*group.group_id, &*group.kind)).collect::<Vec<_>>(), [("g", "classic")]);
        assert_eq!(failures.keys().copied().collect::<Vec<_>>(), [2]);
    });
}

#[test]
fn offsets_are_moved_by_who_is_no_member_and_refusals_are_told_by_partition() {
    story(async {
        let cluster = FakeCluster::start(1, 2).await;
        let client = cluster.client();
        let wanted: Offsets = (0..2).map(|number| (TopicPartition::new("t", number), CommittedOffset::at(7))).collect();
        cluster.once(|_, _, request: OffsetCommitRequest| {
            Then::Answer(World::commit_answer(&request, ErrorCode::CoordinatorLoadInProgress))
        });
        let results = Admin::new(&client).alter_group_offsets("g", &wanted).await.unwrap();
        assert!(results.len() == 2 && results.values().all(Result::is_ok));
        assert_eq!(cluster.world().committed[&("t".to_owned(), 1)].0, 7);
        let request = &cluster.seen::<OffsetCommitRequest>()[0];
        assert_eq!((&*request.member_id, request.generation_id_or_member_epoch), ("", -1));
        cluster.once(|_, _, request: OffsetCommitRequest| {
            Then::Answer(World::commit_answer(&request, ErrorCode::UnknownMemberId))
        });
        let results = Admin::new(&client).alter_group_offsets("g", &wanted).await.unwrap();
        let codes: Vec<_> = results.values().map(|r| r.as_ref().unwrap_err().error_code()).collect();
        assert_eq!(codes, [Some(ErrorCode::UnknownMemberId); 2]);
    });
}
