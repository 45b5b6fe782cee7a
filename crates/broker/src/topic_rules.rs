//! What a topic's config means to the log and to what producers send.

use model::Timestamp;
use model::config::{Compression as Wanted, TimestampType as ConfigTime, TopicConfig};
use protocol::records::validate::Rules;
use protocol::records::{Compression, TimestampType};
use storage::LogConfig;

/// Bytes that a compressed batch may decompress to while it is checked: much more than any honest batch of 1 MiB.
const DECOMPRESSED_LIMIT: usize = 128 << 20;

/// The rules for a Produce request to a topic of this config.
pub fn produce_rules(config: &TopicConfig, produce_version: i16, transactional: bool, now: Timestamp) -> Rules {
    Rules {
        produce_version,
        has_transactional_id: transactional,
        max_message_bytes: config.max_message_bytes as usize,
        compacted: config.cleanup_policy.compact,
        timestamp_type: match config.timestamp_type {
            ConfigTime::CreateTime => TimestampType::CreateTime,
            ConfigTime::LogAppendTime => TimestampType::LogAppendTime,
        },
        before_max_ms: config.timestamp_before_max_ms,
        after_max_ms: config.timestamp_after_max_ms,
        now,
        compression: match config.compression {
            Wanted::Producer => None,
            Wanted::Uncompressed => Some((Compression::None, None)),
            Wanted::Gzip(level) => Some((Compression::Gzip, Some(level))),
            Wanted::Snappy => Some((Compression::Snappy, None)),
            Wanted::Lz4(level) => Some((Compression::Lz4, Some(level))),
            Wanted::Zstd(level) => Some((Compression::Zstd, Some(level))),
        },
        decompressed_limit: DECOMPRESSED_LIMIT,
    }
}

/// The settings of a partition's log. Topics that brokers keep for themselves are always journaled.
pub fn log_config(config: &TopicConfig, internal: bool) -> LogConfig {
    let unlimited = |bytes: Option<u64>| bytes.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    LogConfig {
        segment_bytes: u64::from(config.segment_bytes),
        segment_ms: config.segment_ms,
        segment_jitter_ms: config.segment_jitter_ms,
        segment_index_bytes: config.segment_index_bytes as usize,
        index_interval_bytes: config.index_interval_bytes as usize,
        retention_ms: config.retention_ms.unwrap_or(-1),
        retention_bytes: unlimited(config.retention_bytes),
        delete: config.cleanup_policy.delete,
        compact: config.cleanup_policy.compact,
        min_cleanable_dirty_ratio: config.min_cleanable_dirty_ratio,
        min_compaction_lag_ms: config.min_compaction_lag_ms,
        max_compaction_lag_ms: config.max_compaction_lag_ms,
        delete_retention_ms: config.delete_retention_ms,
        flush_messages: if internal { 1 } else { i64::try_from(config.flush_messages).unwrap_or(i64::MAX) },
        flush_ms: config.flush_ms,
        file_delete_delay_ms: config.file_delete_delay_ms.unsigned_abs(),
        ..LogConfig::default()
    }
}
