//! Writing records.

mod accumulator;
mod batch;
mod config;
mod delivery;
mod identity;
mod lane;
mod requests;
mod sender;

pub use config::{Acks, ProducerConfig};
pub use delivery::{Delivery, RecordMetadata};

use crate::cluster::Cluster;
use crate::error::{ClientError, Result, SendError};
use crate::metadata::TopicView;
use crate::partitioner::partition_of_key;
use bytes::Bytes;
use model::{ErrorCode, PartitionId, Timestamp, TopicPartition};
use protocol::records::Header;
use runtime::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use runtime::time::timeout;
use sender::{Shared, State};
use std::sync::{Arc, Mutex};

/// A record to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProducerRecord {
    /// Where it goes.
    pub topic: Arc<str>,
    /// Its partition; none for that of its key, or any for keyless records.
    pub partition: Option<PartitionId>,
    /// Its time; none for now.
    pub timestamp: Option<Timestamp>,
    /// Its key, or null.
    pub key: Option<Bytes>,
    /// Its value, or null.
    pub value: Option<Bytes>,
    /// Its headers, in order.
    pub headers: Vec<Header>,
}

impl ProducerRecord {
    /// A record of a value alone.
    pub fn new(topic: impl Into<Arc<str>>, value: impl Into<Bytes>) -> ProducerRecord {
        ProducerRecord { topic: topic.into(), value: Some(value.into()), ..ProducerRecord::default() }
    }

    /// With a key.
    #[must_use]
    pub fn key(self, key: impl Into<Bytes>) -> ProducerRecord {
        ProducerRecord { key: Some(key.into()), ..self }
    }

    /// To this partition.
    #[must_use]
    pub fn partition(self, partition: PartitionId) -> ProducerRecord {
        ProducerRecord { partition: Some(partition), ..self }
    }

    /// Its bytes in a batch, before compression, at most.
    fn size(&self) -> usize {
        const LENGTHS_AND_DELTAS: usize = 5 + 1 + 10 + 5 + 5 + 5 + 5;
        let headers: usize =
            self.headers.iter().map(|h| 10 + h.key.len() + h.value.as_ref().map_or(0, Bytes::len)).sum();
        LENGTHS_AND_DELTAS
            + self.key.as_ref().map_or(0, Bytes::len)
            + self.value.as_ref().map_or(0, Bytes::len)
            + headers
    }
}

/// Writes records: batched by partition, in the order they were sent, and, with the default settings, each exactly
/// once. A clone is the same producer. When the last one is dropped, what was taken is still written or given up in
/// time; [`close`](Self::close) waits for that.
#[derive(Clone, Debug)]
pub struct Producer(Arc<Handle>);

#[derive(Debug)]
struct Handle(Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        let mut state = self.0.state.lock().expect("no panic inside");
        state.closing = true;
        state.accumulator.flush(); // nothing comes that would be worth waiting for
        drop(state);
        self.0.wake.notify_one();
    }
}

impl Producer {
    /// A producer on `cluster`. Nothing is sent before the first record.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] for settings that contradict each other.
    pub fn new(cluster: &Cluster, config: ProducerConfig) -> Result<Producer> {
        config.check()?;
        let memory = Arc::new(Semaphore::new(config.buffer_memory.min(Semaphore::MAX_PERMITS)));
        let (cluster, wake, state) = (cluster.clone(), Notify::new(), Mutex::new(State::default()));
        let shared = Arc::new(Shared { cluster, config, memory, wake, state });
        runtime::task::spawn("producer", shared.clone().run());
        Ok(Producer(Arc::new(Handle(shared))))
    }

    /// Takes a record. Waits for metadata and for memory, not for the network; the [`Delivery`] tells what becomes of it.
    ///
    /// # Errors
    /// It was not taken: always [`SendError::NotWritten`].
    pub async fn send(&self, record: ProducerRecord) -> std::result::Result<Delivery, SendError> {
        self.take(&record).await.map_err(SendError::NotWritten)
    }

