//! Records of one partition that travel together.

use super::ProducerRecord;
use super::config::ProducerConfig;
use super::delivery::{Delivery, Outcome};
use super::identity::{Identity, advance};
use bytes::Bytes;
use model::{Sequence, Timestamp, TopicPartition};
use protocol::records::{BatchBuilder, BatchOptions, BatchView, Record};
use runtime::sync::OwnedSemaphorePermit;
use runtime::time::Instant;
use std::sync::Arc;

/// A batch, from its first record until it is acknowledged or given up.
#[derive(Debug)]
pub(super) struct Batch {
    /// Its place in the order of its partition's batches: the number it was begun with, and for what is left of a
    /// batch that was cut, the place of its first record in it.
    pub number: Number,
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
    /// Its share of the producer's memory, given back when the last of it is dropped.
    memory: Arc<OwnedSemaphorePermit>,
}

/// A batch's place in the order of its partition's.
pub(super) type Number = (u64, usize);

impl Batch {
    pub fn new(number: u64, now: Instant, config: &ProducerConfig, memory: OwnedSemaphorePermit) -> Batch {
        Batch {
            number: (number, 0),
            outcome: Arc::new(Outcome::pending()),
            ready_at: now + config.linger,
            deadline: now + config.delivery_timeout,
            closed: false,
            written_as: None,
            attempts: 0,
            ambiguous: false,
            builder: builder(config),
            built: None,
            memory: Arc::new(memory),
        }
    }

    /// Cuts it in two where half of the records are. Whoever waits for it waits for its halves from now on. They go as
    /// what went before: with the sequences that their records had.
    pub fn cut(mut self, config: &ProducerConfig) -> [Batch; 2] {
        let first = self.record_count() / 2;
        let built = self.bytes();
        let view = BatchView::parse(&built).expect("built here");
        let mut builders = [builder(config), builder(config)];
        for (index, record) in view.records(self.size()).expect("compressed here").enumerate() {
            let Record { timestamp_delta, key, value, headers, .. } = record.expect("written here");
            let timestamp = view.header.timestamp_of(timestamp_delta);
            builders[usize::from(index >= first)].append(timestamp, key.as_deref(), value.as_deref(), &headers);
        }
        let halves = [0, first].into_iter().zip(builders);
        let halves: Vec<Batch> = halves.map(|(skipped, builder)| self.part(skipped, builder)).collect();
        let halves = <[Batch; 2]>::try_from(halves).expect("two of them");
        self.outcome.cut(first as i64, [halves[0].outcome.watch(), halves[1].outcome.watch()]);
        halves
    }

    fn part(&self, skipped: usize, builder: BatchBuilder) -> Batch {
        Batch {
            number: (self.number.0, self.number.1 + skipped),
            outcome: Arc::new(Outcome::pending()),
            ready_at: self.ready_at,
            deadline: self.deadline,
            closed: true,
            written_as: self.written_as.map(|(identity, sequence)| (identity, advance(sequence, skipped))),
            attempts: self.attempts,
            ambiguous: self.ambiguous,
            builder,
            built: None,
            memory: self.memory.clone(),
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

fn builder(config: &ProducerConfig) -> BatchBuilder {
    BatchBuilder::new(BatchOptions {
        compression: config.compression,
        level: config.compression_level,
        ..BatchOptions::default()
    })
}
