//! How a consumer behaves.

use crate::backoff::BackoffConfig;
use crate::offsets::OffsetSpec;
use runtime::time::Duration;

/// Which records a reader sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// All that are committed to the log.
    #[default]
    ReadUncommitted,
    /// Of transactions, those that were committed.
    ReadCommitted,
}

impl Isolation {
    /// The number on the wire.
    pub fn code(self) -> i8 {
        match self {
            Isolation::ReadUncommitted => 0,
            Isolation::ReadCommitted => 1,
        }
    }
}

/// `auto.offset.reset`: where to read when there is no position, or none that exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OffsetReset {
    /// From the first record.
    Earliest,
    /// From what comes next.
    #[default]
    Latest,
    /// Nowhere: it is an error.
    Fail,
}

impl OffsetReset {
    pub(super) fn spec(self) -> Option<OffsetSpec> {
        match self {
            OffsetReset::Earliest => Some(OffsetSpec::Earliest),
            OffsetReset::Latest => Some(OffsetSpec::Latest),
            OffsetReset::Fail => None,
        }
    }
}

/// Settings of a consumer. The defaults are those of Kafka's own consumer, where it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerConfig {
    /// `auto.offset.reset`.
    pub offset_reset: OffsetReset,
    /// `isolation.level`.
    pub isolation: Isolation,
    /// `fetch.min.bytes`: the broker waits for this much, `fetch_max_wait` at most.
    pub fetch_min_bytes: i32,
    /// `fetch.max.bytes`.
    pub fetch_max_bytes: i32,
    /// `fetch.max.wait.ms`. Must be below the client's request timeout.
    pub fetch_max_wait: Duration,
    /// `max.partition.fetch.bytes`. Twice this is held of a partition at most, and what one batch decompresses to.
    pub max_partition_fetch_bytes: i32,
    /// `max.poll.records`.
    pub max_poll_records: usize,
    /// `check.crcs`.
    pub check_crcs: bool,
    /// Bytes that one batch may decompress to.
    pub decompressed_limit: usize,
    /// Whether fetches are incremental (KIP-227).
    pub sessions: bool,
    /// `client.rack`: where the consumer stands.
    pub rack: String,
    /// `retry.backoff.ms` and `retry.backoff.max.ms`.
    pub retry_backoff: BackoffConfig,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        ConsumerConfig {
            offset_reset: OffsetReset::Latest,
            isolation: Isolation::ReadUncommitted,
            fetch_min_bytes: 1,
            fetch_max_bytes: 50 << 20,
            fetch_max_wait: Duration::from_millis(500),
            max_partition_fetch_bytes: 1 << 20,
            max_poll_records: 500,
            check_crcs: true,
            decompressed_limit: 256 << 20,
            sessions: true,
            rack: String::new(),
            retry_backoff: BackoffConfig { first: Duration::from_millis(100), most: Duration::from_secs(1) },
        }
    }
}
