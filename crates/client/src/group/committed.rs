//! Asking for what a group has committed.

use super::offsets::{self, Asked, CommittedOffset};
use super::shared::Shared;
use crate::backoff::Backoff;
use crate::cluster::Cluster;
use crate::coordinators::Coordinator;
use crate::error::{ClientError, Result};
use crate::group::GroupProtocol;
use crate::metadata::Wanted;
use model::ErrorCode as E;
use model::TopicPartition;
use runtime::time::{Instant, sleep, timeout_at};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is committed of each partition.
pub(super) type Committed = BTreeMap<TopicPartition, Option<CommittedOffset>>;

/// Who asks.
#[derive(Clone, Debug)]
pub(super) struct Asking {
    pub cluster: Cluster,
    pub coordinator: Coordinator,
    pub shared: Arc<Shared>,
}

impl Asking {
    /// What is committed of all of these, tried until `api_timeout`. An offset that a transaction is about to change is
    /// waited for (KIP-447).
    ///
    /// # Errors
    /// The coordinator does not tell, or not of all of them.
    pub async fn committed(&self, partitions: &BTreeSet<TopicPartition>) -> Result<Committed> {
        let within = self.cluster.config().api_timeout;
        let deadline = Instant::now() + within;
        let mut backoff = Backoff::new(self.cluster.config().retry_backoff);
        let mut last = None;
        loop {
            let attempt = timeout_at(deadline, self.attempt(partitions)).await;
            let overdue = ClientError::TimedOut { what: "asking for committed offsets".to_owned(), within };
            let Ok(result) = attempt else { return Err(last.unwrap_or(overdue)) };
            let error = match result {
                Ok(committed) => return Ok(committed),
                Err(error) => error,
            };
            self.coordinator.learn(&error);
            let wait = backoff.next_wait();
            if !may_follow(&error) || Instant::now() + wait >= deadline {
                return Err(error);
            }
            last = Some(error);
            sleep(wait).await;
        }
    }

    async fn attempt(&self, partitions: &BTreeSet<TopicPartition>) -> Result<Committed> {
        if partitions.is_empty() {
            return Ok(Committed::new());
        }
        let connection = self.coordinator.connection(&self.cluster).await?;
        let config = &self.shared.config;
        let speaker = self.shared.speaker().filter(|_| config.protocol == GroupProtocol::Consumer);
        let asked = Asked {
            group: config.group_id.as_str().into(),
            member: speaker.map(|speaker| (speaker.member_id, speaker.generation)),
            partitions: Some(partitions.clone()),
        };
        let mut found = offsets::fetch(&connection, &self.cluster.view(), std::slice::from_ref(&asked), true).await?;
        let fetched = found.remove(&asked.group).expect("each group has a result")?;
        let committed: Result<Committed> = fetched.into_iter().map(|(of, offset)| Ok((of, offset?))).collect();
        if committed.as_ref().is_err_and(|error| error.error_code() == Some(E::UnknownTopicId)) {
            let topics: Vec<Arc<str>> = partitions.iter().map(|of| of.topic.clone()).collect();
            let _ = self.cluster.refresh(Wanted::Topics(&topics)).await; // the next attempt tells
        }
        committed
    }
}

/// Whether to try again after `error`. Who is no member any more asks as nobody, or as who it is by then.
fn may_follow(error: &ClientError) -> bool {
    match error {
        ClientError::Refused { error, .. } => {
            error.is_retriable() || matches!(error, E::StaleMemberEpoch | E::UnknownMemberId)
        }
        ClientError::Malformed { .. } => true,
        error => error.is_retriable(),
    }
}
