//! Members of classic groups: who reads what, what is committed, and what listeners hear.

use super::consumer;
use super::fake::{FakeCluster, Then, World};
use super::story;
use client::group::assignors::Assignor;
use client::group::{Heard, Offsets};
use client::{CommittedOffset, GroupConfig, GroupConsumer, Membership, OffsetReset, RebalanceListener};
use model::{ErrorCode, TopicPartition};
use protocol::ApiKey;
use protocol::messages::{FetchRequest, JoinGroupRequest, LeaveGroupRequest, OffsetCommitRequest};
use runtime::time::{Duration, Instant, sleep};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

pub use consumer::{partition, put, value};

pub fn config() -> GroupConfig {
    GroupConfig {
        heartbeat_interval: Duration::from_millis(20),
        auto_commit: None,
        consumer: consumer::config(),
        ..GroupConfig::of("g")
    }
}

/// A member that wants to read topic `t`.
pub fn member(cluster: &FakeCluster, config: GroupConfig) -> GroupConsumer {
    let mut member = GroupConsumer::new(&cluster.client(), config).unwrap();
    member.subscribe(&["t"]);
    member
}

/// Polls until so many records came.
pub async fn read(member: &mut GroupConsumer, count: usize) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut values = Vec::new();
    while values.len() < count {
        assert!(Instant::now() < deadline, "only {values:?} came");
        values.extend(member.poll(Duration::from_millis(20)).await.unwrap().iter().map(value));
    }
    values
}

/// Partitions of topic `t`.
pub fn reads(member: &GroupConsumer) -> Vec<i32> {
    member.assignment().map(|of| of.partition).collect()
}

/// Polls all of them in turn until it is so.
pub async fn poll_until(what: &str, members: &mut [&mut GroupConsumer], so: impl Fn(&[&mut GroupConsumer]) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !so(members) {
        let stand: Vec<Vec<i32>> = members.iter().map(|member| reads(member)).collect();
        assert!(Instant::now() < deadline, "{what} did not come about: {stand:?}");
        for member in members.iter_mut() {
            member.poll(Duration::from_millis(5)).await.unwrap();
        }
    }
}

/// Writes down what it hears.
#[derive(Clone, Default)]
pub struct Heeds {
    pub heard: Arc<Mutex<Vec<String>>>,
    /// Commits what was polled before partitions are taken away.
    pub commits: bool,
}

impl Heeds {
    fn hears(&self, what: &str, partitions: &[TopicPartition]) {
        let numbers: Vec<i32> = partitions.iter().map(|of| of.partition).collect();
        self.heard.lock().unwrap().push(format!("{what} {numbers:?}"));
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

impl RebalanceListener for Heeds {
    fn on_partitions_revoked<'a>(&'a mut self, member: &'a mut Membership, of: &'a [TopicPartition]) -> Heard<'a> {
        self.hears("revoked", of);
        Box::pin(async move {
            if self.commits {
                member.commit().await.unwrap();
            }
        })
    }

    fn on_partitions_assigned<'a>(&'a mut self, _: &'a mut Membership, of: &'a [TopicPartition]) -> Heard<'a> {
        self.hears("assigned", of);
        Box::pin(async {})
    }

    fn on_partitions_lost<'a>(&'a mut self, _: &'a mut Membership, of: &'a [TopicPartition]) -> Heard<'a> {
        self.hears("lost", of);
        Box::pin(async {})
    }
}

fn committed(cluster: &FakeCluster, partition: i32) -> Option<(i64, i32)> {
    let world = cluster.world();
    world.committed.get(&("t".to_owned(), partition)).map(|(offset, epoch, _)| (*offset, *epoch))
}

#[test]
fn a_lonely_member_reads_everything_and_goes_on_where_it_committed() {
    story(async {
        let cluster = FakeCluster::start(1, 2).await;
        put(&cluster, 0, &["a", "b"]);
        put(&cluster, 1, &["c"]);
        let mut first = member(&cluster, config());
        let mut values = read(&mut first, 3).await;
        values.sort();
        assert_eq!((values, reads(&first)), (vec!["a".into(), "b".into(), "c".into()], vec![0, 1]));
        first.commit().await.unwrap();
        assert_eq!((committed(&cluster, 0), committed(&cluster, 1)), (Some((2, 3)), Some((1, 3))), "with the epoch");
        let found = first.committed(&[partition(0)]).await.unwrap();
        assert_eq!(found[&partition(0)].as_ref().map(|offset| offset.offset), Some(2));
        first.close().await;
        assert!(cluster.world().group.members.is_empty(), "it left");
        put(&cluster, 0, &["d"]);
        let before = cluster.count(ApiKey::Fetch);
        let mut second = member(&cluster, config());
        assert_eq!(read(&mut second, 1).await, ["d"]);
        let fetch = &cluster.seen::<FetchRequest>()[before];
        // The leader is told which epoch was read last, so a log that was cut is noticed.
        let told = fetch.topics[0].partitions.iter().find(|p| p.partition == 0).unwrap();
        assert_eq!((told.fetch_offset, told.last_fetched_epoch), (2, 3));
    });
}

