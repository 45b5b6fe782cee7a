//! The client of this repository.

use crate::Client;
use bytes::Bytes;
use client::{Cluster, Compression, Producer, ProducerConfig, ProducerRecord};
use tests::reading::{impatient, read_topics};
use tests::{Dialect, Record};

/// The crate `client`.
pub struct Ours;

impl Client for Ours {
    fn name(&self) -> &'static str {
        "thalweg-client"
    }

    fn dialect(&self) -> Dialect {
        Dialect::FULL
    }

    fn missing(&self) -> Option<String> {
        None
    }

    fn write(&self, bootstrap: &str, topic: &str, codec: &str, records: &[Record]) {
        let compression = Compression::ALL.into_iter().find(|known| known.name() == codec).expect("a known codec");
        let story = async {
            let config = ProducerConfig { compression, ..ProducerConfig::default() };
            let producer = Producer::new(&Cluster::new(impatient(bootstrap)), config).expect("the config is sound");
            let mut deliveries = Vec::new();
            for record in records {
                let record = ProducerRecord {
                    topic: topic.into(),
                    partition: Some(0),
                    timestamp: None,
                    key: record.key.as_deref().map(Bytes::copy_from_slice),
                    value: record.value.as_deref().map(Bytes::copy_from_slice),
                    headers: record.client_headers(),
                };
                deliveries.push(producer.send(record).await.expect("a record is taken"));
            }
            for (offset, delivery) in deliveries.into_iter().enumerate() {
                assert_eq!(delivery.await.expect("it is written").offset, offset as i64);
            }
        };
        runtime::task::run(1, Box::pin(story)).expect("threads can be started");
    }

    fn read(&self, bootstrap: &str, topic: &str, _count: usize) -> Vec<u8> {
        let story = async {
            let read = read_topics(&Cluster::new(impatient(bootstrap)), &[topic]).await;
            let line = |record: &client::ConsumerRecord| format!("{} {}\n", record.offset, Record::from(record).line());
            read.values().flatten().flat_map(|record| line(record).into_bytes()).collect()
        };
        runtime::task::run(1, Box::pin(story)).expect("threads can be started")
    }

    fn shown(&self, records: &[Record]) -> Vec<u8> {
        let line = |(offset, record): (usize, &Record)| format!("{offset} {}\n", record.line()).into_bytes();
        records.iter().enumerate().flat_map(line).collect()
    }
}
