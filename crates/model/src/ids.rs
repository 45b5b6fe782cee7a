//! The identifiers of Kafka's world, as wide as they are on the wire.

use std::fmt;
use std::sync::Arc;

/// Position of a record in its partition, from 0.
pub type Offset = i64;
/// Milliseconds since 1970 UTC; -1 where a record has none.
pub type Timestamp = i64;
/// Counts the leaders of one partition, from 0; -1 where it is not known.
pub type LeaderEpoch = i32;
/// A broker or controller, from 0 (`node.id`).
pub type NodeId = i32;
/// A partition of its topic, from 0.
pub type PartitionId = i32;
/// Names an idempotent or transactional producer; -1 for none.
pub type ProducerId = i64;
/// Counts the incarnations of one producer id; -1 for none.
pub type ProducerEpoch = i16;
/// Counts the records of one producer in one partition; after `i32::MAX` comes 0. -1 for none.
pub type Sequence = i32;

/// One partition of one topic, by name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number.
    pub partition: PartitionId,
}

impl TopicPartition {
    /// The partition `partition` of `topic`.
    pub fn new(topic: impl Into<Arc<str>>, partition: PartitionId) -> Self {
        TopicPartition { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

impl fmt::Debug for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
