//! What goes wrong between a member of a classic group and its coordinator.

use super::fake::{FakeCluster, Then, World};
use super::group::{Heeds, config, member, partition, poll_until, put, read, reads};
use super::story;
use client::group::{GroupProtocol, Offsets};
use client::{CommittedOffset, GroupConfig, GroupConsumer};
use model::ErrorCode as E;
use protocol::ApiKey;
use protocol::messages::{
    FindCoordinatorRequest, FindCoordinatorResponse, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest,
    OffsetCommitRequest, OffsetFetchRequest, SyncGroupRequest, SyncGroupResponse,
};
use runtime::time::{Duration, Instant};

async fn reading(cluster: &FakeCluster, config: GroupConfig) -> (GroupConsumer, Heeds) {
    let heeds = Heeds::default();
    let mut reader = member(cluster, config);
    reader.set_listener(heeds.clone());
    poll_until("reading", &mut [&mut reader], |m| !reads(m[0]).is_empty()).await;
    heeds.take();
    (reader, heeds)
}

fn heartbeat(error: E) -> Then<HeartbeatResponse> {
    Then::Answer(HeartbeatResponse { error_code: error.code(), ..Default::default() })
}

#[test]
fn a_member_that_the_coordinator_does_not_know_any_more_has_lost_everything() {
    story(async {
        let cluster = FakeCluster::start(1, 2).await;
        let (mut reader, heeds) = reading(&cluster, config()).await;
        let id = cluster.world().group.ids()[0].clone();
        cluster.world().group.expel(&id);
        poll_until("a new id", &mut [&mut reader], |m| {
            !reads(m[0]).is_empty() && m[0].group_metadata().member_id != id
        })
        .await;
        assert_eq!(heeds.take(), ["lost [0, 1]", "assigned [0, 1]"]);
    });
}

#[test]
fn a_member_of_an_older_generation_has_lost_everything_but_its_id() {
    story(async {
        let cluster = FakeCluster::start(1, 2).await;
        let (mut reader, heeds) = reading(&cluster, config()).await;
        let id = reader.group_metadata().member_id;
        cluster.once(|_, _, _: HeartbeatRequest| heartbeat(E::IllegalGeneration));
        poll_until("a new generation", &mut [&mut reader], |m| m[0].group_metadata().generation == 2).await;
        poll_until("reading", &mut [&mut reader], |m| !reads(m[0]).is_empty()).await;
        assert_eq!(heeds.take(), ["lost [0, 1]", "assigned [0, 1]"]);
        assert_eq!(reader.group_metadata().member_id, id);
    });
}

#[test]
fn a_fenced_static_member_is_told_so_until_it_subscribes_again() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let named = GroupConfig { instance_id: Some("one".to_owned()), ..config() };
        let (mut reader, heeds) = reading(&cluster, named).await;
        cluster.once(|_, _, _: HeartbeatRequest| heartbeat(E::FencedInstanceId));
        let deadline = Instant::now() + Duration::from_secs(5);
        let error = loop {
            assert!(Instant::now() < deadline);
            if let Err(error) = reader.poll(Duration::from_millis(20)).await {
                break error;
            }
        };
        assert_eq!(error.error_code(), Some(E::FencedInstanceId));
        assert_eq!(reader.poll(Duration::ZERO).await, Err(error));
        assert_eq!(heeds.take(), ["lost [0]"]);
        reader.subscribe(&["t"]);
        poll_until("reading", &mut [&mut reader], |m| !reads(m[0]).is_empty()).await;
    });
}

#[test]
fn a_coordinator_that_moves_is_followed_and_nothing_is_lost() {
    story(async {
        let cluster = FakeCluster::start(2, 1).await;
        let (mut reader, heeds) = reading(&cluster, config()).await;
        cluster.world().coordinator = Some(2);
        let beats = |cluster: &FakeCluster| {
            let world = cluster.world();
            world.seen.iter().filter(|ask| ask.key() == ApiKey::Heartbeat && ask.node == 2).count()
        };
        let deadline = Instant::now() + Duration::from_secs(5);
        while beats(&cluster) < 2 {
            assert!(Instant::now() < deadline);
            reader.poll(Duration::from_millis(10)).await.unwrap();
        }
        reader.commit_offsets(Offsets::from([(partition(0), CommittedOffset::at(7))])).await.unwrap();
        assert_eq!(heeds.take(), Vec::<String>::new());
        cluster.world().coordinator = Some(1);
        reader.commit_offsets(Offsets::from([(partition(0), CommittedOffset::at(8))])).await.unwrap();
        assert_eq!(cluster.world().committed[&("t".to_owned(), 0)].0, 8);
    });
}

