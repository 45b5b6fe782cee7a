//! Committing offsets: one after the other, each tried again while that makes sense.

use super::offsets::{self, Offsets, Speaker};
use super::shared::{Shared, Taken, not_a_member};
use crate::backoff::Backoff;
use crate::cluster::Cluster;
use crate::coordinators::Coordinator;
use crate::error::{ClientError, Result};
use crate::metadata::Wanted;
use model::ErrorCode as E;
use model::TopicPartition;
use runtime::sync::oneshot;
use runtime::task::{JoinHandle, spawn};
use runtime::time::{Duration, Instant, sleep, timeout, timeout_at};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A commit that is under way. It goes on when this is dropped.
#[derive(Debug)]
pub struct PendingCommit(oneshot::Receiver<Result<()>>);

impl PendingCommit {
    /// Waits until it is done.
    ///
    /// # Errors
    /// What stood in its way. [`ClientError::may_have_happened`] tells whether it may be done all the same.
    pub async fn wait(self) -> Result<()> {
        self.0.await.unwrap_or(Err(ClientError::Closed))
    }
}

/// Commits in the order in which they are started.
#[derive(Debug)]
pub(super) struct Committer {
    pub cluster: Cluster,
    pub coordinator: Coordinator,
    pub shared: Arc<Shared>,
    last: Option<JoinHandle<()>>,
}

impl Committer {
    pub fn new(cluster: &Cluster, coordinator: &Coordinator, shared: &Arc<Shared>) -> Committer {
        Committer { cluster: cluster.clone(), coordinator: coordinator.clone(), shared: shared.clone(), last: None }
    }

    /// Whether a commit is under way.
    pub fn is_busy(&self) -> bool {
        self.last.as_ref().is_some_and(|last| !last.is_finished())
    }

    /// Waits until what was started is done, for so long at most.
    pub async fn settle(&mut self, within: Duration) {
        if let Some(last) = &mut self.last
            && timeout(within, last).await.is_ok()
        {
            self.last = None; // their callers are told
        }
    }

    /// Commits behind what was started before, as the member that it is now (or as nobody, for who is `alone`), and tries
    /// for so long.
    pub fn start(&mut self, offsets: Offsets, alone: bool, within: Duration) -> PendingCommit {
        let (told, result) = oneshot::channel();
        let before = self.last.take();
        let taken = self.shared.taken();
        let is_refused = !alone && taken.is_none();
        let attempts = Attempts {
            cluster: self.cluster.clone(),
            coordinator: self.coordinator.clone(),
            shared: self.shared.clone(),
            taken: taken.filter(|_| !alone),
            offsets,
            doubt: None,
            missing: BTreeMap::new(),
            gone: None,
        };
        self.last = Some(spawn("commit", async move {
            if let Some(before) = before {
                let _ = before.await; // its own caller was told of it
            }
            let result = match is_refused {
                _ if attempts.offsets.is_empty() => Ok(()),
                true => Err(not_a_member(&attempts.shared.config.group_id, E::UnknownMemberId)),
                false => attempts.run(within).await,
            };
            if let Err(error) = &result {
                tracing::debug!("a commit did not work: {error:#}");
            }
            let _ = told.send(result); // whoever started it may not care
        }));
        PendingCommit(result)
    }
}

/// The attempts at one commit.
struct Attempts {
    cluster: Cluster,
    coordinator: Coordinator,
    shared: Arc<Shared>,
    /// Who makes it; none for who is no member.
    taken: Option<Taken>,
    offsets: Offsets,
    /// An attempt that may have worked.
    doubt: Option<ClientError>,
    /// Topics that the cluster says it does not have, and how often it said so.
    missing: BTreeMap<Arc<str>, u32>,
    /// Why offsets of topics that are gone were given up.
    gone: Option<ClientError>,
}

/// A topic is gone when so many lookups in a row do not find it: a broker may not have heard of it yet.
const GONE: u32 = 3;

