//! The Kafka client: producer, consumer by assignment, admin. It runs on `runtime` alone, so also in the simulator.
//!
//! [`Cluster`] knows the brokers and holds the connections; [`Producer`], [`Consumer`] and [`Admin`] are built on one
//! and share it. What a call did not achieve is said so that "did not happen" and "may have happened" stay apart:
//! see [`ClientError::may_have_happened`] and [`SendError`].

pub mod admin;
mod backoff;
mod cluster;
mod config;
mod connection;
pub mod consumer;
mod coordinators;
mod error;
pub mod group;
mod metadata;
mod offsets;
mod partitioner;
pub mod producer;
mod retries;

pub use admin::Admin;
pub use backoff::{Backoff, BackoffConfig};
pub use cluster::Cluster;
pub use config::ClientConfig;
pub use connection::{Answer, Connection, Versions};
pub use consumer::{Consumer, ConsumerConfig, ConsumerRecord, Isolation, OffsetReset};
pub use error::{ClientError, Result, SendError};
pub use group::{CommittedOffset, GroupConfig, GroupConsumer, GroupProtocol, Membership, RebalanceListener};
pub use metadata::{BrokerView, ClusterView, Leader, PartitionView, TopicView, Wanted};
pub use offsets::{FoundOffset, OffsetSpec};
pub use partitioner::murmur2;
pub use producer::{Acks, Delivery, Producer, ProducerConfig, ProducerRecord, RecordMetadata};
pub use protocol::records::{Compression, Header};

/// Runs a test where there are time and dice, in the real world or in the simulator's.
#[cfg(test)]
fn in_a_world(test: impl FnOnce()) {
    runtime::task::run(1, async { test() }).expect("a runtime");
}
