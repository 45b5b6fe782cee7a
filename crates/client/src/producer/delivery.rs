//! What becomes of a batch, and of each record in it.

use crate::error::{ClientError, SendError};
use model::{Offset, Timestamp, TopicPartition};
use runtime::sync::watch;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;

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

/// How a batch ends.
#[derive(Clone, Debug)]
pub(super) enum End {
    /// It was written or given up.
    Whole(Result<Place, SendError>),
    /// It was too large and was cut in two; `first` records are in the first half.
    Cut { first: i64, halves: Arc<[Watch; 2]> },
}

/// Waits for the end of a batch.
pub(super) type Watch = watch::Receiver<Option<End>>;

/// The end of a batch. It comes once; what comes later is ignored.
#[derive(Debug)]
pub(super) struct Outcome(watch::Sender<Option<End>>);

impl Outcome {
    pub fn pending() -> Outcome {
        Outcome(watch::Sender::new(None))
    }

    pub fn resolve(&self, result: Result<Place, SendError>) {
        self.end(End::Whole(result));
    }

    /// The end is that of the two halves.
    pub fn cut(&self, first: i64, halves: [Watch; 2]) {
        self.end(End::Cut { first, halves: Arc::new(halves) });
    }

    fn end(&self, end: End) {
        self.0.send_if_modified(|outcome| {
            let first = outcome.is_none();
            if first {
                *outcome = Some(end);
            }
            first
        });
    }

    pub fn is_resolved(&self) -> bool {
        self.0.borrow().is_some()
    }

    pub fn watch(&self) -> Watch {
        self.0.subscribe()
    }
}

/// Waits for the end of a batch, halves and all; each delivery tells its own.
pub(super) async fn ended(watch: Watch) {
    let mut left = vec![watch];
    while let Some(mut watch) = left.pop() {
        if let End::Cut { halves, .. } = end(&mut watch).await {
            left.extend(halves.iter().cloned());
        }
    }
}

async fn end(watch: &mut Watch) -> End {
    match watch.wait_for(Option::is_some).await {
        Ok(end) => end.clone().expect("waited for"),
        // The runtime is going down with the producer in it.
        Err(_) => End::Whole(Err(SendError::Unknown(ClientError::Closed))),
    }
}

/// A record that was taken, and will be acknowledged or not: await it, or [`wait`](Self::wait). Dropping it takes
/// nothing back.
#[derive(Debug)]
pub struct Delivery {
    pub(super) topic_partition: TopicPartition,
    pub(super) outcome: Watch,
    pub(super) index: i64,
    pub(super) timestamp: Timestamp,
}

impl Delivery {
    /// Waits until it is known, or given up, what became of the record.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn wait(mut self) -> Result<RecordMetadata, SendError> {
        let place = loop {
            match end(&mut self.outcome).await {
                End::Whole(result) => break result?,
                End::Cut { first, halves } => {
                    let second = self.index >= first;
                    self.index -= if second { first } else { 0 };
                    self.outcome = halves[usize::from(second)].clone();
                }
            }
        };
        let offset = if place.base_offset < 0 { -1 } else { place.base_offset.saturating_add(self.index) };
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
