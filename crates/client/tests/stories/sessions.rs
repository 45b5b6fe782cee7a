//! Fetch sessions: what a broker is told again, and what becomes of a session that it lost.

use super::consumer::{config, consumer, fetches, partition, poll_until_asked, put, read, values};
use super::fake::{Ask, FakeCluster, Then, World};
use super::story;
use client::ConsumerConfig;
use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::{FetchRequest, FetchResponse};
use runtime::time::{Duration, Instant};

#[test]
fn a_session_tells_the_broker_only_what_changes() {
    story(async {
        let cluster = FakeCluster::start(1, 2).await;
        put(&cluster, 0, &["a"]);
        put(&cluster, 1, &["b"]);
        let mut consumer = consumer(&cluster, config());
        consumer.assign((0..2).map(partition));
        (0..2).for_each(|number| consumer.seek(&partition(number), 0));
        read(&mut consumer, 2).await.unwrap();
        put(&cluster, 1, &["c"]);
        read(&mut consumer, 1).await.unwrap();
        let said = |request: &FetchRequest| request.topics.iter().map(|topic| topic.partitions.len()).sum::<usize>();
        let deadline = Instant::now() + Duration::from_secs(5);
        while said(cluster.seen::<FetchRequest>().last().unwrap()) > 0 {
            assert!(Instant::now() < deadline, "nothing has changed any more");
            consumer.poll(Duration::from_millis(20)).await.unwrap();
        }
        let requests = cluster.seen::<FetchRequest>();
        assert!(requests.len() > 2);
        for (index, request) in requests.iter().enumerate().skip(1) {
            assert_eq!((request.session_id, request.session_epoch), (1, index as i32));
        }
        assert_eq!(said(&requests[0]), 2);
    });
}

#[test]
fn a_session_that_the_broker_lost_is_begun_anew_and_nothing_is_lost() {
    story(async {
        for error in [
            ErrorCode::FetchSessionIdNotFound,
            ErrorCode::InvalidFetchSessionEpoch,
            ErrorCode::FetchSessionTopicIdError,
        ] {
            let cluster = FakeCluster::start(1, 1).await;
            put(&cluster, 0, &["a"]);
            let mut consumer = consumer(&cluster, config());
            assert_eq!(values(&mut consumer, 1).await, ["a"]);
            cluster.once(move |_, _, _: FetchRequest| Then::Answer(World::refuse_fetch(error)));
            put(&cluster, 0, &["b"]);
            put(&cluster, 0, &["c"]);
            assert_eq!(values(&mut consumer, 2).await, ["b", "c"], "{error}");
            let closes = if error == ErrorCode::FetchSessionIdNotFound { 0 } else { 1 };
            assert!(fetches(&cluster).contains(&(closes, 0)), "{error}: {:?}", fetches(&cluster));
        }
    });
}

/// It was asked again at once, forever.
#[test]
fn a_broker_that_refuses_every_session_is_not_asked_without_pause() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        put(&cluster, 0, &["a"]);
        let refused = |_: &mut World, _: &Ask, _| Then::Answer(World::refuse_fetch(ErrorCode::FetchSessionIdNotFound));
        cluster.times::<FetchRequest>(1000, refused);
        let mut consumer = consumer(&cluster, config());
        poll_until_asked(&cluster, &mut consumer, ApiKey::Fetch, 0).await;
        assert!(consumer.poll(Duration::from_millis(300)).await.unwrap().is_empty());
        let asked = cluster.count(ApiKey::Fetch);
        assert!((1..200).contains(&asked), "{asked}");
        cluster.world().unscript(ApiKey::Fetch);
        assert_eq!(values(&mut consumer, 1).await, ["a"]);
    });
}

#[test]
fn a_broker_that_keeps_no_sessions_is_told_everything_each_time() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.times(99, |world, ask, request: FetchRequest| {
            Then::Answer(FetchResponse { session_id: 0, ..world.fetch_now(ask, &request) })
        });
        put(&cluster, 0, &["a"]);
        let mut consumer = consumer(&cluster, config());
        assert_eq!(values(&mut consumer, 1).await, ["a"]);
        put(&cluster, 0, &["b"]);
        assert_eq!(values(&mut consumer, 1).await, ["b"]);
        assert!(fetches(&cluster).len() > 1);
        assert!(fetches(&cluster).iter().all(|asked| *asked == (0, 0)));
    });
}

#[test]
fn without_sessions_no_session_is_asked_for() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        put(&cluster, 0, &["a"]);
        let mut consumer = consumer(&cluster, ConsumerConfig { sessions: false, ..config() });
        assert_eq!(values(&mut consumer, 1).await, ["a"]);
        put(&cluster, 0, &["b"]);
        assert_eq!(values(&mut consumer, 1).await, ["b"]);
        assert!(fetches(&cluster).iter().all(|asked| *asked == (0, -1)));
    });
}