impl Attempts {
    async fn run(mut self, within: Duration) -> Result<()> {
        let deadline = Instant::now() + within;
        let mut backoff = Backoff::new(self.cluster.config().retry_backoff);
        loop {
            let speaker = match &self.taken {
                None => Ok(Speaker::nobody()),
                Some(taken) => self.shared.speaker_for(taken, self.offsets.keys()),
            };
            let speaker = speaker.map_err(|error| self.in_doubt(error))?;
            let overdue = || ClientError::TimedOut { what: "committing offsets".to_owned(), within };
            let error = match timeout_at(deadline, self.attempt(&speaker)).await {
                Ok(Ok(())) => return self.gone.map_or(Ok(()), Err),
                Ok(Err(error)) => error,
                Err(_) => return Err(overdue()),
            };
            self.coordinator.learn(&error);
            if !may_follow(&error) {
                return Err(self.in_doubt(error));
            }
            if error.may_have_happened() {
                self.doubt = Some(error.clone());
            }
            let wait = backoff.next_wait();
            if Instant::now() + wait >= deadline {
                return Err(self.doubt.take().unwrap_or(error));
            }
            sleep(wait).await;
        }
    }

    /// What was refused now may have been done by an attempt before.
    fn in_doubt(&mut self, then: ClientError) -> ClientError {
        match self.doubt.take() {
            Some(before) => ClientError::Doubtful { then: Box::new(then), before: Box::new(before) },
            None => then,
        }
    }

    /// One attempt. What was committed of it is not committed again by the next.
    async fn attempt(&mut self, speaker: &Speaker) -> Result<()> {
        let connection = self.coordinator.connection(&self.cluster).await?;
        let group = &self.shared.config.group_id;
        let results = offsets::commit(&connection, &self.cluster.view(), group, speaker, &self.offsets).await?;
        let mut failed = Vec::new();
        for (of, result) in results {
            match result {
                Ok(()) => drop(self.offsets.remove(&of)),
                Err(error) => failed.push((of, error)),
            }
        }
        self.give_up_what_is_gone(&mut failed).await;
        // What cannot be helped is told rather than what can.
        failed.sort_by_key(|(_, error)| may_follow(error));
        failed.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))
    }

    /// Looks topics up anew that the coordinator does not know. One that is not there any more holds up nothing: it would
    /// keep the others, and the group's rebalance with them, until time is over.
    async fn give_up_what_is_gone(&mut self, failed: &mut Vec<(TopicPartition, ClientError)>) {
        let is_unknown =
            |error: &ClientError| matches!(error.error_code(), Some(E::UnknownTopicId | E::UnknownTopicOrPartition));
        if !failed.iter().any(|(_, error)| is_unknown(error)) {
            return;
        }
        let topics: BTreeSet<Arc<str>> = self.offsets.keys().map(|of| of.topic.clone()).collect();
        let topics: Vec<Arc<str>> = topics.into_iter().collect();
        let _ = self.cluster.refresh(Wanted::Topics(&topics)).await; // the next attempt tells
        let view = self.cluster.view();
        self.missing.retain(|topic, _| view.missing.contains_key(topic));
        for topic in topics.iter().filter(|topic| view.missing.get(*topic) == Some(&E::UnknownTopicOrPartition)) {
            *self.missing.entry(topic.clone()).or_default() += 1;
        }
        let missing = &self.missing;
        let is_gone = |topic: &Arc<str>| missing.get(topic).is_some_and(|times| *times >= GONE);
        for (of, error) in failed.extract_if(.., |(of, error)| is_unknown(error) && is_gone(&of.topic)) {
            self.offsets.remove(&of);
            self.gone = Some(error);
        }
    }
}

/// Whether to try again after `error`. A stale epoch is told by a heartbeat that is under way, or the member is fenced
/// by one.
fn may_follow(error: &ClientError) -> bool {
    match error {
        ClientError::Refused { error, .. } => error.is_retriable() || *error == E::StaleMemberEpoch,
        ClientError::Malformed { .. } => true,
        error => error.is_retriable(),
    }
}
