//! Members of consumer groups (KIP-848): what the coordinator says, and what it is told.

use super::fake::{FakeCluster, Then, World};
use super::group::{self, Heeds, member, partition, poll_until, put, read, reads};
use super::story;
use client::group::GroupProtocol;
use client::{GroupConfig, GroupConsumer};
use model::ErrorCode as E;
use protocol::ApiKey;
use protocol::messages::{ConsumerGroupHeartbeatRequest, OffsetCommitRequest};
use runtime::time::{Duration, Instant};
use std::collections::BTreeSet;

fn config() -> GroupConfig {
    GroupConfig { protocol: GroupProtocol::Consumer, ..group::config() }
}

async fn reading(cluster: &FakeCluster, of: &[i32], config: GroupConfig) -> (GroupConsumer, Heeds) {
    cluster.world().consumers.target = of.iter().copied().collect();
    let heeds = Heeds { commits: config.auto_commit.is_none(), ..Heeds::default() };
    let mut reader = member(cluster, config);
    reader.set_listener(heeds.clone());
    poll_until("reading", &mut [&mut reader], |m| reads(m[0]) == of).await;
    heeds.take();
    (reader, heeds)
}

/// Polls until the coordinator knows that it reads these.
async fn acknowledges(cluster: &FakeCluster, reader: &mut GroupConsumer, of: &[i32]) {
    let of: BTreeSet<i32> = of.iter().copied().collect();
    let deadline = Instant::now() + Duration::from_secs(5);
    while cluster.world().consumers.only().reads != of {
        assert!(Instant::now() < deadline, "{:?}", cluster.world().consumers.only().reads);
        reader.poll(Duration::from_millis(5)).await.unwrap();
    }
}

#[test]
fn what_the_coordinator_assigns_is_read_and_acknowledged() {
    story(async {
        let cluster = FakeCluster::start(1, 3).await;
        let (mut reader, heeds) = reading(&cluster, &[0, 1], config()).await;
        put(&cluster, 0, &["a"]);
        assert_eq!(read(&mut reader, 1).await, ["a"]);
        acknowledges(&cluster, &mut reader, &[0, 1]).await;
        cluster.world().consumers.only().target = BTreeSet::from([1, 2]);
        poll_until("the change", &mut [&mut reader], |m| reads(m[0]) == [1, 2]).await;
        assert_eq!(heeds.take(), ["revoked [0]", "assigned [2]"]);
        assert_eq!(cluster.world().committed[&("t".to_owned(), 0)].0, 1, "committed before it let go");
        acknowledges(&cluster, &mut reader, &[1, 2]).await;
        reader.close().await;
        assert_eq!(cluster.world().consumers.left.iter().map(|(_, epoch)| *epoch).collect::<Vec<_>>(), [-1]);
    });
}

#[test]
fn nothing_is_acknowledged_before_the_consumer_let_go_of_it() {
    story(async {
        let cluster = FakeCluster::start(1, 2).await;
        let (mut reader, _) = reading(&cluster, &[0, 1], config()).await;
        acknowledges(&cluster, &mut reader, &[0, 1]).await;
        cluster.world().consumers.only().target = BTreeSet::from([0]);
        let beats = cluster.count(ApiKey::ConsumerGroupHeartbeat);
        cluster
            .wait_until("heartbeats", |world| {
                world.seen.iter().filter(|ask| ask.key() == ApiKey::ConsumerGroupHeartbeat).count() > beats + 4
            })
            .await;
        assert_eq!(cluster.world().consumers.only().reads, BTreeSet::from([0, 1]), "nobody polled");
        acknowledges(&cluster, &mut reader, &[0]).await;
    });
}

/// It had been assigned partitions and not been polled since, when it told everything anew: that it read nothing. What it
/// was to give up was given to another at once, and read by both after the next poll (groups seed 120).
#[test]
fn what_was_assigned_and_not_polled_for_is_not_given_to_others() {
    story(async {
        let cluster = FakeCluster::start(1, 2).await;
        let (mut reader, _) = reading(&cluster, &[0], config()).await;
        acknowledges(&cluster, &mut reader, &[0]).await;
        cluster.world().consumers.only().target = BTreeSet::from([0, 1]);
        let beats = cluster.count(ApiKey::ConsumerGroupHeartbeat);
        let beaten = |world: &World, more: usize| {
            world.seen.iter().filter(|ask| ask.key() == ApiKey::ConsumerGroupHeartbeat).count() > beats + more
        };
        cluster.wait_until("the assignment", |world| beaten(world, 2)).await;
        assert_eq!(cluster.world().consumers.only().reads, BTreeSet::from([0]), "it is not acknowledged yet");
        cluster.once(|_, _, _: ConsumerGroupHeartbeatRequest| Then::Close);
        cluster.wait_until("all to be told anew", |world| beaten(world, 6)).await;
        assert_eq!(cluster.world().consumers.only().reads, BTreeSet::from([0, 1]), "nobody polled");
        acknowledges(&cluster, &mut reader, &[0, 1]).await;
    });
}

