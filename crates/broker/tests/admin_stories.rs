//! Topics, configs and restarts, as a client sees them: a broker on a temporary directory, spoken to in frames.

#![cfg(not(madsim))] // on a real directory and real sockets

mod server;

use bytes::Bytes;
use model::ErrorCode;
use protocol::messages::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use protocol::messages::delete_topics::DeleteTopicsRequest;
use protocol::messages::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource};
use protocol::messages::describe_producers::{DescribeProducersRequest, TopicRequest};
use protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use protocol::messages::init_producer_id::InitProducerIdRequest;
use protocol::messages::list_config_resources::ListConfigResourcesRequest;
use protocol::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponsePartition, MetadataResponseTopic,
};
use protocol::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use protocol::records::{BatchBuilder, BatchOptions};
use runtime::io::AsyncReadExt;
use runtime::net::TcpStream;
use server::{Server, story};
use std::path::Path;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const GROUP: i8 = 32;

impl Server {
    async fn create(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) {
        let config = |(name, value): &(&str, &str)| CreatableTopicConfig {
            name: (*name).into(),
            value: Some((*value).into()),
            ..Default::default()
        };
        let topic = CreatableTopic {
            name: name.into(),
            num_partitions: partitions,
            replication_factor: 1,
            configs: configs.iter().map(config).collect(),
            ..Default::default()
        };
        let answer = self.ask(&CreateTopicsRequest { topics: vec![topic], ..Default::default() }, 7).await;
        assert_eq!(answer.topics[0].error_code, 0, "{:?}", answer.topics[0].error_message);
    }

    async fn topic(&mut self, name: &str, create: bool) -> MetadataResponseTopic {
        let wanted = MetadataRequestTopic { name: Some(name.into()), ..Default::default() };
        let request =
            MetadataRequest { topics: Some(vec![wanted]), allow_auto_topic_creation: create, ..Default::default() };
        self.ask(&request, 12).await.topics.remove(0)
    }

    async fn partition(&mut self, name: &str) -> MetadataResponsePartition {
        self.topic(name, false).await.partitions.remove(0)
    }

    async fn alter(&mut self, kind: i8, name: &str, key: &str, value: Option<&str>) -> ErrorCode {
        let change = AlterableConfig {
            name: key.into(),
            config_operation: i8::from(value.is_none()),
            value: value.map(Into::into),
            ..Default::default()
        };
        let resource = AlterConfigsResource {
            resource_type: kind,
            resource_name: name.into(),
            configs: vec![change],
            ..Default::default()
        };
        let request = IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() };
        ErrorCode::from_wire(self.ask(&request, 1).await.responses[0].error_code)
    }

    /// The value of one config, where it comes from, and all values in order.
    async fn config(&mut self, kind: i8, name: &str, key: &str) -> (String, i8, Vec<(String, i8)>) {
        let resource = DescribeConfigsResource {
            resource_type: kind,
            resource_name: name.into(),
            configuration_keys: Some(vec![key.into()]),
            ..Default::default()
        };
        let request =
            DescribeConfigsRequest { resources: vec![resource], include_synonyms: true, ..Default::default() };
        let mut answer = self.ask(&request, 4).await;
        assert_eq!(answer.results[0].error_code, 0, "{:?}", answer.results[0].error_message);
        let config = answer.results[0].configs.remove(0);
        let synonyms = config.synonyms.iter().map(|s| (s.value.as_deref().unwrap_or("").to_owned(), s.source));
        (config.value.as_deref().unwrap_or("").to_owned(), config.config_source, synonyms.collect())
    }

    async fn produce(&mut self, topic: &str, records: Bytes) -> ErrorCode {
        let data = PartitionProduceData { index: 0, records: Some(records), ..Default::default() };
        let topic = TopicProduceData { name: topic.into(), partition_data: vec![data], ..Default::default() };
        let request = ProduceRequest { acks: -1, timeout_ms: 5000, topic_data: vec![topic], ..Default::default() };
        let answer = self.ask(&request, 9).await;
        ErrorCode::from_wire(answer.responses[0].partition_responses[0].error_code)
    }

    async fn producer_id(&mut self) -> i64 {
        let request =
            InitProducerIdRequest { transactional_id: None, transaction_timeout_ms: 1000, ..Default::default() };
        self.ask(&request, 4).await.producer_id
    }
}

