//! Reading as a member of a group: the members share the partitions, and go on where one of them committed.

pub mod assignors;
mod classic;
mod commit;
mod committed;
mod config;
mod listener;
mod membership;
pub(crate) mod offsets;
mod reconciled;
mod requests;
mod shared;
mod station;
mod wish;

pub use commit::PendingCommit;
pub use config::{GroupConfig, GroupProtocol};
pub use listener::{Heard, RebalanceListener};
pub use membership::{GroupMetadata, Membership};
pub use offsets::{CommittedOffset, Fetched, Offsets};
pub use wish::decode_assignment;

use crate::cluster::Cluster;
use crate::consumer::ConsumerRecord;
use crate::coordinators::Coordinator;
use crate::error::{ClientError, Result};
use classic::Classic;
use model::{TopicPartition, Uuid};
use reconciled::Reconciled;
use runtime::sync::mpsc::unbounded_channel;
use runtime::sync::{oneshot, select};
use runtime::time::{Duration, Instant, timeout};
use shared::{Command, Event, Owned, Shared, What};
use station::Station;
use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use wish::Wish;

/// Reads as a member of a group. All that a listener may do, a caller may do, too: see [`Membership`].
///
/// Rebalances happen while it polls, heartbeats happen by themselves. A poll may be dropped at any time; the next one goes
/// on. Dropped without [`close`](Self::close) it is like a member that crashed: the group waits for
/// `session.timeout.ms`.
pub struct GroupConsumer {
    membership: Membership,
    listener: Box<dyn RebalanceListener>,
    /// The names that were asked for; none for a pattern.
    wish: Option<Wish>,
    /// An event that is being dealt with.
    pending: Option<Event>,
    /// What was added and the listener was not told of to the end.
    untold: BTreeSet<TopicPartition>,
    /// Why it is no member and will not be one.
    failed: Option<ClientError>,
}

impl std::fmt::Debug for GroupConsumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupConsumer").field("membership", &self.membership).finish_non_exhaustive()
    }
}

impl Deref for GroupConsumer {
    type Target = Membership;

    fn deref(&self) -> &Membership {
        &self.membership
    }
}

impl DerefMut for GroupConsumer {
    fn deref_mut(&mut self) -> &mut Membership {
        &mut self.membership
    }
}

/// Nobody listens.
struct Nobody;

impl RebalanceListener for Nobody {}

/// How long closing may take.
const CLOSING: Duration = Duration::from_secs(30);

impl GroupConsumer {
    /// A consumer on `cluster` that is to be a member of a group, and reads nothing yet.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] for settings that contradict each other.
    pub fn new(cluster: &Cluster, config: GroupConfig) -> Result<GroupConsumer> {
        config.check()?;
        let protocol = config.protocol;
        let coordinator = Coordinator::of(&Arc::from(config.group_id.as_str()));
        let shared = Arc::new(Shared::new(config));
        let (commands, told) = unbounded_channel();
        let (events, tells) = unbounded_channel();
        let membership = Membership::new(cluster, &coordinator, &shared, commands, tells)?;
        let station = Station::new(cluster, &coordinator, &shared, events, told);
        match protocol {
            GroupProtocol::Classic => runtime::task::spawn("group member", Classic::new(station).run()),
            GroupProtocol::Consumer => runtime::task::spawn("group member", Reconciled::new(station).run()),
        };
        Ok(GroupConsumer {
            membership,
            listener: Box::new(Nobody),
            wish: None,
            pending: None,
            untold: BTreeSet::new(),
            failed: None,
        })
    }

    /// Who is told of rebalances from now on.
    pub fn set_listener(&mut self, listener: impl RebalanceListener + 'static) {
        self.listener = Box::new(listener);
    }

    /// Reads these topics, also those of them that are yet to come, and no others.
    pub fn subscribe(&mut self, topics: &[&str]) {
        self.wants(Wish::names(topics.iter().copied()));
    }

    /// Reads every topic whose whole name fits a regular expression, also those that are yet to come, but none of the
    /// servers' own. With the consumer protocol it is the coordinator that looks for them, by RE2's rules.
    ///
    /// # Errors
    /// [`ClientError::Invalid`]: it is no regular expression.
    pub fn subscribe_pattern(&mut self, pattern: &str) -> Result<()> {
        self.wants(Wish::pattern(pattern)?);
        Ok(())
    }

    fn wants(&mut self, wish: Wish) {
        if std::mem::take(&mut self.membership.is_alone) {
            self.membership.reads(Owned::new());
        }
        self.failed = None;
        self.wish = Some(wish.clone());
        let _ = self.membership.commands.send(Command::Subscribe(wish)); // the task ends only with this
    }

    /// Reads these partitions, begins where the group has committed and can commit, but is no member: nobody else knows.
    /// Leaves the group if it was in it.
    pub async fn assign(&mut self, partitions: impl IntoIterator<Item = TopicPartition>) {
        if self.wish.is_some() {
            self.unsubscribe().await;
        }
        self.membership.is_alone = true;
        self.membership.reads(partitions.into_iter().map(|of| (of, Uuid::ZERO)).collect());
    }

    /// Reads nothing any more, and leaves the group. What was polled is committed before, if that happens by itself.
    pub async fn unsubscribe(&mut self) {
        self.let_go(CLOSING).await;
        self.wish = None;
        self.failed = None;
        self.pending = None;
        let (done, left) = oneshot::channel();
        let _ = self.membership.commands.send(Command::Leave(done)); // the task ends only with this
        let _ = timeout(CLOSING, left).await; // the coordinator finds out by itself, too
    }

