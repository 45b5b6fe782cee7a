//! Records of one partition that travel together.

use super::ProducerRecord;
use super::config::ProducerConfig;
use super::delivery::{Delivery, Outcome};
use super::identity::Identity;
use bytes::Bytes;
use model::{Sequence, Timestamp, TopicPartition};
use protocol::records::{BatchBuilder, BatchOptions};
use runtime::sync::OwnedSemaphorePermit;
use runtime::time::Instant;
use std::sync::Arc;

/// A batch, from its first record until it is acknowledged or given up.
#[derive(Debug)]
pub(super) struct Batch {
    /// Its place in the order of its partition's batches.
    pub number: u64,
    pub outcome: Arc<Outcome>,
    /// When it is sent even if it is not full.
    pub ready_at: Instant,
    /// When it is given up.
    pub deadline: Instant,
    /// It takes no more records.
    pub closed: bool,
    /// Who writes it and from which sequence on; none before it is first sent, and for producers without identity.
    pub written_as: Option<(Identity, Sequence)>,
    /// How often it was sent.
    pub attempts: u32,
    /// Whether an attempt may have been written without its answer coming back.
    pub ambiguous: bool,
    builder: BatchBuilder,
    built: Option<Bytes>,
    /// Its share of the producer's memory, given back when the batch is dropped.
    _memory: OwnedSemaphorePermit,
}

impl Batch {
    pub fn new(number: u64, now: Instant, config: &ProducerConfig, memory: OwnedSemaphorePermit) -> Batch {
        let options = BatchOptions {
            compression: config.compression,
            level: config.compression_level,
            ..BatchOptions::default()
        };
        Batch {
            number,
            outcome: Arc::new(Outcome::pending()),
            ready_at: now + config.linger,
            deadline: now + config.delivery_timeout,
            closed: false,
            written_as: None,
            attempts: 0,
            ambiguous: false,
            builder: BatchBuilder::new(options),
            built: None,
            _memory: memory,
        }
    }

    /// Whether a record of `size` bytes may still come in. The first one always may.
    pub fn has_room(&self, size: usize, batch_size: usize) -> bool {
        !self.closed && (self.builder.is_empty() || self.builder.size_estimate() + size <= batch_size)
    }

    pub fn append(&mut self, of: &TopicPartition, record: &ProducerRecord, timestamp: Timestamp) -> Delivery {
        let index = self.builder.len() as i64;
        self.builder.append(timestamp, record.key.as_deref(), record.value.as_deref(), &record.headers);
        Delivery { topic_partition: of.clone(), outcome: self.outcome.watch(), index, timestamp }
    }

    pub fn record_count(&self) -> usize {
        self.builder.len()
    }

    /// Bytes before compression.
    pub fn size(&self) -> usize {
        self.builder.size_estimate()
    }

    /// Gives it a writer and a sequence, or takes them back.
    pub fn set_writer(&mut self, written_as: Option<(Identity, Sequence)>) {
        self.written_as = written_as;
        self.built = None;
    }

    /// The bytes to send: the same for every attempt under one identity, as a broker that has them may recognise them.
    pub fn bytes(&mut self) -> Bytes {
        if let Some((identity, sequence)) = self.written_as {
            self.builder.set_producer(identity.id, identity.epoch, sequence);
        }
        self.built.get_or_insert_with(|| self.builder.build()).clone()
    }
}
