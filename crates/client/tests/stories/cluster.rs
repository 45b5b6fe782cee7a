//! Finding brokers, topics and leaders.

use super::fake::{FakeCluster, Then};
use super::story;
use client::{BackoffConfig, ClientConfig, ClientError, Cluster, Isolation, OffsetSpec, Wanted};
use model::{ErrorCode, TopicPartition};
use protocol::ApiKey;
use protocol::messages::metadata::MetadataResponsePartition;
use protocol::messages::{ListOffsetsRequest, MetadataRequest, MetadataResponse};
use runtime::time::{Duration, Instant, sleep};
use std::collections::BTreeMap;
use std::sync::Arc;

fn topic(name: &str) -> Arc<str> {
    name.into()
}

/// Where nobody listens. A port that was free a moment ago would do until another story gets it.
const NOWHERE: &str = "127.0.0.1:1";

#[test]
fn one_server_that_answers_is_enough() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let mut config = cluster.config();
        config.bootstrap.insert(0, NOWHERE.to_owned());
        let client = Cluster::new(config);
        assert_eq!(client.topic(&topic("t")).await.unwrap().partitions.len(), 1);
        assert_eq!(client.leader(&TopicPartition::new("t", 0)).await.unwrap().node, 1);
    });
}

#[test]
fn nobody_there_is_told_when_the_time_is_over() {
    story(async {
        let config = ClientConfig {
            api_timeout: Duration::from_secs(3),
            reconnect_backoff: BackoffConfig { first: Duration::from_millis(5), most: Duration::from_millis(20) },
            retry_backoff: BackoffConfig { first: Duration::from_millis(5), most: Duration::from_millis(20) },
            ..ClientConfig::of(NOWHERE)
        };
        let begun = Instant::now();
        let error = Cluster::new(config).topic(&topic("t")).await.unwrap_err();
        assert!(matches!(error, ClientError::Connect { .. }), "{error}");
        assert!((2000..20_000).contains(&begun.elapsed().as_millis()));
        assert!(Cluster::new(ClientConfig::of("")).any().await.is_err());
    });
}

#[test]
fn connections_that_fail_are_not_tried_again_without_pause() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.times(1000, |_, _, _: protocol::messages::ApiVersionsRequest| Then::Close);
        let config = ClientConfig { api_timeout: Duration::from_secs(3), ..cluster.config() };
        Cluster::new(config).topic(&topic("t")).await.unwrap_err();
        let connections = cluster.world().connections;
        assert!((1..400).contains(&connections), "{connections}");
    });
}

#[test]
fn a_topic_that_is_about_to_come_is_waited_for() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let client = cluster.client();
        let waiting = client.clone();
        let found = runtime::task::spawn("wait", async move { waiting.topic(&topic("new")).await });
        cluster.wait_until("some asking", |world| world.seen.len() > 4).await;
        cluster.world().add_topic("new", 2);
        assert_eq!(found.await.unwrap().unwrap().partitions.len(), 2);
        assert!(client.leader(&TopicPartition::new("new", 1)).await.is_ok());
    });
}

#[test]
fn callers_who_ask_for_the_same_share_the_answer() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.once(|world, _, request: MetadataRequest| {
            Then::After(Duration::from_millis(100), world.metadata(&request))
        });
        let client = cluster.client();
        let asking: Vec<_> = (0..10)
            .map(|_| {
                let client = client.clone();
                runtime::task::spawn("ask", async move { client.topic(&topic("t")).await.is_ok() })
            })
            .collect();
        for answer in asking {
            assert!(answer.await.unwrap());
        }
        assert_eq!((cluster.count(ApiKey::Metadata), cluster.world().connections), (1, 1));
    });
}