fn batch(value: &[u8], producer: Option<i64>) -> Bytes {
    let mut batch = BatchBuilder::new(BatchOptions::default());
    if let Some(id) = producer {
        batch.set_producer(id, 2, 0);
    }
    batch.append(runtime::clock::now(), None, Some(value), &[]);
    batch.build()
}

#[test]
fn topics_configs_and_ids_outlive_a_restart_and_every_start_raises_the_leader_epochs() {
    story(|directory| async move {
        let mut server = Server::start(directory.path(), &[]).await;
        server.create("kept", 2, &[("retention.ms", "1234567")]).await;
        server.create("gone", 1, &[]).await;
        let id = server.topic("kept", false).await.topic_id;
        let request = DeleteTopicsRequest { topic_names: vec!["gone".into()], ..Default::default() };
        assert_eq!(server.ask(&request, 5).await.responses[0].error_code, 0);
        let first = server.producer_id().await;
        assert!(first > 0, "0 would look like no id");
        assert_eq!(server.partition("kept").await.leader_epoch, 0);
        let mut epoch = 0;
        for _ in 0..3 {
            server.stop().await;
            server = Server::start(directory.path(), &[]).await;
            let topic = server.topic("kept", false).await;
            assert_eq!((topic.topic_id, topic.partitions.len()), (id, 2));
            assert!(topic.partitions.iter().all(|p| p.leader_epoch > epoch && p.leader_id == 1), "{topic:?}");
            epoch = topic.partitions[0].leader_epoch;
            assert!(server.producer_id().await > first, "a block is never given out twice");
        }
        assert_eq!(server.config(TOPIC, "kept", "retention.ms").await.0, "1234567");
        let gone = server.topic("gone", false).await;
        assert_eq!(ErrorCode::from_wire(gone.error_code), ErrorCode::UnknownTopicOrPartition);
        server.stop().await;
    });
}

#[test]
fn a_topic_that_is_asked_for_is_made_and_found_the_next_time() {
    story(|directory| async move {
        let mut server = Server::start(directory.path(), &[("num.partitions", "3")]).await;
        let first = server.topic("wanted", true).await;
        assert_eq!(ErrorCode::from_wire(first.error_code), ErrorCode::UnknownTopicOrPartition);
        assert_eq!(server.topic("wanted", true).await.partitions.len(), 3);
        assert_eq!(server.produce("wanted", batch(b"at once", None)).await, ErrorCode::None);
        let other = server.topic("not_wanted", false).await;
        assert_eq!(ErrorCode::from_wire(other.error_code), ErrorCode::UnknownTopicOrPartition);
        server.stop().await;
    });
}

/// A client asked again and again for a topic whose name collides with another's, and was told each time to wait.
#[test]
fn a_topic_that_can_never_be_made_is_told_at_once() {
    story(|directory| async move {
        let mut server = Server::start(directory.path(), &[]).await;
        server.create("a.b", 1, &[]).await;
        let collides = server.topic("a_b", true).await;
        assert_eq!(ErrorCode::from_wire(collides.error_code), ErrorCode::InvalidTopicException);
        server.stop().await;
    });
}

#[test]
fn a_topic_config_applies_to_the_next_produce() {
    story(|directory| async move {
        let mut server = Server::start(directory.path(), &[]).await;
        server.create("t", 1, &[]).await;
        let large = batch(&[b'x'; 5000], None);
        assert_eq!(server.produce("t", large.clone()).await, ErrorCode::None);
        assert_eq!(server.alter(TOPIC, "t", "max.message.bytes", Some("1000")).await, ErrorCode::None);
        assert_eq!(server.produce("t", large.clone()).await, ErrorCode::MessageTooLarge);
        assert_eq!(server.alter(TOPIC, "t", "max.message.bytes", None).await, ErrorCode::None);
        assert_eq!(server.produce("t", large).await, ErrorCode::None);
        server.stop().await;
    });
}