#[test]
fn what_a_coordinator_says_while_it_starts_is_waited_for() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        put(&cluster, 0, &["a"]);
        let loading = E::CoordinatorLoadInProgress;
        cluster.once(|_, _, _: FindCoordinatorRequest| {
            let told = protocol::messages::find_coordinator::Coordinator {
                key: "g".into(),
                node_id: -1,
                port: -1,
                error_code: E::CoordinatorNotAvailable.code(),
                ..Default::default()
            };
            Then::Answer(FindCoordinatorResponse { coordinators: vec![told], ..Default::default() })
        });
        cluster.times(2, move |_, _, _: JoinGroupRequest| Then::Answer(World::refuse_join(loading)));
        cluster.once(|_, _, _: JoinGroupRequest| Then::Close);
        cluster.once(|_, _, _: SyncGroupRequest| {
            let error_code = E::RebalanceInProgress.code();
            Then::Answer(SyncGroupResponse { error_code, ..Default::default() })
        });
        cluster.once(move |world, ask, request: OffsetFetchRequest| {
            let mut answer = world.offset_fetch(ask, &request);
            answer.groups[0].error_code = loading.code();
            Then::Answer(answer)
        });
        cluster.once(|world, ask, request: OffsetFetchRequest| {
            let mut answer = world.offset_fetch(ask, &request);
            answer.groups[0].topics[0].partitions[0].error_code = E::UnstableOffsetCommit.code();
            Then::Answer(answer)
        });
        let mut reader = member(&cluster, config());
        assert_eq!(read(&mut reader, 1).await, ["a"]);
        assert!(cluster.seen::<OffsetFetchRequest>().iter().all(|request| request.require_stable));
    });
}

#[test]
fn what_no_attempt_can_help_is_told() {
    story(async {
        for error in [E::InconsistentGroupProtocol, E::GroupAuthorizationFailed, E::GroupMaxSizeReached] {
            let cluster = FakeCluster::start(1, 1).await;
            cluster.once(move |_, _, _: JoinGroupRequest| Then::Answer(World::refuse_join(error)));
            let mut reader = member(&cluster, config());
            let told = loop {
                if let Err(error) = reader.poll(Duration::from_millis(50)).await {
                    break error;
                }
            };
            assert_eq!(told.error_code(), Some(error), "{told}");
        }
    });
}

#[test]
fn a_commit_that_may_have_worked_is_not_told_to_have_failed() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let (mut reader, _) = reading(&cluster, config()).await;
        cluster.once(|world, ask, request: OffsetCommitRequest| {
            world.offset_commit(ask, &request);
            Then::Close
        });
        cluster.once(|_, _, request: OffsetCommitRequest| {
            Then::Answer(World::commit_answer(&request, E::IllegalGeneration))
        });
        let error = reader.commit_offsets(Offsets::from([(partition(0), CommittedOffset::at(7))])).await.unwrap_err();
        assert_eq!(error.error_code(), Some(E::IllegalGeneration));
        assert!(error.may_have_happened(), "{error}");
        for refusal in [E::RebalanceInProgress, E::UnknownMemberId, E::FencedInstanceId, E::OffsetMetadataTooLarge] {
            cluster
                .once(move |_, _, request: OffsetCommitRequest| Then::Answer(World::commit_answer(&request, refusal)));
            let offsets = Offsets::from([(partition(0), CommittedOffset::at(7))]);
            let error = reader.commit_offsets(offsets).await.unwrap_err();
            assert_eq!((error.error_code(), error.may_have_happened()), (Some(refusal), false));
        }
    });
}

#[test]
fn a_commit_of_an_eager_member_is_not_carried_into_the_next_generation() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let (mut reader, _) = reading(&cluster, config()).await;
        cluster.world().group.rebalance();
        // It is refused until the group has gone on, and must not succeed then.
        cluster.times(200, |world, _, request: OffsetCommitRequest| {
            let is_over = world.group.generation > request.generation_id_or_member_epoch;
            let error = if is_over { E::IllegalGeneration } else { E::CoordinatorLoadInProgress };
            Then::Answer(World::commit_answer(&request, error))
        });
        let pending = reader.start_commit(Offsets::from([(partition(0), CommittedOffset::at(7))]));
        poll_until("the next generation", &mut [&mut reader], |m| m[0].group_metadata().generation == 2).await;
        let error = pending.wait().await.unwrap_err();
        assert_eq!(error.error_code(), Some(E::IllegalGeneration));
        let generations: Vec<i32> =
            cluster.seen::<OffsetCommitRequest>().iter().map(|r| r.generation_id_or_member_epoch).collect();
        assert!(generations.iter().all(|generation| *generation == 1), "{generations:?}");
    });
}

#[test]
fn an_old_coordinator_is_spoken_to_in_its_versions() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        put(&cluster, 0, &["a"]);
        let old =
            [(ApiKey::FindCoordinator, 2), (ApiKey::JoinGroup, 3), (ApiKey::SyncGroup, 1), (ApiKey::Heartbeat, 1)];
        cluster.world().newest.extend(old);
        cluster.world().newest.extend([(ApiKey::OffsetCommit, 5), (ApiKey::OffsetFetch, 9)]);
        let mut reader = member(&cluster, config());
        assert_eq!(read(&mut reader, 1).await, ["a"]);
        reader.commit().await.unwrap();
        assert_eq!(&*cluster.seen::<OffsetCommitRequest>()[0].topics[0].name, "t");
        let named = GroupConfig { instance_id: Some("one".to_owned()), ..config() };
        let mut reader = member(&cluster, named);
        let error = loop {
            if let Err(error) = reader.poll(Duration::from_millis(50)).await {
                break error;
            }
        };
        assert!(matches!(error, client::ClientError::Unsupported { .. }), "{error}");
    });
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let wrong = GroupConfig { assignors: Vec::new(), ..config() };
        assert!(GroupConsumer::new(&cluster.client(), wrong.clone()).is_err());
        let modern = GroupConfig { protocol: GroupProtocol::Consumer, ..wrong };
        assert!(GroupConsumer::new(&cluster.client(), modern).is_ok());
    });
}
