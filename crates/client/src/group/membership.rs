//! A member of a group as its listener sees it, too: what it reads, where it stands, and what it commits.

use super::commit::{Committer, PendingCommit};
use super::committed::{Asking, Committed};
use super::offsets::{CommittedOffset, Offsets};
use super::shared::{Command, Event};
use super::shared::{Owned, Shared, What};
use crate::cluster::Cluster;
use crate::consumer::{Consumer, OffsetReset};
use crate::coordinators::Coordinator;
use crate::error::{ClientError, Result};
use crate::group::GroupConfig;
use crate::offsets::OffsetSpec;
use model::{Offset, TopicPartition, Uuid};
use runtime::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use runtime::time::{Duration, Instant};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What can be done with a member of a group while it is told of a rebalance, and at other times.
#[derive(Debug)]
pub struct Membership {
    pub(super) reader: Consumer,
    pub(super) shared: Arc<Shared>,
    pub(super) commands: UnboundedSender<Command>,
    pub(super) owned: Owned,
    /// Whether the partitions were chosen by the caller, and it is a member of nothing.
    pub(super) is_alone: bool,
    pub(super) events: UnboundedReceiver<Event>,
    committer: Committer,
    asking: Asking,
    /// When the next commit is due that happens by itself.
    commit_at: Instant,
    /// What lookups of committed offsets bring.
    pub(super) found: UnboundedReceiver<Found>,
    finds: UnboundedSender<Found>,
    /// Which partitions are being looked up, and the number of the lookup.
    looking: Option<(u64, BTreeSet<TopicPartition>)>,
    lookups: u64,
}

/// A numbered lookup, and what came of it.
pub(super) type Found = (u64, Result<Committed>);

/// Who a member is, for a producer that commits its offsets in a transaction (KIP-447).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMetadata {
    /// `group.id`.
    pub group_id: String,
    /// The generation, or the member epoch; -1 for who is no member.
    pub generation: i32,
    /// The member's id; empty for who is no member.
    pub member_id: String,
    /// `group.instance.id`.
    pub instance_id: Option<String>,
}

impl Membership {
    pub(super) fn new(
        cluster: &Cluster,
        coordinator: &Coordinator,
        shared: &Arc<Shared>,
        commands: UnboundedSender<Command>,
        events: UnboundedReceiver<Event>,
    ) -> Result<Membership> {
        let (finds, found) = unbounded_channel();
        let asking = Asking { cluster: cluster.clone(), coordinator: coordinator.clone(), shared: shared.clone() };
        let first_commit = shared.config.auto_commit.unwrap_or_default();
        Ok(Membership {
            reader: Consumer::new(cluster, shared.config.consumer.clone())?,
            shared: shared.clone(),
            commands,
            owned: Owned::new(),
            is_alone: false,
            events,
            committer: Committer::new(cluster, coordinator, shared),
            asking,
            commit_at: Instant::now() + first_commit,
            found,
            finds,
            looking: None,
            lookups: 0,
        })
    }

    /// Its settings.
    pub fn config(&self) -> &GroupConfig {
        &self.shared.config
    }

    /// What it reads.
    pub fn assignment(&self) -> impl Iterator<Item = &TopicPartition> {
        self.owned.keys()
    }

    /// Who it is.
    pub fn group_metadata(&self) -> GroupMetadata {
        let speaker = self.shared.speaker();
        GroupMetadata {
            group_id: self.config().group_id.clone(),
            generation: speaker.as_ref().map_or(-1, |speaker| speaker.generation),
            member_id: speaker.map_or(String::new(), |speaker| speaker.member_id.to_string()),
            instance_id: self.config().instance_id.clone(),
        }
    }

    /// The offset of the next record to be given out; none before it is known.
    pub fn position(&self, partition: &TopicPartition) -> Option<Offset> {
        self.reader.position(partition)
    }

    /// Goes on at `offset`. Nothing when the partition is not assigned.
    pub fn seek(&mut self, partition: &TopicPartition, offset: Offset) {
        self.reader.seek(partition, offset);
    }

    /// Goes on at a place that is looked up first. Nothing when the partition is not assigned.
    pub fn seek_to(&mut self, partition: &TopicPartition, place: OffsetSpec) {
        self.reader.seek_to(partition, place);
    }