#[test]
fn a_broker_config_reaches_the_topics_that_do_not_set_it_and_shows_its_layers() {
    story(|directory| async move {
        let mut server = Server::start(directory.path(), &[("message.max.bytes", "900000")]).await;
        server.create("takes", 1, &[]).await;
        server.create("sets", 1, &[("max.message.bytes", "800000")]).await;
        assert_eq!(server.alter(BROKER, "", "message.max.bytes", Some("2000")).await, ErrorCode::None);
        let large = batch(&[b'x'; 5000], None);
        assert_eq!(server.produce("takes", large.clone()).await, ErrorCode::MessageTooLarge);
        assert_eq!(server.produce("sets", large).await, ErrorCode::None);
        assert_eq!(server.alter(BROKER, "1", "message.max.bytes", Some("3000")).await, ErrorCode::None);
        let (value, source, layers) = server.config(BROKER, "1", "message.max.bytes").await;
        assert_eq!((value.as_str(), source), ("3000", 2));
        let expected = [("3000", 2), ("2000", 3), ("900000", 4), ("1048588", 5)];
        assert_eq!(layers, expected.map(|(value, source)| (value.to_owned(), source)));
        assert_eq!(
            server.config(BROKER, "", "message.max.bytes").await,
            ("2000".to_owned(), 3, vec![("2000".to_owned(), 3)])
        );
        server.stop().await;
    });
}

#[test]
fn a_limit_of_connections_set_at_run_time_holds_at_once_and_after_a_restart() {
    story(|directory| async move {
        let mut server = Server::start(directory.path(), &[]).await;
        assert_eq!(server.alter(BROKER, "1", "max.connections.per.ip", Some("1")).await, ErrorCode::None);
        for _ in 0..2 {
            let mut second = TcpStream::connect(&server.running.addresses[0]).await.expect("it listens").into_split().0;
            assert_eq!(second.read(&mut [0]).await.ok().filter(|bytes| *bytes > 0), None, "it is closed");
            server.stop().await;
            server = Server::start(directory.path(), &[]).await;
            server.topic("t", false).await;
        }
        server.stop().await;
    });
}

#[test]
fn a_group_has_configs_before_it_exists_and_is_listed_once_one_is_set() {
    story(|directory| async move {
        let mut server = Server::start(directory.path(), &[("group.consumer.assignment.interval.ms", "0")]).await;
        let heartbeat = "consumer.heartbeat.interval.ms";
        assert_eq!(server.config(GROUP, "g", heartbeat).await.0, "5000");
        assert_eq!(server.config(GROUP, "g", "consumer.assignment.interval.ms").await.1, 4);
        assert_eq!(server.alter(GROUP, "g", heartbeat, Some("6000")).await, ErrorCode::None);
        let (value, source, layers) = server.config(GROUP, "g", heartbeat).await;
        assert_eq!((value.as_str(), source), ("6000", 8));
        assert_eq!(layers, [("6000".to_owned(), 8), ("5000".to_owned(), 5)]);
        let request = ListConfigResourcesRequest { resource_types: vec![GROUP, BROKER], ..Default::default() };
        let listed = server.ask(&request, 1).await.config_resources;
        let listed: Vec<(&str, i8)> = listed.iter().map(|r| (&*r.resource_name, r.resource_type)).collect();
        assert_eq!(listed, [("1", BROKER), ("g", GROUP)]);
        let unknown = ListConfigResourcesRequest { resource_types: vec![99], ..Default::default() };
        assert_eq!(ErrorCode::from_wire(server.ask(&unknown, 1).await.error_code), ErrorCode::UnsupportedVersion);
        server.stop().await;
    });
}

#[test]
fn a_partition_tells_which_producers_it_remembers() {
    story(|directory| async move {
        let mut server = Server::start(directory.path(), &[]).await;
        server.create("t", 1, &[]).await;
        let id = server.producer_id().await;
        assert_eq!(server.produce("t", batch(b"once", Some(id))).await, ErrorCode::None);
        let topic = |name: &str| TopicRequest { name: name.into(), partition_indexes: vec![0], ..Default::default() };
        let request = DescribeProducersRequest { topics: vec![topic("t"), topic("nope")], ..Default::default() };
        let answer = server.ask(&request, 0).await;
        let known = &answer.topics[0].partitions[0];
        assert_eq!(known.error_message, None);
        let producers: Vec<(i64, i32, i32)> =
            known.active_producers.iter().map(|p| (p.producer_id, p.producer_epoch, p.last_sequence)).collect();
        assert_eq!(producers, [(id, 2, 0)]);
        let unknown = &answer.topics[1].partitions[0];
        assert_eq!(ErrorCode::from_wire(unknown.error_code), ErrorCode::UnknownTopicOrPartition);
        server.stop().await;
    });
}

const PAGE_CACHE: &[(&str, &str)] = &[("flush.messages", "9223372036854775807")];

