//! The configs of a topic as the code reads them.

use super::key::Scope;
use super::resolve::Layers;
use super::value::Value;
use super::{lookup, server::ServerConfig};
use crate::metadata_image::Configs;

/// What happens to records that are old (`cleanup.policy`). With neither, they stay for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Old segments are deleted, by `retention.ms` and `retention.bytes`.
    pub delete: bool,
    /// Of each key only the last value is kept.
    pub compact: bool,
}

/// How records are compressed on disk (`compression.type` and the level of that codec).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// As the producer sent them.
    Producer,
    /// Not at all.
    Uncompressed,
    /// gzip at a level from 1 to 9, or -1 for the codec's own default.
    Gzip(i32),
    /// snappy.
    Snappy,
    /// lz4 at a level from 1 to 17.
    Lz4(i32),
    /// zstd at a level from -131072 to 22.
    Zstd(i32),
}

/// Whose clock a record's timestamp is from (`message.timestamp.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's.
    CreateTime,
    /// The broker's, when it appends.
    LogAppendTime,
}

/// The configs of one topic. Times are in milliseconds, sizes in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicConfig {
    /// `cleanup.policy`.
    pub cleanup_policy: CleanupPolicy,
    /// `retention.ms`; none for no limit.
    pub retention_ms: Option<i64>,
    /// `retention.bytes` of each partition; none for no limit.
    pub retention_bytes: Option<u64>,
    /// `delete.retention.ms`: how long the mark of a deletion is kept in a compacted topic.
    pub delete_retention_ms: i64,
    /// `min.compaction.lag.ms`: a record younger than this is not compacted.
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`: a record older than this makes its log due for compaction.
    pub max_compaction_lag_ms: i64,
    /// `min.cleanable.dirty.ratio`: a log is due when this part of it was never compacted.
    pub min_cleanable_dirty_ratio: f64,
    /// `segment.bytes`, or `internal.segment.bytes` where that is set.
    pub segment_bytes: u32,
    /// `segment.ms`.
    pub segment_ms: i64,
    /// `segment.jitter.ms`: up to this much is taken off `segment.ms`, so that not all logs roll at once.
    pub segment_jitter_ms: i64,
    /// `segment.index.bytes`: the size at which an index is full and its segment rolls.
    pub segment_index_bytes: u32,
    /// `index.interval.bytes`: an index entry for at least each so many bytes of log.
    pub index_interval_bytes: u32,
    /// `preallocate`: segments get their full size when they are made.
    pub preallocate: bool,
    /// `file.delete.delay.ms`: how long a deleted segment's files stay under another name.
    pub file_delete_delay_ms: i64,
    /// `flush.messages`: 1 means that a record is on stable storage before it is acknowledged.
    pub flush_messages: u64,
    /// `flush.ms`.
    pub flush_ms: i64,
    /// `max.message.bytes`: the largest record batch, as it is stored.
    pub max_message_bytes: u32,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: how far before the broker's clock a record's time may be.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`: how far after the broker's clock a record's time may be.
    pub timestamp_after_max_ms: i64,
    /// `compression.type` with its level.
    pub compression: Compression,
    /// `min.insync.replicas`.
    pub min_insync_replicas: u32,
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election: bool,
}

impl TopicConfig {
    /// The configs of a topic that sets `overrides`, on a broker of these layers.
    pub fn resolve(layers: &Layers<'_>, overrides: &Configs) -> TopicConfig {
        let read = Reader { layers, overrides };
        TopicConfig {
            cleanup_policy: read.cleanup_policy(),
            retention_ms: read.limit("retention.ms"),
            retention_bytes: read.limit("retention.bytes").and_then(|bytes| u64::try_from(bytes).ok()),
            delete_retention_ms: read.number("delete.retention.ms"),
            min_compaction_lag_ms: read.number("min.compaction.lag.ms"),
            max_compaction_lag_ms: read.number("max.compaction.lag.ms"),
            min_cleanable_dirty_ratio: read.fraction("min.cleanable.dirty.ratio"),
            segment_bytes: read.segment_bytes(),
            segment_ms: read.number("segment.ms"),
            segment_jitter_ms: read.number("segment.jitter.ms"),
            segment_index_bytes: read.size("segment.index.bytes"),
            index_interval_bytes: read.size("index.interval.bytes"),
            preallocate: read.boolean("preallocate"),
            file_delete_delay_ms: read.number("file.delete.delay.ms"),
            flush_messages: read.number("flush.messages").unsigned_abs(),
            flush_ms: read.number("flush.ms"),
            max_message_bytes: read.size("max.message.bytes"),
            timestamp_type: read.timestamp_type(),
            timestamp_before_max_ms: read.number("message.timestamp.before.max.ms"),
            timestamp_after_max_ms: read.number("message.timestamp.after.max.ms"),
            compression: read.compression(),
            min_insync_replicas: read.size("min.insync.replicas"),
            unclean_leader_election: read.boolean("unclean.leader.election.enable"),
        }
    }

    /// Whether a record must be on stable storage before it is acknowledged, which the journal makes cheap.
    pub fn is_durable(&self) -> bool {
        self.flush_messages <= 1
    }
}

