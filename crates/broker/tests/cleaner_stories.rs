//! Compacted topics, as a client sees them: a broker on a temporary directory.

#![cfg(not(madsim))] // on a real directory and real sockets

use broker::RunningBroker;
use bytes::Bytes;
use client::{ClientConfig, Connection};
use model::ErrorCode;
use model::config::{Origin, ServerConfig};
use protocol::messages::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use protocol::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use protocol::messages::produce::{PartitionProduceData, PartitionProduceResponse, ProduceRequest, TopicProduceData};
use protocol::records::{BatchBuilder, BatchOptions, Batches};
use runtime::time::{Duration, sleep};
use std::path::Path;

struct Server {
    running: RunningBroker,
    connection: Connection,
}

impl Server {
    async fn start(directory: &Path, configs: &[(&str, &str)]) -> Server {
        let mut server = ServerConfig::new();
        let log_dirs = directory.to_string_lossy();
        let own = [("node.id", "1"), ("listeners", "PLAINTEXT://127.0.0.1:0"), ("log.dirs", &*log_dirs)];
        for (name, value) in own.iter().chain(configs) {
            server.add(name, value, Origin::Program);
        }
        let running = broker::start(server).await.unwrap_or_else(|error| panic!("{error}"));
        let connection = Connection::connect(&running.addresses[0], &ClientConfig::default()).await;
        Server { running, connection: connection.expect("it listens") }
    }

    async fn create(&self, name: &str, configs: &[(&str, &str)]) {
        let config = |(name, value): &(&str, &str)| CreatableTopicConfig {
            name: (*name).into(),
            value: Some((*value).into()),
            ..Default::default()
        };
        let configs = configs.iter().map(config).collect();
        let (num_partitions, replication_factor) = (1, 1);
        let topic =
            CreatableTopic { name: name.into(), num_partitions, replication_factor, configs, ..Default::default() };
        let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 5000, ..Default::default() };
        let answer = self.connection.start(&request, 7).expect("a request").wait().await.expect("an answer");
        assert_eq!(answer.topics[0].error_code, 0, "{:?}", answer.topics[0].error_message);
    }

    async fn produce(&self, topic: &str, records: &[(Option<&str>, Option<&str>)]) -> PartitionProduceResponse {
        let mut builder = BatchBuilder::new(BatchOptions::default());
        for (key, value) in records {
            builder.append(runtime::clock::now(), key.map(str::as_bytes), value.map(str::as_bytes), &[]);
        }
        let data = PartitionProduceData { index: 0, records: Some(builder.build()), ..Default::default() };
        let topic = TopicProduceData { name: topic.into(), partition_data: vec![data], ..Default::default() };
        let request = ProduceRequest { acks: -1, timeout_ms: 5000, topic_data: vec![topic], ..Default::default() };
        let mut answer = self.connection.start(&request, 9).expect("a request").wait().await.expect("an answer");
        answer.responses.remove(0).partition_responses.remove(0)
    }

    async fn fetch(&self, topic: &str, from: i64) -> Bytes {
        let partition =
            FetchPartition { partition: 0, fetch_offset: from, partition_max_bytes: 1 << 20, ..Default::default() };
        let topic = FetchTopic { topic: topic.into(), partitions: vec![partition], ..Default::default() };
        let request = FetchRequest { max_bytes: 1 << 20, topics: vec![topic], ..Default::default() };
        let mut answer = self.connection.start(&request, 11).expect("a request").wait().await.expect("an answer");
        let partition = answer.responses.remove(0).partitions.remove(0);
        assert_eq!(ErrorCode::from_wire(partition.error_code), ErrorCode::None);
        partition.records.unwrap_or_default()
    }

    /// All records: offset, key and value.
    async fn read(&self, topic: &str) -> Vec<(i64, String, Option<String>)> {
        let (mut all, mut next) = (Vec::new(), 0);
        loop {
            let bytes = self.fetch(topic, next).await;
            if bytes.is_empty() {
                return all;
            }
            for batch in Batches::new(&bytes) {
                let batch = batch.expect("whole batches");
                next = batch.header.next_offset();
                for record in batch.records(1 << 20).expect("a codec") {
                    let record = record.expect("whole records");
                    let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).expect("text");
                    let offset = batch.header.base_offset + i64::from(record.offset_delta);
                    all.push((offset, record.key.map(text).unwrap_or_default(), record.value.map(text)));
                }
            }
        }
    }
}

const COMPACTED: [(&str, &str); 4] = [
    ("cleanup.policy", "compact"),
    ("min.cleanable.dirty.ratio", "0.1"),
    ("segment.ms", "200"),
    ("segment.index.bytes", "4096"),
];

const QUICK: [(&str, &str); 2] = [("log.cleaner.backoff.ms", "50"), ("log.retention.check.interval.ms", "100")];

#[test]
fn a_broker_compacts_its_logs_beside_what_it_serves() {
    let story = async {
        let directory = tempfile::tempdir().expect("a directory");
        let server = Server::start(directory.path(), &QUICK).await;
        server.create("table", &COMPACTED).await;
        for round in 0..20 {
            let (one, two) = (format!("one {round}"), format!("two {round}"));
            server.produce("table", &[(Some("a"), Some(&one)), (Some("b"), Some(&two))]).await;
        }
        server.produce("table", &[(Some("c"), Some("gone")), (Some("c"), None)]).await;
        let mut read = Vec::new();
        for _ in 0..1200 {
            sleep(Duration::from_millis(50)).await;
            // The segment that takes appends is not cleaned: it is closed when it is old enough.
            read = server.read("table").await;
            if read.len() == 3 {
                break;
            }
        }
        let text = |value: &str| Some(value.to_owned());
        let expected =
            [(38, "a".to_owned(), text("one 19")), (39, "b".to_owned(), text("two 19")), (41, "c".to_owned(), None)];
        assert_eq!(read, expected);
        server.running.stop().await.expect("a clean stop");
        let server = Server::start(directory.path(), &QUICK).await;
        assert_eq!(server.read("table").await, expected);
        server.running.stop().await.expect("a clean stop");
    };
    runtime::task::run(2, story).expect("a runtime");
}

/// KIP-467: the producer is told which of its records were at fault.
#[test]
fn records_without_a_key_are_refused_one_by_one_where_the_topic_is_compacted() {
    let story = async {
        let directory = tempfile::tempdir().expect("a directory");
        let server = Server::start(directory.path(), &[]).await;
        server.create("table", &[("cleanup.policy", "compact,delete")]).await;
        server.create("stream", &[]).await;
        let records = [(Some("k"), Some("v")), (None, Some("v")), (Some(""), None), (None, None)];
        let answer = server.produce("table", &records).await;
        assert_eq!(ErrorCode::from_wire(answer.error_code), ErrorCode::InvalidRecord);
        let named: Vec<i32> = answer.record_errors.iter().map(|error| error.batch_index).collect();
        assert_eq!((named, answer.base_offset), (vec![1, 3], -1));
        assert!(answer.record_errors[0].batch_index_error_message.is_some() && answer.error_message.is_some());
        assert_eq!(server.read("table").await, [], "nothing of the batch is there");
        assert_eq!(server.produce("stream", &records).await.error_code, 0);
        server.running.stop().await.expect("a clean stop");
    };
    runtime::task::run(2, story).expect("a runtime");
}
