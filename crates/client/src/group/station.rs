//! What the tasks of both protocols have in common: what they are told, what they tell, and how they wait.

use super::shared::{Command, Event, Shared, What};
use super::wish::Wish;
use crate::backoff::Backoff;
use crate::cluster::Cluster;
use crate::coordinators::Coordinator;
use crate::error::{ClientError, Result};
use crate::metadata::ClusterView;
use model::{ErrorCode, TopicPartition};
use runtime::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use runtime::sync::{oneshot, select, watch};
use runtime::time::{Duration, Instant, sleep_until};
use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;

/// Where the task of a member stands.
pub(super) struct Station {
    pub cluster: Cluster,
    /// For what may take long, and must not hold back other requests.
    pub apart: Cluster,
    pub coordinator: Coordinator,
    pub shared: Arc<Shared>,
    pub backoff: Backoff,
    events: UnboundedSender<Event>,
    commands: UnboundedReceiver<Command>,
    views: watch::Receiver<Arc<ClusterView>>,
    /// What it wants to read, if anything.
    wish: Option<Wish>,
    rejoin: bool,
    /// The last event that was dealt with.
    done: u64,
    /// What the member reads since then.
    reads: BTreeSet<TopicPartition>,
    numbers: u64,
    refresh_at: Instant,
}

/// Why a membership ends.
#[derive(Debug)]
pub(super) enum Parting {
    /// The consumer was dropped.
    Gone,
    /// It was asked for.
    Leave(oneshot::Sender<()>),
    /// It cannot go on.
    Failed(ClientError),
}

/// Requests of a member that take no longer than those of others are given up after this much more.
const GRACE: Duration = Duration::from_secs(5);

impl Station {
    pub fn new(
        cluster: &Cluster,
        coordinator: &Coordinator,
        shared: &Arc<Shared>,
        events: UnboundedSender<Event>,
        commands: UnboundedReceiver<Command>,
    ) -> Station {
        Station {
            cluster: cluster.clone(),
            apart: cluster.apart(),
            coordinator: coordinator.clone(),
            shared: shared.clone(),
            backoff: Backoff::new(cluster.config().retry_backoff),
            events,
            commands,
            views: cluster.views(),
            wish: None,
            rejoin: false,
            done: 0,
            reads: BTreeSet::new(),
            numbers: 0,
            refresh_at: Instant::now(),
        }
    }

    /// Waits until there is something to be read.
    pub async fn subscribed(&mut self) -> std::result::Result<(), Parting> {
        while self.wish.is_none() {
            let command = self.commands.recv().await;
            self.note(command)?;
        }
        Ok(())
    }

    /// What is to be read.
    ///
    /// # Panics
    /// Before anything is.
    pub fn wish(&self) -> &Wish {
        self.wish.as_ref().expect("asked for after `subscribed`")
    }

    /// The topics that are to be read.
    pub fn topics(&self) -> BTreeSet<Arc<str>> {
        self.wish.as_ref().map(|wish| wish.topics(&self.cluster.view())).unwrap_or_default()
    }

    /// Tells the next poll. Gives the number under which it will say that it is done.
    pub fn announce(&mut self, what: What) -> u64 {
        self.numbers += 1;
        let event = Event { number: self.numbers, life: self.shared.life(), what };
        let _ = self.events.send(event); // whether anybody is there shows when waiting
        self.numbers
    }

    /// Whether the consumer has dealt with this event.
    pub fn is_done(&self, number: u64) -> bool {
        self.done >= number
    }

    /// What the member reads, by its last word.
    pub fn reads(&self) -> &BTreeSet<TopicPartition> {
        &self.reads
    }

    /// Whether the consumer wants to join anew. It is asked once.
    pub fn take_rejoin(&mut self) -> bool {
        std::mem::take(&mut self.rejoin)
    }

    /// Forgets what it was to read: a new subscription begins anew.
    pub fn forget(&mut self) {
        self.wish = None;
        self.rejoin = false;
        self.backoff.reset();
    }

