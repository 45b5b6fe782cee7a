//! Records as people type and read them.

mod base64;
pub mod escapes;
pub mod format;
pub mod input;
pub mod json;
pub mod json_input;
pub mod start;

use bytes::Bytes;
use client::{ConsumerRecord, Header};
use model::{Offset, PartitionId, Timestamp};
use std::sync::Arc;

/// A record that was read, with where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: PartitionId,
    /// The offset.
    pub offset: Offset,
    /// Milliseconds since 1970 UTC; -1 when it has none.
    pub timestamp: Timestamp,
    /// The key.
    pub key: Option<Bytes>,
    /// The value.
    pub value: Option<Bytes>,
    /// The headers, in order; a name may be there more than once.
    pub headers: Vec<Header>,
}

impl From<ConsumerRecord> for Read {
    fn from(record: ConsumerRecord) -> Read {
        let ConsumerRecord { topic_partition, offset, timestamp, key, value, headers, .. } = record;
        Read {
            topic: topic_partition.topic,
            partition: topic_partition.partition,
            offset,
            timestamp,
            key,
            value,
            headers,
        }
    }
}

#[cfg(test)]
pub(crate) fn example() -> Read {
    Read {
        topic: "greetings".into(),
        partition: 3,
        offset: 42,
        timestamp: 1_700_000_000_000,
        key: Some(Bytes::from_static(b"who")),
        value: Some(Bytes::from_static(b"hello")),
        headers: vec![
            Header::new("a", "1"),
            Header { key: Bytes::from_static(b"a"), value: None },
            Header::new("b", ""),
        ],
    }
}
