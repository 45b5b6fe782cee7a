//! How a producer behaves.

use crate::backoff::BackoffConfig;
use crate::error::{ClientError, Result};
use protocol::records::Compression;
use runtime::time::Duration;

/// Whose acknowledgement a write waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acks {
    /// Nobody's: a write counts as done when it is handed to the network.
    None,
    /// The leader's alone.
    Leader,
    /// Every replica in sync.
    #[default]
    All,
}

impl Acks {
    /// The number on the wire.
    pub fn code(self) -> i16 {
        match self {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        }
    }
}

/// Settings of a producer. The defaults are those of Kafka's own producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerConfig {
    /// `acks`.
    pub acks: Acks,
    /// `enable.idempotence`: each record is written once and in order, however often it has to be sent. Needs
    /// [`Acks::All`] and at most five requests under way.
    pub idempotent: bool,
    /// `linger.ms`: how long a batch waits for more records.
    pub linger: Duration,
    /// `batch.size`: from how many bytes on, before compression, a batch is sent at once.
    pub batch_size: usize,
    /// `compression.type`.
    pub compression: Compression,
    /// `compression.gzip.level` and the like; none for the codec's default.
    pub compression_level: Option<i32>,
    /// `max.in.flight.requests.per.connection`.
    pub max_in_flight: usize,
    /// `delivery.timeout.ms`: how long after its first record a batch is given up.
    pub delivery_timeout: Duration,
    /// `request.timeout.ms` as the broker is told it: how long it may wait for replicas.
    pub replica_timeout: Duration,
    /// `buffer.memory`: bytes of batches that are not resolved yet; sending waits for room.
    pub buffer_memory: usize,
    /// `max.request.size`: the largest request, and the largest record before compression.
    pub max_request_size: usize,
    /// `max.block.ms`: how long sending waits for room.
    pub max_block: Duration,
    /// `retries`: how often a batch is sent again at most, within the delivery timeout.
    pub retries: u32,
    /// `retry.backoff.ms` and `retry.backoff.max.ms`.
    pub retry_backoff: BackoffConfig,
}

impl Default for ProducerConfig {
    fn default() -> Self {
        ProducerConfig {
            acks: Acks::All,
            idempotent: true,
            linger: Duration::from_millis(5),
            batch_size: 16 << 10,
            compression: Compression::None,
            compression_level: None,
            max_in_flight: 5,
            delivery_timeout: Duration::from_secs(120),
            replica_timeout: Duration::from_secs(30),
            buffer_memory: 32 << 20,
            max_request_size: 1 << 20,
            max_block: Duration::from_secs(60),
            retries: u32::MAX,
            retry_backoff: BackoffConfig { first: Duration::from_millis(100), most: Duration::from_secs(1) },
        }
    }
}

/// A broker remembers this many batches of a producer, so no more may be in doubt at a time.
const MOST_IN_DOUBT: usize = 5;

impl ProducerConfig {
    /// Looks for contradictions.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] says which.
    pub(crate) fn check(&self) -> Result<()> {
        let invalid = |why: &str| Err(ClientError::Invalid(why.to_owned()));
        if self.idempotent && self.acks != Acks::All {
            return invalid("an idempotent producer needs acks=all; say enable.idempotence=false for other acks");
        }
        if self.idempotent && self.max_in_flight > MOST_IN_DOUBT {
            return invalid("an idempotent producer may have at most 5 requests in flight");
        }
        if self.max_in_flight == 0 || self.batch_size == 0 {
            return invalid("max.in.flight.requests.per.connection and batch.size must be above 0");
        }
        if self.buffer_memory < self.batch_size.max(self.max_request_size) {
            return invalid("buffer.memory must have room for batch.size and for max.request.size");
        }
        Ok(())
    }
}