    fn note(&mut self, command: Option<Command>) -> std::result::Result<(), Parting> {
        match command {
            None => return Err(Parting::Gone),
            Some(Command::Leave(done)) => return Err(Parting::Leave(done)),
            Some(Command::Subscribe(wish)) => {
                self.wish = Some(wish);
                self.refresh_at = Instant::now();
            }
            Some(Command::Done { number, owned }) => (self.done, self.reads) = (number, owned),
            Some(Command::Rejoin) => self.rejoin = true,
        }
        Ok(())
    }

    /// Works while it listens.
    pub async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> std::result::Result<T, Parting> {
        let mut work = pin!(work);
        loop {
            let command = select! {
                biased;
                command = self.commands.recv() => command,
                result = &mut work => return Ok(result),
            };
            self.note(command)?;
        }
    }

    /// Waits for whatever comes first: a command, a new view of the cluster, or that time.
    pub async fn wait_until(&mut self, deadline: Option<Instant>) -> std::result::Result<(), Parting> {
        self.look_after_topics();
        let until = deadline.map_or(self.refresh_at, |deadline| deadline.min(self.refresh_at));
        let command = select! {
            biased;
            command = self.commands.recv() => Some(command),
            _ = self.views.changed() => None,
            () = sleep_until(until) => None,
        };
        command.map_or(Ok(()), |command| self.note(command))
    }

    /// Waits for the next attempt, longer each time.
    pub async fn back_off(&mut self) -> std::result::Result<(), Parting> {
        let until = Instant::now() + self.backoff.next_wait();
        self.meanwhile(sleep_until(until)).await
    }

    /// Learns where the coordinator is not. Says whether to try again at all.
    ///
    /// # Errors
    /// Trying again would be of no use.
    pub fn setback(&self, error: ClientError) -> std::result::Result<(), Parting> {
        self.coordinator.learn(&error);
        tracing::debug!("group {}: {error:#}", self.shared.config.group_id);
        let passes = match &error {
            ClientError::Refused { error, .. } => error.is_retriable() || *error == ErrorCode::RebalanceInProgress,
            ClientError::Malformed { .. } | ClientError::TimedOut { .. } => true,
            error => error.is_retriable(),
        };
        if passes { Ok(()) } else { Err(Parting::Failed(error)) }
    }

    /// How long the answer to a request may take that the coordinator answers at once.
    pub fn patience(&self) -> Duration {
        self.cluster.config().request_timeout.min(self.shared.config.session_timeout)
    }

    /// How long a join may take.
    pub fn join_patience(&self) -> Duration {
        self.cluster.config().request_timeout.max(self.shared.config.max_poll_interval + GRACE)
    }

    /// Whether the consumer has not polled for too long.
    pub fn is_stuck(&self) -> bool {
        self.shared.poll_deadline().is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Makes sure that what is known of the topics is not too old; of those that do not exist yet it soon is.
    fn look_after_topics(&mut self) {
        let now = Instant::now();
        let config = self.cluster.config();
        let Some(wish) = &self.wish else {
            self.refresh_at = now + config.metadata_max_age;
            return;
        };
        if self.refresh_at > now {
            return;
        }
        let view = self.cluster.view();
        let missing = wish.topics(&view).iter().any(|topic| !view.topics.contains_key(topic));
        let age = if missing { config.retry_backoff.most } else { config.metadata_max_age };
        self.refresh_at = now + age.min(config.metadata_max_age);
        let (cluster, wish) = (self.cluster.clone(), wish.clone());
        runtime::task::spawn("topics of a group", async move {
            if let Err(error) = cluster.refresh(wish.wanted()).await {
                tracing::debug!("the topics of a group were not refreshed: {error:#}");
            }
        });
    }

    /// Makes sure that all is known that a pattern may fit.
    pub async fn know_topics(&mut self) -> std::result::Result<Result<()>, Parting> {
        let Wish::Pattern { .. } = self.wish() else { return Ok(Ok(())) };
        let (cluster, wish) = (self.cluster.clone(), self.wish().clone());
        let asked = async move { cluster.refresh(wish.wanted()).await.map(drop) };
        self.meanwhile(asked).await
    }
}