#[test]
fn two_members_share_and_one_takes_over_what_the_other_leaves() {
    story(async {
        let cluster = FakeCluster::start(1, 4).await;
        let (mut a, mut b) = (member(&cluster, config()), member(&cluster, config()));
        poll_until("sharing", &mut [&mut a, &mut b], |m| reads(m[0]).len() == 2 && reads(m[1]).len() == 2).await;
        let all: BTreeSet<i32> = reads(&a).into_iter().chain(reads(&b)).collect();
        assert_eq!(all.len(), 4);
        b.close().await;
        poll_until("taking over", &mut [&mut a], |m| reads(m[0]).len() == 4).await;
        let left = cluster.seen::<LeaveGroupRequest>();
        assert!(left[0].members[0].reason.is_some() && left.len() == 1);
    });
}

#[test]
fn an_eager_member_lets_go_of_all_before_it_joins_and_may_commit_first() {
    story(async {
        let cluster = FakeCluster::start(1, 2).await;
        put(&cluster, 0, &["a", "b"]);
        let heeds = Heeds { commits: true, ..Heeds::default() };
        let mut a = member(&cluster, config());
        a.set_listener(heeds.clone());
        read(&mut a, 2).await;
        assert_eq!(heeds.take(), ["assigned [0, 1]"]);
        let mut b = member(&cluster, config());
        poll_until("sharing", &mut [&mut a, &mut b], |m| reads(m[0]) == [0] && reads(m[1]) == [1]).await;
        assert_eq!(heeds.take(), ["revoked [0, 1]", "assigned [0]"]);
        assert_eq!(committed(&cluster, 0), Some((2, 3)));
    });
}

#[test]
fn a_cooperative_member_keeps_what_nobody_else_is_to_have() {
    story(async {
        let cluster = FakeCluster::start(1, 4).await;
        let cooperative = GroupConfig { assignors: vec![Assignor::CooperativeSticky], ..config() };
        let heeds = Heeds::default();
        let mut a = member(&cluster, cooperative.clone());
        a.set_listener(heeds.clone());
        poll_until("reading", &mut [&mut a], |m| reads(m[0]).len() == 4).await;
        heeds.take();
        let mut b = member(&cluster, cooperative);
        let shared = |m: &[&mut GroupConsumer]| reads(m[0]) == [0, 1] && reads(m[1]) == [2, 3];
        poll_until("sharing", &mut [&mut a, &mut b], shared).await;
        let heard = heeds.take();
        assert_eq!(heard[..2], ["revoked [2, 3]", "assigned []"], "{heard:?}");
        assert!(heard.iter().filter(|what| what.starts_with("revoked")).count() == 1, "{heard:?}");
    });
}

#[test]
fn what_was_polled_is_committed_by_itself_in_time_and_at_the_end() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        put(&cluster, 0, &["a"]);
        let auto = GroupConfig { auto_commit: Some(Duration::from_millis(30)), ..config() };
        let mut reader = member(&cluster, auto.clone());
        read(&mut reader, 1).await;
        // What the last poll gave out is done only when the next one is called.
        assert_eq!(committed(&cluster, 0).unwrap_or((0, -1)).0, 0);
        let deadline = Instant::now() + Duration::from_secs(30);
        while committed(&cluster, 0) != Some((1, 3)) {
            assert!(Instant::now() < deadline, "{:?}", committed(&cluster, 0));
            reader.poll(Duration::from_millis(5)).await.unwrap();
        }
        put(&cluster, 0, &["b"]);
        read(&mut reader, 1).await;
        reader.close().await;
        assert_eq!(committed(&cluster, 0), Some((2, 3)));
    });
}

#[test]
fn commits_stay_in_the_order_in_which_they_were_started() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let mut reader = member(&cluster, config());
        poll_until("reading", &mut [&mut reader], |m| reads(m[0]) == [0]).await;
        cluster.times(2, |_, _, request: OffsetCommitRequest| {
            Then::Answer(World::commit_answer(&request, ErrorCode::CoordinatorLoadInProgress))
        });
        let at = |offset| Offsets::from([(partition(0), CommittedOffset::at(offset))]);
        let pending: Vec<_> = (1..=5).map(|offset| reader.start_commit(at(offset))).collect();
        reader.commit_offsets(at(6)).await.unwrap();
        for pending in pending {
            pending.wait().await.unwrap();
        }
        let offsets: Vec<i64> =
            cluster.seen::<OffsetCommitRequest>().iter().map(|r| r.topics[0].partitions[0].committed_offset).collect();
        assert_eq!(offsets, [1, 1, 1, 2, 3, 4, 5, 6]);
    });
}