/// It was asked for until the time was over, although what was known was still good.
#[test]
fn an_old_view_is_renewed_and_serves_while_nobody_answers() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let client = Cluster::new(ClientConfig { metadata_max_age: Duration::from_millis(30), ..cluster.config() });
        client.topic(&topic("t")).await.unwrap();
        cluster.world().add_topic("t", 5);
        sleep(Duration::from_millis(40)).await;
        assert_eq!(client.topic(&topic("t")).await.unwrap().partitions.len(), 1);
        while client.topic(&topic("t")).await.unwrap().partitions.len() == 1 {
            sleep(Duration::from_millis(5)).await;
        }
        cluster.stop(1);
        for _ in 0..3 {
            sleep(Duration::from_millis(40)).await;
            assert_eq!(client.topic(&topic("t")).await.unwrap().partitions.len(), 5);
        }
        let asked = Instant::now();
        client.topic(&topic("t")).await.unwrap();
        assert!(asked.elapsed() < Duration::from_millis(500));
    });
}

/// The view was emptied, and with it the addresses of all the others.
#[test]
fn a_broker_that_knows_no_brokers_is_not_believed() {
    story(async {
        let cluster = FakeCluster::start(2, 1).await;
        let client = cluster.client();
        client.topic(&topic("t")).await.unwrap();
        cluster.once(|_, _, _: MetadataRequest| Then::Answer(MetadataResponse::default()));
        let error = client.refresh(Wanted::Brokers).await.unwrap_err();
        assert!(error.is_retriable(), "{error}");
        assert_eq!(client.view().brokers.len(), 2);
    });
}

/// The number was counted one up before it was looked at.
#[test]
fn absurd_partition_numbers_do_no_harm() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.once(|world, _, request: MetadataRequest| {
            let mut answer = world.metadata(&request);
            for partition_index in [i32::MAX, i32::MIN, -1] {
                let absurd = MetadataResponsePartition { partition_index, ..Default::default() };
                answer.topics[0].partitions.push(absurd);
            }
            Then::Answer(answer)
        });
        let view = cluster.client().topic(&topic("t")).await.unwrap();
        assert_eq!(view.partitions[0].leader, 1);
        assert!(view.partitions.len() <= 4);
    });
}

#[test]
fn offsets_are_looked_up_at_each_leader_and_again_where_it_has_moved() {
    story(async {
        let cluster = FakeCluster::start(2, 3).await;
        cluster.world().partition_mut("t", 1).leader = 2;
        cluster.world().partition_mut("t", 1).log_start = 7;
        let client = cluster.client();
        client.topic(&topic("t")).await.unwrap();
        cluster.world().partition_mut("t", 2).leader = 2;
        cluster.world().partition_mut("t", 2).leader_epoch += 1;
        cluster.once(|_, _, _: ListOffsetsRequest| Then::Close);
        let asked = |partition| (TopicPartition::new("t", partition), OffsetSpec::Earliest);
        let asked = BTreeMap::from([asked(0), asked(1), asked(2), asked(9)]);
        let config = ClientConfig { api_timeout: Duration::from_secs(3), ..cluster.config() };
        let found = Cluster::new(config).list_offsets(&asked, Isolation::ReadUncommitted).await;
        let found: Vec<_> = found.values().map(|found| found.as_ref().map(|found| found.offset)).collect();
        assert_eq!(found[..3], [Ok(0), Ok(7), Ok(0)]);
        assert_eq!(found[3].unwrap_err().error_code(), Some(ErrorCode::UnknownTopicOrPartition));
    });
}

#[test]
fn a_place_that_the_broker_is_too_old_to_find_is_told() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.world().newest.insert(ApiKey::ListOffsets, 6);
        let partition = TopicPartition::new("t", 0);
        let error =
            cluster.client().list_offset(&partition, OffsetSpec::MaxTimestamp, Isolation::ReadUncommitted).await;
        assert!(matches!(error, Err(ClientError::Unwritable { api: "ListOffsets", version: 6, .. })), "{error:?}");
    });
}

#[test]
fn connections_are_closed_on_demand_and_made_again() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let client = cluster.client();
        client.topic(&topic("t")).await.unwrap();
        client.disconnect();
        cluster.wait_until("the end", super::fake::World::is_idle).await;
        client.refresh(Wanted::All).await.unwrap();
        assert_eq!(cluster.world().connections, 2);
    });
}