/// It was given a partition, and not any more before it could say that it read it: the coordinator waits for its word that
/// it does not, and took the member for stuck when that did not come.
#[test]
fn what_was_assigned_and_taken_back_is_acknowledged_all_the_same() {
    story(async {
        let cluster = FakeCluster::start(1, 2).await;
        let (mut reader, _) = reading(&cluster, &[0], config()).await;
        acknowledges(&cluster, &mut reader, &[0]).await;
        let beats = |world: &World| world.seen.iter().filter(|ask| ask.key() == ApiKey::ConsumerGroupHeartbeat).count();
        for target in [vec![0, 1], vec![0]] {
            cluster.world().consumers.only().target = target.into_iter().collect();
            let before = cluster.count(ApiKey::ConsumerGroupHeartbeat);
            cluster.wait_until("the assignment", |world| beats(world) > before + 2).await;
        }
        let before = cluster.count(ApiKey::ConsumerGroupHeartbeat);
        let deadline = Instant::now() + Duration::from_secs(10);
        while !cluster.seen::<ConsumerGroupHeartbeatRequest>()[before..]
            .iter()
            .any(|ask| ask.topic_partitions.is_some())
        {
            assert!(Instant::now() < deadline, "it never said what it reads");
            reader.poll(Duration::from_millis(5)).await.unwrap();
        }
        assert_eq!(cluster.world().consumers.only().reads, BTreeSet::from([0]));
    });
}

/// Polls until so many heartbeats came in all; what the coordinator was told in them.
async fn heartbeats(
    cluster: &FakeCluster,
    reader: &mut GroupConsumer,
    count: usize,
) -> Vec<ConsumerGroupHeartbeatRequest> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while cluster.count(ApiKey::ConsumerGroupHeartbeat) < count {
        assert!(Instant::now() < deadline, "{count} heartbeats did not come");
        reader.poll(Duration::from_millis(5)).await.unwrap();
    }
    cluster.seen()
}

#[test]
fn only_what_changes_is_told_again() {
    story(async {
        let cluster = FakeCluster::start(1, 2).await;
        let (mut reader, _) = reading(&cluster, &[0], config()).await;
        acknowledges(&cluster, &mut reader, &[0]).await;
        let first = &cluster.seen::<ConsumerGroupHeartbeatRequest>()[0];
        assert_eq!((first.member_epoch, first.rebalance_timeout_ms), (0, 300_000));
        assert_eq!(first.subscribed_topic_names.as_ref().map(|names| names.len()), Some(1));
        assert_eq!(first.topic_partitions, Some(Vec::new()));
        let silent = |request: &ConsumerGroupHeartbeatRequest| {
            request.subscribed_topic_names.is_none()
                && request.topic_partitions.is_none()
                && request.rebalance_timeout_ms == -1
        };
        let before = cluster.count(ApiKey::ConsumerGroupHeartbeat);
        let later = &heartbeats(&cluster, &mut reader, before + 2).await[before..];
        assert!(later.iter().all(silent), "{later:?}");
        // After an answer that was lost everything is told again. It may be that of a later heartbeat than the next.
        let before = cluster.count(ApiKey::ConsumerGroupHeartbeat);
        cluster.once(|_, _, _: ConsumerGroupHeartbeatRequest| Then::Close);
        let mut all = heartbeats(&cluster, &mut reader, before + 3).await;
        while all[before..all.len() - 1].iter().all(silent) {
            all = heartbeats(&cluster, &mut reader, all.len() + 1).await;
        }
        let later = &all[before..];
        let at = later.iter().position(|request| !silent(request)).expect("just looked at");
        let again = &later[at];
        assert!(again.subscribed_topic_names.is_some() && again.member_epoch == 1, "{later:?}");
        assert!(at > 0 && silent(&later[at + 1]), "{later:?}");
        assert_eq!(again.topic_partitions.as_ref().map(|topics| topics[0].partitions.clone()), Some(vec![0]));
    });
}