    /// Commits and tells the listener before everything is given up.
    async fn let_go(&mut self, within: Duration) {
        self.untold.clear();
        self.membership.settle_commits(within).await;
        let all: Vec<TopicPartition> = self.membership.owned.keys().cloned().collect();
        if all.is_empty() {
            return;
        }
        if self.membership.is_alone || self.membership.shared.speaker().is_some() {
            self.membership.commit_before_parting(within).await;
            if !self.membership.is_alone {
                self.listener.on_partitions_revoked(&mut self.membership, &all).await;
            }
        } else {
            self.listener.on_partitions_lost(&mut self.membership, &all).await;
        }
        self.membership.reads(Owned::new());
    }

    /// The next records, `max_poll_records` at most; none when there are none within `timeout`. What was given out by the
    /// polls before counts as done. Takes part in rebalances: the listener is called from here.
    ///
    /// # Errors
    /// What stands in the way of one partition, or of a position, and does not go away by itself: reading goes on with the
    /// next call. What makes it impossible to be a member is told by every call until something else is subscribed to.
    pub async fn poll(&mut self, timeout: Duration) -> Result<Vec<ConsumerRecord>> {
        let deadline = Instant::now() + timeout;
        let _polling = self.membership.shared.polling();
        self.membership.commit_when_due();
        loop {
            while let Some(event) = self.next_event() {
                self.deal_with(event).await;
            }
            if let Some(failed) = &self.failed {
                return Err(failed.clone());
            }
            self.membership.find_places();
            let left = deadline.saturating_duration_since(Instant::now());
            let Membership { events, found, reader, .. } = &mut self.membership;
            select! {
                biased;
                Some(event) = events.recv() => self.pending = Some(event),
                Some(found) = found.recv() => self.membership.take_places(found)?,
                records = reader.poll(left) => return records,
            }
        }
    }

    /// The event that was begun, or the next one.
    fn next_event(&mut self) -> Option<Event> {
        if self.pending.is_none() {
            self.pending = self.membership.events.try_recv().ok();
        }
        self.pending.clone()
    }

    /// Does what an event says. When this is dropped, the next poll begins again with it.
    async fn deal_with(&mut self, event: Event) {
        if !self.membership.is_stale(&event) {
            match event.what {
                What::Prepare => self.prepare().await,
                What::Assigned(owned) => self.assigned(owned).await,
                What::Lost => self.lost().await,
                What::Failed(error) => {
                    self.lost().await;
                    self.failed = Some(error);
                }
            }
        }
        self.pending = None;
        self.membership.answer(event.number);
    }

    async fn prepare(&mut self) {
        self.membership.commit_before_parting(self.membership.config().max_poll_interval).await;
        let owned = &self.membership.owned;
        let revoked: Vec<TopicPartition> = match &self.wish {
            _ if !self.membership.config().is_cooperative() => owned.keys().cloned().collect(),
            Some(wish) => {
                let topics = wish.topics(&self.membership.cluster().view());
                owned.keys().filter(|of| !topics.contains(&of.topic)).cloned().collect()
            }
            None => Vec::new(),
        };
        self.revoke(&revoked).await;
    }

    async fn revoke(&mut self, revoked: &[TopicPartition]) {
        if revoked.is_empty() {
            return;
        }
        self.listener.on_partitions_revoked(&mut self.membership, revoked).await;
        let mut left = self.membership.owned.clone();
        left.retain(|of, _| !revoked.contains(of));
        self.membership.reads(left);
    }

    async fn assigned(&mut self, owned: Owned) {
        let before = self.membership.owned.clone();
        let revoked: Vec<TopicPartition> =
            before.iter().filter(|(of, id)| owned.get(*of) != Some(*id)).map(|(of, _)| of.clone()).collect();
        if !revoked.is_empty() {
            self.membership.commit_before_parting(self.membership.config().max_poll_interval).await;
            self.revoke(&revoked).await;
            if self.membership.config().protocol == GroupProtocol::Classic {
                self.membership.rejoin(); // so that others get what was let go of (KIP-429)
            }
        }
        self.untold.retain(|of| owned.contains_key(of));
        self.untold.extend(owned.keys().filter(|of| !self.membership.owned.contains_key(*of)).cloned());
        let added: Vec<TopicPartition> = self.untold.iter().cloned().collect();
        self.membership.reads(owned);
        self.listener.on_partitions_assigned(&mut self.membership, &added).await;
        self.untold.clear();
    }

    async fn lost(&mut self) {
        let all: Vec<TopicPartition> = self.membership.owned.keys().cloned().collect();
        if all.is_empty() || self.membership.is_alone {
            return;
        }
        self.listener.on_partitions_lost(&mut self.membership, &all).await;
        self.untold.clear();
        self.membership.reads(Owned::new());
    }

    /// Commits what was polled, if that happens by itself, tells the listener, and leaves the group; a static member does
    /// not, unless it is to. Takes half a minute at most.
    pub async fn close(mut self) {
        let closing = async {
            self.unsubscribe().await;
        };
        let _ = timeout(CLOSING, closing).await; // the group finds out by itself, too
        self.membership.close().await;
    }
}
