//! What becomes of a batch, and of each record in it.

use crate::error::{ClientError, SendError};
use model::{Offset, Timestamp, TopicPartition};
use runtime::sync::watch;
use std::future::IntoFuture;
use std::pin::Pin;

/// Where a record was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordMetadata {
    /// Its partition.
    pub topic_partition: TopicPartition,
    /// Its offset; -1 when nobody tells (`acks=0`, or a duplicate whose place is forgotten).
    pub offset: Offset,
    /// Its timestamp, the broker's where the topic wants that.
    pub timestamp: Timestamp,
}

/// Where a batch was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// -1 when nobody tells.
    pub base_offset: Offset,
    /// -1 where the records' own timestamps hold.
    pub log_append_time: Timestamp,
}

/// The end of a batch. It comes once; what comes later is ignored.
#[derive(Debug)]
pub(super) struct Outcome(watch::Sender<Option<Result<Place, SendError>>>);

impl Outcome {
    pub fn pending() -> Outcome {
        Outcome(watch::Sender::new(None))
    }

    pub fn resolve(&self, result: Result<Place, SendError>) {
        self.0.send_if_modified(|outcome| {
            let first = outcome.is_none();
            if first {
                *outcome = Some(result);
            }
            first
        });
    }

    pub fn is_resolved(&self) -> bool {
        self.0.borrow().is_some()
    }

    pub fn watch(&self) -> watch::Receiver<Option<Result<Place, SendError>>> {
        self.0.subscribe()
    }
}

/// Waits for the end of a batch.
pub(super) async fn ended(watch: &mut watch::Receiver<Option<Result<Place, SendError>>>) -> Result<Place, SendError> {
    match watch.wait_for(Option::is_some).await {
        Ok(outcome) => outcome.clone().expect("waited for"),
        // The runtime is going down with the producer in it.
        Err(_) => Err(SendError::Unknown(ClientError::Closed)),
    }
}

/// A record that was taken, and will be acknowledged or not: await it, or [`wait`](Self::wait). Dropping it takes
/// nothing back.
#[derive(Debug)]
pub struct Delivery {
    pub(super) topic_partition: TopicPartition,
    pub(super) outcome: watch::Receiver<Option<Result<Place, SendError>>>,
    pub(super) index: i64,
    pub(super) timestamp: Timestamp,
}

impl Delivery {
    /// Waits until it is known, or given up, what became of the record.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn wait(mut self) -> Result<RecordMetadata, SendError> {
        let place = ended(&mut self.outcome).await?;
        let offset = if place.base_offset < 0 { -1 } else { place.base_offset + self.index };
        let timestamp = if place.log_append_time < 0 { self.timestamp } else { place.log_append_time };
        Ok(RecordMetadata { topic_partition: self.topic_partition, offset, timestamp })
    }
}

impl IntoFuture for Delivery {
    type Output = Result<RecordMetadata, SendError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.wait())
    }
}