impl Default for TopicConfig {
    /// The configs of a topic where nobody set anything.
    fn default() -> TopicConfig {
        let (server, nothing) = (ServerConfig::new(), Configs::new());
        let layers = Layers { server: &server, dynamic_broker: &nothing, dynamic_default: &nothing };
        TopicConfig::resolve(&layers, &nothing)
    }
}

/// Reads values whose keys and types are known to be right: the tables are constant and a test reads them all.
struct Reader<'a> {
    layers: &'a Layers<'a>,
    overrides: &'a Configs,
}

impl Reader<'_> {
    fn value(&self, name: &str) -> Option<Value> {
        self.layers.topic_value(lookup(Scope::Topic, name).expect("a topic key"), self.overrides)
    }

    fn number(&self, name: &str) -> i64 {
        match self.value(name) {
            Some(Value::Number(number)) => number,
            other => panic!("{name} is no number: {other:?}"),
        }
    }

    fn size(&self, name: &str) -> u32 {
        u32::try_from(self.number(name)).unwrap_or(0)
    }

    fn limit(&self, name: &str) -> Option<i64> {
        Some(self.number(name)).filter(|number| *number >= 0)
    }

    fn fraction(&self, name: &str) -> f64 {
        match self.value(name) {
            Some(Value::Double(fraction)) => fraction,
            other => panic!("{name} is no fraction: {other:?}"),
        }
    }

    fn boolean(&self, name: &str) -> bool {
        self.value(name) == Some(Value::Boolean(true))
    }

    fn text(&self, name: &str) -> String {
        self.value(name).map(|value| value.to_string()).unwrap_or_default()
    }

    fn cleanup_policy(&self) -> CleanupPolicy {
        let policies = self.text("cleanup.policy");
        let has = |policy: &str| policies.split(',').any(|element| element == policy);
        CleanupPolicy { delete: has("delete"), compact: has("compact") }
    }

    fn segment_bytes(&self) -> u32 {
        match self.value("internal.segment.bytes") {
            Some(Value::Number(bytes)) => u32::try_from(bytes).unwrap_or(u32::MAX),
            _ => self.size("segment.bytes"),
        }
    }

    fn timestamp_type(&self) -> TimestampType {
        match self.text("message.timestamp.type").as_str() {
            "LogAppendTime" => TimestampType::LogAppendTime,
            _ => TimestampType::CreateTime,
        }
    }

    fn compression(&self) -> Compression {
        let level = |name: &str| i32::try_from(self.number(name)).unwrap_or(-1);
        match self.text("compression.type").as_str() {
            "uncompressed" => Compression::Uncompressed,
            "gzip" => Compression::Gzip(level("compression.gzip.level")),
            "snappy" => Compression::Snappy,
            "lz4" => Compression::Lz4(level("compression.lz4.level")),
            "zstd" => Compression::Zstd(level("compression.zstd.level")),
            _ => Compression::Producer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(properties: &str, overrides: &[(&str, &str)]) -> TopicConfig {
        let mut server = ServerConfig::new();
        server.add_properties("server.properties", properties);
        server.check().expect("right configs");
        let nothing = Configs::new();
        let layers = Layers { server: &server, dynamic_broker: &nothing, dynamic_default: &nothing };
        let overrides = overrides.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        TopicConfig::resolve(&layers, &overrides)
    }

    #[test]
    fn the_defaults_are_those_of_kafka_but_a_record_is_durable_before_it_is_acknowledged() {
        let config = TopicConfig::default();
        assert!(config.is_durable());
        assert_eq!(config.retention_ms, Some(604_800_000));
        assert_eq!(config.retention_bytes, None);
        assert_eq!(config.segment_bytes, 1 << 30);
        assert_eq!(config.segment_ms, 604_800_000);
        assert_eq!(config.segment_jitter_ms, 0);
        assert_eq!(config.max_message_bytes, 1_048_588);
        assert_eq!(config.compression, Compression::Producer);
        assert_eq!(config.cleanup_policy, CleanupPolicy { delete: true, compact: false });
        assert_eq!(config.timestamp_after_max_ms, 3_600_000);
        assert_eq!(config.min_insync_replicas, 1);
    }

    #[test]
    fn a_topic_takes_what_its_broker_was_given_unless_it_says_otherwise() {
        let given = "log.retention.hours=1\nlog.roll.jitter.hours=2\ncompression.type=zstd\ncompression.zstd.level=7\n\
                     log.flush.interval.messages=10000\nlog.message.timestamp.type=LogAppendTime\n";
        let config = resolve(given, &[("retention.ms", "-1"), ("cleanup.policy", "compact,delete")]);
        assert_eq!(config.retention_ms, None);
        assert_eq!(config.segment_jitter_ms, 7_200_000);
        assert_eq!(config.compression, Compression::Zstd(7));
        assert_eq!(config.cleanup_policy, CleanupPolicy { delete: true, compact: true });
        assert_eq!(config.timestamp_type, TimestampType::LogAppendTime);
        assert!(!config.is_durable());
        assert_eq!(resolve(given, &[]).retention_ms, Some(3_600_000));
    }

    #[test]
    fn small_segments_are_had_by_the_internal_key() {
        assert_eq!(resolve("", &[("internal.segment.bytes", "4096")]).segment_bytes, 4096);
    }
}