#[test]
fn a_fenced_member_has_lost_everything_and_joins_again_as_itself() {
    story(async {
        // The last: its group was removed while it was empty, or went over to the classic protocol without it.
        for error in [E::FencedMemberEpoch, E::UnknownMemberId, E::GroupIdNotFound] {
            let cluster = FakeCluster::start(1, 1).await;
            let (mut reader, heeds) = reading(&cluster, &[0], config()).await;
            let id = reader.group_metadata().member_id;
            cluster.once(move |_, _, _: ConsumerGroupHeartbeatRequest| Then::Answer(World::refuse_consumer(error)));
            let deadline = Instant::now() + Duration::from_secs(5);
            while heeds.heard.lock().unwrap().len() < 2 {
                assert!(Instant::now() < deadline);
                reader.poll(Duration::from_millis(5)).await.unwrap();
            }
            assert_eq!(heeds.take(), ["lost [0]", "assigned [0]"]);
            assert_eq!(reader.group_metadata().member_id, id);
        }
    });
}

#[test]
fn a_pattern_is_for_the_coordinator_and_an_old_one_gets_names() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.world().add_topic("u", 1);
        let mut reader = GroupConsumer::new(&cluster.client(), config()).unwrap();
        reader.subscribe_pattern("t|x").unwrap();
        poll_until("joining", &mut [&mut reader], |m| m[0].group_metadata().generation > 0).await;
        let first = &cluster.seen::<ConsumerGroupHeartbeatRequest>()[0];
        assert_eq!(first.subscribed_topic_regex.as_deref(), Some("t|x"));
        reader.close().await;
        cluster.world().newest.insert(ApiKey::ConsumerGroupHeartbeat, 0);
        let before = cluster.count(ApiKey::ConsumerGroupHeartbeat);
        let mut reader = GroupConsumer::new(&cluster.client(), config()).unwrap();
        reader.subscribe_pattern("t|x").unwrap();
        poll_until("joining", &mut [&mut reader], |m| m[0].group_metadata().generation > 0).await;
        let first = &cluster.seen::<ConsumerGroupHeartbeatRequest>()[before];
        assert_eq!(first.subscribed_topic_names, Some(vec!["t".into()]));
    });
}

#[test]
fn a_stale_epoch_is_waited_out_and_the_commit_made_as_who_the_member_has_become() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let (mut reader, _) = reading(&cluster, &[0], config()).await;
        put(&cluster, 0, &["a"]);
        read(&mut reader, 1).await;
        cluster.times(2, |_, _, request: OffsetCommitRequest| {
            Then::Answer(World::commit_answer(&request, E::StaleMemberEpoch))
        });
        reader.commit().await.unwrap();
        assert_eq!(cluster.world().committed[&("t".to_owned(), 0)].0, 1);
        assert!(reader.committed(&[partition(0)]).await.unwrap()[&partition(0)].is_some());
    });
}

#[test]
fn a_static_member_says_that_it_will_be_back_and_a_stuck_one_leaves() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let named = GroupConfig { instance_id: Some("one".to_owned()), ..config() };
        let (reader, _) = reading(&cluster, &[0], named).await;
        reader.close().await;
        let stuck = GroupConfig { max_poll_interval: Duration::from_millis(100), ..config() };
        let (mut reader, heeds) = reading(&cluster, &[0], stuck).await;
        cluster.wait_until("leaving", |world| world.consumers.members.is_empty()).await;
        poll_until("coming back", &mut [&mut reader], |m| m[0].group_metadata().generation > 0).await;
        poll_until("reading", &mut [&mut reader], |m| reads(m[0]) == [0]).await;
        assert_eq!(heeds.take(), ["lost [0]", "assigned [0]"]);
        let epochs: Vec<i32> = cluster.world().consumers.left.iter().map(|(_, epoch)| *epoch).collect();
        assert_eq!(epochs, [-2, -1]);
    });
}

#[test]
fn what_the_coordinator_refuses_for_good_is_told() {
    story(async {
        for error in [E::UnsupportedAssignor, E::UnreleasedInstanceId, E::GroupMaxSizeReached] {
            let cluster = FakeCluster::start(1, 1).await;
            cluster.once(move |_, _, _: ConsumerGroupHeartbeatRequest| Then::Answer(World::refuse_consumer(error)));
            let mut reader = member(&cluster, config());
            let told = loop {
                if let Err(error) = reader.poll(Duration::from_millis(50)).await {
                    break error;
                }
            };
            assert_eq!(told.error_code(), Some(error));
        }
    });
}