    /// Sends a record at once and waits until it is known, or given up, what became of it.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send_and_wait(&self, record: ProducerRecord) -> std::result::Result<RecordMetadata, SendError> {
        self.send(record).await?.wait().await
    }

    async fn take(&self, record: &ProducerRecord) -> Result<Delivery> {
        let shared = &self.0.0;
        let config = &shared.config;
        let size = record.size();
        if size > config.max_request_size {
            return Err(ClientError::Invalid(format!(
                "a record of {size} bytes is larger than max.request.size, which is {}",
                config.max_request_size
            )));
        }
        let topic = shared.cluster.topic(&record.topic).await?;
        let to = TopicPartition { topic: record.topic.clone(), partition: self.partition_for(record, size, &topic)? };
        let timestamp = record.timestamp.unwrap_or_else(runtime::clock::now);
        let mut memory = None;
        loop {
            let appended = {
                let mut state = shared.state.lock().expect("no panic inside");
                if let Some(fatal) = &state.fatal {
                    return Err(fatal.clone());
                }
                if state.closing {
                    return Err(ClientError::Closed);
                }
                state.accumulator.append(&to, record, (size, timestamp), &mut memory, config)
            };
            match appended {
                Some((delivery, look)) => {
                    if look {
                        shared.wake.notify_one();
                    }
                    return Ok(delivery);
                }
                None => memory = Some(self.memory(size).await?),
            }
        }
    }

    fn partition_for(&self, record: &ProducerRecord, size: usize, topic: &TopicView) -> Result<PartitionId> {
        let count = topic.partitions.len() as PartitionId;
        if count == 0 {
            return Err(ClientError::refused(
                format!("writing to {}", topic.name),
                ErrorCode::LeaderNotAvailable,
                None,
            ));
        }
        match (record.partition, &record.key) {
            (Some(partition), _) if (0..count).contains(&partition) => Ok(partition),
            (Some(partition), _) => Err(ClientError::Invalid(format!(
                "topic {} has {count} partitions, none of them {partition}",
                topic.name
            ))),
            (None, Some(key)) => Ok(partition_of_key(key, count)),
            (None, None) if count == 1 => Ok(0),
            (None, None) => {
                let led = (0..count).filter(|at| topic.partitions[*at as usize].leader >= 0).collect::<Vec<_>>();
                let live = if led.is_empty() { (0..count).collect() } else { led };
                let mut state = self.0.0.state.lock().expect("no panic inside");
                Ok(state.accumulator.stick(&topic.name, size, &self.0.0.config, &live))
            }
        }
    }

    /// Memory for a new batch with a record of `size` bytes in it.
    async fn memory(&self, size: usize) -> Result<OwnedSemaphorePermit> {
        let shared = &self.0.0;
        let bytes = size.max(shared.config.batch_size);
        let permits = u32::try_from(bytes).map_err(|_| ClientError::Invalid("batch.size is too large".to_owned()))?;
        match timeout(shared.config.max_block, shared.memory.clone().acquire_many_owned(permits)).await {
            Ok(permit) => permit.map_err(|_| ClientError::Closed),
            Err(_) => Err(ClientError::TimedOut {
                what: "waiting for room in buffer.memory".to_owned(),
                within: shared.config.max_block,
            }),
        }
    }

    /// Sends what was taken so far without waiting for more, and waits until all of it is resolved.
    pub async fn flush(&self) {
        let outcomes = self.0.0.state.lock().expect("no panic inside").accumulator.flush();
        self.0.0.wake.notify_one();
        for outcome in outcomes {
            delivery::ended(outcome.watch()).await;
        }
    }

    /// Takes no more records and waits until all that were taken are resolved.
    pub async fn close(&self) {
        self.0.0.state.lock().expect("no panic inside").closing = true;
        self.flush().await;
    }
}