    /// Reads these no more until they are resumed, or assigned anew. The member keeps them.
    pub fn pause<'a>(&mut self, partitions: impl IntoIterator<Item = &'a TopicPartition>) {
        partitions.into_iter().for_each(|partition| self.reader.set_paused(partition, true));
    }

    /// Reads these again.
    pub fn resume<'a>(&mut self, partitions: impl IntoIterator<Item = &'a TopicPartition>) {
        partitions.into_iter().for_each(|partition| self.reader.set_paused(partition, false));
    }

    /// What is paused.
    pub fn paused(&self) -> impl Iterator<Item = &TopicPartition> {
        self.owned.keys().filter(|partition| self.reader.is_paused(partition))
    }

    /// The high watermark, as the last fetch told.
    pub fn high_watermark(&self, partition: &TopicPartition) -> Option<Offset> {
        self.reader.high_watermark(partition)
    }

    /// Where it stands in each partition, to be committed: all that was polled counts as done.
    pub fn positions(&self) -> Offsets {
        let committed = |(of, offset, leader_epoch): (&TopicPartition, _, _)| {
            (of.clone(), CommittedOffset { offset, leader_epoch, metadata: String::new() })
        };
        self.reader.positions().map(committed).collect()
    }

    /// Commits all that was polled and waits for it.
    ///
    /// # Errors
    /// As [`commit_offsets`](Self::commit_offsets).
    pub async fn commit(&mut self) -> Result<()> {
        self.commit_offsets(self.positions()).await
    }

    /// Commits these offsets and waits for it, `default.api.timeout.ms` at most.
    ///
    /// # Errors
    /// The group does not take it: UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, STALE_MEMBER_EPOCH, FENCED_INSTANCE_ID when it
    /// has gone on without this member, REBALANCE_IN_PROGRESS when it is about to: poll, and do what the rebalance says.
    /// [`ClientError::may_have_happened`] tells whether it may be done all the same.
    pub async fn commit_offsets(&mut self, offsets: Offsets) -> Result<()> {
        self.start_commit(offsets).wait().await
    }

    /// Commits these offsets in the background, behind those that were started before.
    pub fn start_commit(&mut self, offsets: Offsets) -> PendingCommit {
        let within = self.asking.cluster.config().api_timeout;
        self.committer.start(offsets, self.is_alone, within)
    }

    /// What the group has committed of each of these; none where it has nothing.
    ///
    /// # Errors
    /// The coordinator does not tell, or not of all of them.
    pub async fn committed(&self, partitions: &[TopicPartition]) -> Result<Committed> {
        self.asking.committed(&partitions.iter().cloned().collect()).await
    }

    /// Has the group rebalance at the next poll.
    pub fn rejoin(&mut self) {
        let _ = self.commands.send(Command::Rejoin); // the task ends only with this
    }

    /// Commits by itself what was polled before, when it is time.
    pub(super) fn commit_when_due(&mut self) {
        let Some(interval) = self.config().auto_commit else { return };
        if self.commit_at > Instant::now() || self.committer.is_busy() {
            return;
        }
        self.commit_at = Instant::now() + interval;
        if self.is_alone || self.shared.speaker().is_some() {
            drop(self.start_commit(self.positions()));
        }
    }

    /// Commits by itself what was polled before, now, before others may read it.
    pub(super) async fn commit_before_parting(&mut self, within: Duration) {
        let Some(interval) = self.config().auto_commit else { return };
        self.commit_at = Instant::now() + interval;
        let within = within.min(self.asking.cluster.config().api_timeout);
        let commit = self.committer.start(self.positions(), self.is_alone, within);
        if let Err(error) = commit.wait().await {
            tracing::warn!("what was read is not committed, and will be read again: {error:#}");
        }
    }

    /// Waits for commits that were started, for so long at most: who is no member any more can make none.
    pub(super) async fn settle_commits(&mut self, within: Duration) {
        self.committer.settle(within).await;
    }

    /// It reads these and no others.
    pub(super) fn reads(&mut self, owned: Owned) {
        // A topic that was made anew is another one, although it has the same name.
        let same = |(of, id): (&TopicPartition, &Uuid)| self.owned.get(of) == Some(id);
        let stay: BTreeSet<TopicPartition> =
            owned.iter().filter(|entry| same(*entry)).map(|(of, _)| of.clone()).collect();
        if owned.len() > stay.len() {
            self.looking = None; // what is found may be older than what others committed in between
        }
        self.shared.owns(stay.iter().cloned());
        self.reader.assign_held(stay);
        self.reader.assign_held(owned.keys().cloned());
        self.shared.owns(owned.keys().cloned());
        self.owned = owned;
    }

    /// Sees to it that everything has a place where reading begins.
    pub(super) fn find_places(&mut self) {
        let held = self.reader.held();
        if held.is_empty() || self.looking.as_ref().is_some_and(|(_, looked)| held.is_subset(looked)) {
            return;
        }
        self.lookups += 1;
        let (number, asking, finds) = (self.lookups, self.asking.clone(), self.finds.clone());
        self.looking = Some((number, held.clone()));
        runtime::task::spawn("committed offsets", async move {
            let found = asking.committed(&held).await;
            let _ = finds.send((number, found)); // the consumer may be gone
        });
    }

    /// Begins where the group has committed, or else where the policy says.
    pub(super) fn take_places(&mut self, (number, found): Found) -> Result<()> {
        if self.looking.as_ref().is_none_or(|(latest, _)| *latest != number) {
            return Ok(()); // of what was assigned before
        }
        self.looking = None;
        let held = self.reader.held();
        let mut failure = None;
        for (of, committed) in found?.into_iter().filter(|(of, _)| held.contains(of)) {
            match (committed, self.config().consumer.offset_reset) {
                (Some(committed), _) => self.reader.seek_behind(&of, committed.offset, committed.leader_epoch),
                (None, OffsetReset::Earliest) => self.reader.seek_to(&of, OffsetSpec::Earliest),
                (None, OffsetReset::Latest) => self.reader.seek_to(&of, OffsetSpec::Latest),
                (None, OffsetReset::Fail) => failure = Some(ClientError::NoPosition { partition: of.to_string() }),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.asking.cluster
    }

    pub(super) async fn close(self) {
        self.reader.close().await;
    }

    /// Answers an event of the task.
    pub(super) fn answer(&mut self, number: u64) {
        let owned = self.owned.keys().cloned().collect();
        let _ = self.commands.send(Command::Done { number, owned }); // the task ends only with this
    }

    /// Whether an event is of a membership that is over.
    pub(super) fn is_stale(&self, event: &Event) -> bool {
        event.life != self.shared.life() && !matches!(event.what, What::Lost | What::Failed(_))
    }
}