#[test]
fn without_a_committed_offset_the_policy_decides_or_it_is_an_error() {
    story(async {
        for (offset_reset, expected) in [(OffsetReset::Earliest, "a"), (OffsetReset::Latest, "new")] {
            let cluster = FakeCluster::start(1, 1).await;
            put(&cluster, 0, &["a"]);
            let mut settings = config();
            settings.consumer.offset_reset = offset_reset;
            let mut reader = member(&cluster, settings);
            poll_until("a position", &mut [&mut reader], |m| m[0].position(&partition(0)).is_some()).await;
            let stands = reader.position(&partition(0));
            assert!(offset_reset == OffsetReset::Earliest || stands == Some(1), "{stands:?}");
            put(&cluster, 0, &["new"]);
            if offset_reset == OffsetReset::Earliest {
                reader.seek(&partition(0), 0); // it may have been read while it was waited for
            }
            assert_eq!(read(&mut reader, 1).await[0], expected);
        }
        let cluster = FakeCluster::start(1, 1).await;
        let mut settings = config();
        settings.consumer.offset_reset = OffsetReset::Fail;
        let mut reader = member(&cluster, settings);
        let error = loop {
            if let Err(error) = reader.poll(Duration::from_millis(20)).await {
                break error;
            }
        };
        assert!(error.to_string().contains("t-0"), "{error}");
        reader.seek(&partition(0), 0);
        put(&cluster, 0, &["a"]);
        assert_eq!(read(&mut reader, 1).await, ["a"]);
    });
}

#[test]
fn a_pattern_finds_topics_that_come_later() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.world().add_topic("u-1", 1);
        cluster.world().add_topic("other", 1);
        let client = client::Cluster::new(client::ClientConfig {
            metadata_max_age: Duration::from_millis(50),
            ..cluster.config()
        });
        let mut reader = GroupConsumer::new(&client, config()).unwrap();
        reader.subscribe_pattern("t|u-.*").unwrap();
        let topics = |m: &[&mut GroupConsumer]| m[0].assignment().map(|of| of.topic.to_string()).collect::<Vec<_>>();
        poll_until("two topics", &mut [&mut reader], |m| topics(m) == ["t", "u-1"]).await;
        cluster.world().add_topic("u-2", 1);
        poll_until("three topics", &mut [&mut reader], |m| topics(m) == ["t", "u-1", "u-2"]).await;
    });
}

#[test]
fn a_topic_that_grows_is_shared_anew() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let client = client::Cluster::new(client::ClientConfig {
            metadata_max_age: Duration::from_millis(50),
            ..cluster.config()
        });
        let mut reader = GroupConsumer::new(&client, config()).unwrap();
        reader.subscribe(&["t", "later"]);
        poll_until("one partition", &mut [&mut reader], |m| reads(m[0]) == [0]).await;
        cluster.world().grow("t", 3);
        poll_until("three partitions", &mut [&mut reader], |m| reads(m[0]) == [0, 1, 2]).await;
        cluster.world().add_topic("later", 1);
        poll_until("the later topic", &mut [&mut reader], |m| m[0].assignment().count() == 4).await;
        let reasons: Vec<String> = cluster
            .seen::<JoinGroupRequest>()
            .iter()
            .filter_map(|r| r.reason.as_ref().map(|r| r.to_string()))
            .collect();
        assert!(reasons.iter().all(|reason| reason == "topics have changed"), "{reasons:?}");
    });
}

#[test]
fn a_static_member_comes_back_without_leaving() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let named = GroupConfig { instance_id: Some("one".to_owned()), ..config() };
        let mut reader = member(&cluster, named.clone());
        poll_until("reading", &mut [&mut reader], |m| reads(m[0]) == [0]).await;
        reader.close().await;
        assert_eq!(cluster.count(ApiKey::LeaveGroup), 0);
        let instances: Vec<_> = cluster.world().group.members.values().map(|m| m.instance.clone()).collect();
        assert_eq!(instances, [Some("one".into())]);
        assert_eq!(cluster.count(ApiKey::JoinGroup), 1, "a static member needs no id first");
    });
}

#[test]
fn paused_partitions_keep_their_place_in_the_group() {
    story(async {
        let cluster = FakeCluster::start(1, 2).await;
        put(&cluster, 0, &["a"]);
        put(&cluster, 1, &["b"]);
        let mut reader = member(&cluster, config());
        poll_until("positions", &mut [&mut reader], |m| {
            reads(m[0]).len() == 2 && m[0].paused().count() == 0 && m[0].position(&partition(0)).is_some()
        })
        .await;
        reader.seek(&partition(0), 0);
        reader.seek(&partition(1), 0);
        reader.pause(&[partition(0)]);
        assert_eq!(read(&mut reader, 1).await, ["b"]);
        assert!(reader.poll(Duration::from_millis(60)).await.unwrap().is_empty());
        assert_eq!(reader.paused().cloned().collect::<Vec<_>>(), [partition(0)]);
        reader.resume(&[partition(0)]);
        assert_eq!(read(&mut reader, 1).await, ["a"]);
    });
}