/// What is left when the power fails before the directory of a new partition, kept in the page cache, was synced.
#[allow(clippy::disallowed_methods)] // a test that does what a power failure does
fn lose_power_while_made(directory: &Path, topic: &str, files: &[&str]) {
    std::fs::write(directory.join(format!("{topic}-0/partition.metadata")), [0; 43]).expect("a directory");
    for file in files {
        std::fs::remove_file(directory.join(file)).expect("a clean stop leaves it");
    }
}

#[allow(clippy::disallowed_methods)]
fn strays(directory: &Path) -> Vec<String> {
    let names = std::fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").file_name());
    names.map(|name| name.to_string_lossy().into_owned()).filter(|name| name.ends_with("-stray")).collect()
}

/// Its name was taken and it could not be opened, so that the partition was offline for ever.
#[test]
fn a_partition_that_a_power_failure_left_nameless_is_set_aside_and_made_anew() {
    story(|directory| async move {
        let mut server = Server::start(directory.path(), &[]).await;
        server.create("torn", 1, PAGE_CACHE).await;
        assert_eq!(server.produce("torn", batch(b"lost", None)).await, ErrorCode::None);
        server.stop().await;
        lose_power_while_made(directory.path(), "torn", &[".kafka_cleanshutdown", "thalweg-checkpoint"]);
        server = Server::start(directory.path(), &[]).await;
        assert_eq!(server.produce("torn", batch(b"new", None)).await, ErrorCode::None);
        assert_eq!(strays(directory.path()).len(), 1);
        server.stop().await;
        server = Server::start(directory.path(), &[]).await;
        assert_eq!(server.produce("torn", batch(b"newer", None)).await, ErrorCode::None);
        assert_eq!(strays(directory.path()).len(), 1, "it stays where a person can look at it");
        server.stop().await;
    });
}

#[test]
fn the_checkpoint_knows_whose_a_nameless_log_is() {
    story(|directory| async move {
        let mut server = Server::start(directory.path(), &[]).await;
        server.create("known", 1, PAGE_CACHE).await;
        assert_eq!(server.produce("known", batch(b"kept", None)).await, ErrorCode::None);
        server.stop().await;
        lose_power_while_made(directory.path(), "known", &[".kafka_cleanshutdown"]);
        server = Server::start(directory.path(), &[]).await;
        let log = server.running.broker.partitions.topic("known").expect("hosted").partitions[&0].clone();
        let broker::partitions::Hosted::Online(partition) = log else { panic!("{log:?}") };
        assert_eq!(partition.high_watermark(), 1);
        assert!(strays(directory.path()).is_empty());
        server.stop().await;
    });
}

/// Metadata that does not know a log may be what was lost, so nothing is deleted because of it.
#[test]
fn a_log_of_no_known_topic_is_set_aside_and_its_name_is_free() {
    story(|directory| async move {
        let mut server = Server::start(directory.path(), &[]).await;
        server.create("known", 1, &[]).await;
        server.stop().await;
        copy_directory(&directory.path().join("known-0"), &directory.path().join("ghost-0"));
        #[allow(clippy::disallowed_methods)]
        std::fs::write(
            directory.path().join("ghost-0/partition.metadata"),
            "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAQQ\n",
        )
        .expect("written");
        server = Server::start(directory.path(), &[]).await;
        let found = strays(directory.path());
        assert!(found.len() == 1 && found[0].starts_with("ghost-0."), "{found:?}");
        server.create("ghost", 1, &[]).await;
        assert_eq!(server.produce("ghost", batch(b"another", None)).await, ErrorCode::None);
        server.stop().await;
    });
}

/// Its topic is there, but the replica is elsewhere now: it stayed open under its name, so that the replica could never
/// come back (seed 51 of the cluster profile).
#[test]
fn a_log_of_a_known_topic_that_is_not_for_this_broker_is_set_aside() {
    story(|directory| async move {
        let mut server = Server::start(directory.path(), &[]).await;
        server.create("known", 1, &[]).await;
        server.stop().await;
        copy_directory(&directory.path().join("known-0"), &directory.path().join("known-7"));
        server = Server::start(directory.path(), &[]).await;
        let found = strays(directory.path());
        assert!(found.len() == 1 && found[0].starts_with("known-7."), "{found:?}");
        assert_eq!(server.produce("known", batch(b"kept", None)).await, ErrorCode::None);
        server.stop().await;
    });
}

#[allow(clippy::disallowed_methods)]
fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("made");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}
