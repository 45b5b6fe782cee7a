//! Makes the golden data directories: see tests/golden/make.sh.
//!
//! A directory gets topics of small segments, all codecs, keys, headers and nulls, a log whose beginning was deleted,
//! a topic left to the page cache, several leader epochs, and a file `records.txt` that says what is in it.
#![cfg(not(madsim))]
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // works on real directories

use bytes::Bytes;
use client::admin::NewTopic;
use client::{Admin, Cluster, Compression, Producer, ProducerConfig, ProducerRecord};
use model::TopicPartition;
use std::path::Path;
use tests::golden::{RECORDS, SETTINGS, TOPICS, shown};
use tests::reading::{impatient, read_topics};
use tests::{Dialect, Server, directory};

/// Small: git keeps these files.
const SMALL: [&str; 2] = ["thalweg.journal.file.bytes=16384", "thalweg.journal.max.bytes=65536"];
/// Records are of the past, so that the same ones are made each time.
const FIRST_TIMESTAMP: i64 = 1_700_000_000_000;

fn main() {
    let to = std::env::args().nth(1).expect("the folder to make them in");
    for (name, is_clean) in [("clean", true), ("killed", false)] {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let story = Box::pin(make(folder.path(), is_clean));
        let records = runtime::task::run(2, story).expect("threads can be started");
        let to = Path::new(&to).join(name);
        let _ = std::fs::remove_dir_all(&to); // it may be new
        directory::copy(folder.path(), &to.join("data"));
        std::fs::write(to.join(RECORDS), records).expect("a file can be written");
    }
}

/// Three lives: two that end cleanly, and one that ends as asked. Gives what is in the topics then.
async fn make(data: &Path, is_clean: bool) -> String {
    let settings: Vec<&str> = SETTINGS.into_iter().chain(SMALL).collect();
    for life in 0..3 {
        let server = Server::start(data, &settings);
        let cluster = Cluster::new(impatient(server.address()));
        if life == 0 {
            create(&cluster).await;
        }
        for (at, compression) in Compression::ALL.into_iter().enumerate() {
            write(&cluster, compression, life * 1000 + at * 100).await;
        }
        if life == 1 {
            delete_the_beginning(&cluster).await;
        }
        if life < 2 {
            assert!(server.stop().status.success(), "a clean stop");
            continue;
        }
        let records = shown(&read_topics(&cluster, &TOPICS).await);
        if is_clean {
            assert!(server.stop().status.success(), "a clean stop");
        } else {
            server.kill();
        }
        return records;
    }
    unreachable!("the last life returns")
}

async fn create(cluster: &Cluster) {
    for (name, partitions, flush) in [("journaled", 2, "1"), ("paged", 1, "100000"), ("trimmed", 1, "1")] {
        let topic = NewTopic::new(name, partitions).config("flush.messages", flush).config("retention.ms", "-1");
        let topic = topic.config("internal.segment.bytes", "2500").config("index.interval.bytes", "200");
        Admin::new(cluster).create_topic(topic).await.expect("a topic can be created");
    }
}

/// A few records to each partition, in batches of a few.
async fn write(cluster: &Cluster, compression: Compression, from: usize) {
    let config = ProducerConfig { compression, batch_size: 600, ..ProducerConfig::default() };
    let producer = Producer::new(cluster, config).expect("the config is sound");
    let records = Dialect::FULL.records(from + 5).split_off(from);
    let mut deliveries = Vec::new();
    for topic in TOPICS {
        let partitions = cluster.topic(&topic.into()).await.expect("it exists").partitions.len();
        for (at, record) in (0..).zip(&records) {
            for partition in 0..partitions as i32 {
                let record = ProducerRecord {
                    topic: topic.into(),
                    partition: Some(partition),
                    timestamp: Some(FIRST_TIMESTAMP + from as i64 + at),
                    key: record.key.as_deref().map(Bytes::copy_from_slice),
                    value: record.value.as_deref().map(Bytes::copy_from_slice),
                    headers: record.client_headers(),
                };
                deliveries.push(producer.send(record).await.expect("a record is taken"));
            }
        }
    }
    for delivery in deliveries {
        delivery.await.expect("it is written");
    }
}

async fn delete_the_beginning(cluster: &Cluster) {
    let partition = TopicPartition::new("trimmed", 0);
    let start = Admin::new(cluster).delete_records(&partition, 13).await.expect("records can be deleted");
    assert_eq!(start, 13);
}