#[test]
fn who_does_not_poll_leaves_and_comes_back_when_it_does() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let heeds = Heeds::default();
        let mut reader = member(&cluster, GroupConfig { max_poll_interval: Duration::from_millis(150), ..config() });
        reader.set_listener(heeds.clone());
        poll_until("reading", &mut [&mut reader], |m| reads(m[0]) == [0]).await;
        heeds.take();
        cluster.wait_until("leaving", |world| world.group.members.is_empty()).await;
        sleep(Duration::from_millis(50)).await;
        assert!(cluster.world().group.members.is_empty(), "it does not come back before it polls");
        let offsets = Offsets::from([(partition(0), CommittedOffset::at(0))]);
        let error = reader.commit_offsets(offsets).await.unwrap_err();
        assert_eq!(error.error_code(), Some(ErrorCode::UnknownMemberId));
        assert!(!error.may_have_happened());
        poll_until("coming back", &mut [&mut reader], |m| !m[0].group_metadata().member_id.is_empty()).await;
        poll_until("reading again", &mut [&mut reader], |m| reads(m[0]) == [0]).await;
        assert_eq!(heeds.take(), ["lost [0]", "assigned [0]"]);
    });
}

#[test]
fn a_poll_that_is_long_is_none_that_is_missing() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let mut reader = member(&cluster, GroupConfig { max_poll_interval: Duration::from_millis(100), ..config() });
        poll_until("reading", &mut [&mut reader], |m| reads(m[0]) == [0]).await;
        reader.poll(Duration::from_millis(400)).await.unwrap();
        assert_eq!((cluster.count(ApiKey::LeaveGroup), cluster.world().group.members.len()), (0, 1));
    });
}

#[test]
fn another_subscription_is_another_assignment() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.world().add_topic("u", 2);
        let mut reader = member(&cluster, config());
        poll_until("t", &mut [&mut reader], |m| reads(m[0]) == [0]).await;
        reader.subscribe(&["u"]);
        let only_u =
            |m: &[&mut GroupConsumer]| m[0].assignment().map(|of| &*of.topic).collect::<Vec<_>>() == ["u", "u"];
        poll_until("u", &mut [&mut reader], only_u).await;
        reader.unsubscribe().await;
        assert!(cluster.world().group.members.is_empty() && reads(&reader).is_empty());
        reader.subscribe(&["t"]);
        poll_until("t again", &mut [&mut reader], |m| reads(m[0]) == [0]).await;
    });
}

#[test]
fn who_chooses_its_partitions_is_no_member_but_begins_and_commits_with_the_group() {
    story(async {
        let cluster = FakeCluster::start(1, 2).await;
        put(&cluster, 1, &["a", "b"]);
        cluster.world().committed.insert(("t".to_owned(), 1), (1, 3, String::new()));
        let mut reader = GroupConsumer::new(&cluster.client(), config()).unwrap();
        reader.assign([partition(1)]).await;
        assert_eq!(read(&mut reader, 1).await, ["b"]);
        reader.commit().await.unwrap();
        assert_eq!((committed(&cluster, 1), cluster.count(ApiKey::JoinGroup)), (Some((2, 3)), 0));
    });
}

#[test]
fn a_poll_may_be_dropped_at_any_time() {
    story(async {
        let cluster = FakeCluster::start(1, 2).await;
        put(&cluster, 0, &["a"]);
        put(&cluster, 1, &["b"]);
        let heeds = Heeds { commits: true, ..Heeds::default() };
        let auto = GroupConfig { auto_commit: Some(Duration::from_millis(1)), ..config() };
        let (mut a, mut b) = (member(&cluster, auto.clone()), member(&cluster, auto));
        a.set_listener(heeds.clone());
        let mut values = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(30);
        while values.len() < 2 || reads(&a).len() != 1 || reads(&b).len() != 1 {
            assert!(Instant::now() < deadline, "{values:?}, {:?}, {:?}", reads(&a), reads(&b));
            for member in [&mut a, &mut b] {
                let wait = Duration::from_micros(runtime::rand::below(3000));
                let polled = runtime::time::timeout(wait, member.poll(Duration::from_secs(1))).await;
                values.extend(polled.into_iter().flatten().flatten().map(|record| value(&record)));
            }
        }
        values.sort();
        values.dedup();
        assert_eq!(values, ["a", "b"]);
    });
}
