//! The leader's side: what its followers have, what is committed, who is in sync.

mod acknowledge;
mod follower_progress;
mod high_watermark;
mod in_sync;
mod isr_answer;
mod isr_proposal;
mod progress_report;
mod read_replica;

pub use acknowledge::Acknowledged;
pub use isr_answer::IsrAnswer;
pub use isr_proposal::{IsrProposal, ProposalId};
pub use progress_report::ReplicaProgress;

use crate::{CheckedFetch, FetchCheck, OwnLog, Terms};
use follower_progress::FollowerProgress;
use isr_proposal::Asking;
use model::metadata_image::PartitionImage;
use model::state_machine::Instant;
use model::{ErrorCode, LeaderEpoch, NodeId, Offset, mark, planted};

/// The broker epoch of each broker that may be in the ISR: registered, not fenced, not in controlled shutdown
/// (KIP-841); `None` for every other.
pub type Brokers<'a> = &'a dyn Fn(NodeId) -> Option<Offset>;

/// Stands for a broker epoch that is not known; a controller does not check it (KIP-903).
pub const UNKNOWN_BROKER_EPOCH: Offset = -1;

/// Leads one partition in one leader epoch.
///
/// Every method leaves the high watermark as high as it may be, so its reader only has to look at
/// [`Leader::high_watermark`] after a call. Nothing here allocates but image changes and proposals.
#[derive(Clone, Debug)]
pub struct Leader {
    me: NodeId,
    my_broker_epoch: Offset,
    leader_epoch: LeaderEpoch,
    partition_epoch: i32,
    /// The partition epoch of the image that last told replicas.
    assigned_in: i32,
    epoch_start_offset: Offset,
    /// Where the log started when this leader began to lead.
    first_start_offset: Offset,
    high_watermark: Offset,
    /// Every replica that could lead in this one's place has told that its log starts here or later.
    low_watermark: Offset,
    log: OwnLog,
    terms: Terms,
    /// The other replicas, in the image's order.
    followers: Vec<FollowerProgress>,
    /// How many the committed ISR has, this replica included.
    committed_isr_size: usize,
    asking: Asking,
}

impl Leader {
    /// Begins to lead in the epoch of `image`, with the log as it stands: its end is where the epoch starts, which
    /// the log has to note before the first append. `high_watermark` is what was known before (a checkpoint, or a
    /// follower's), clipped to the log here.
    ///
    /// # Panics
    /// The image says that another replica leads.
    pub fn new(
        now: Instant,
        me: NodeId,
        image: &PartitionImage,
        brokers: Brokers<'_>,
        log: OwnLog,
        high_watermark: Offset,
        terms: Terms,
    ) -> Leader {
        assert_eq!(image.leader, Some(me), "the image says that this replica leads");
        let mut leader = Leader {
            me,
            my_broker_epoch: UNKNOWN_BROKER_EPOCH,
            leader_epoch: image.leader_epoch,
            partition_epoch: image.partition_epoch,
            assigned_in: image.partition_epoch,
            epoch_start_offset: log.log_end_offset,
            first_start_offset: log.log_start_offset,
            low_watermark: 0,
            high_watermark: high_watermark.clamp(log.log_start_offset, log.log_end_offset),
            log,
            terms,
            followers: Vec::new(),
            committed_isr_size: 0,
            asking: Asking::default(),
        };
        leader.take_replicas(&image.replicas);
        leader.take_isr(now, &image.isr);
        leader.brokers_changed(now, brokers);
        leader
    }

    /// Something was appended, became durable, or the log start moved.
    ///
    /// # Panics
    /// The log ends below the high watermark: a leader takes nothing back that it told others.
    pub fn log_moved(&mut self, now: Instant, log: OwnLog) {
        assert!(log.log_end_offset >= self.high_watermark, "a leader's log keeps what is committed");
        self.log = log;
        self.advance(now);
    }

    /// A follower has fetched. Its progress counts when its log matches; to one that diverges or is out of range only
    /// the answer is due.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER: it is no replica, or an earlier registration of it, or the leader epoch has changed
    /// since the fetch was checked. Nothing is to be answered but that.
    pub fn fetched(&mut self, now: Instant, checked: &CheckedFetch) -> Result<(), ErrorCode> {
        if checked.leader_epoch() != self.leader_epoch {
            mark!("fetch was checked in another leader epoch");
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        let (log, assigned_in) = (self.log, self.assigned_in);
        let fetch = checked.fetch();
        let Some(follower) = self.follower_mut(fetch.replica) else {
            mark!("fetch of a replica that is none");
            return Err(ErrorCode::NotLeaderOrFollower);
        };
        if follower.is_stale(fetch.broker_epoch) {
            mark!("fetch of an earlier registration");
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        if checked.outcome() == FetchCheck::Matches || planted!("count a follower before its log is compared") {
            follower.fetched(now, fetch, &log);
            follower.confirmed = checked.knows(assigned_in);
            self.advance(now);
        }
        Ok(())
    }

    /// The image has changed within this leader epoch: replicas, ISR, or just the partition epoch. An older one
    /// changes nothing; a newer one settles whatever proposal is open.
    ///
    /// # Panics
    /// The image is of another leader epoch: that takes a new machine.
    pub fn image_changed(&mut self, now: Instant, image: &PartitionImage, brokers: Brokers<'_>) {
        let same = image.leader_epoch == self.leader_epoch && image.leader == Some(self.me);
        assert!(same, "another leader epoch takes another machine");
        if image.partition_epoch > self.partition_epoch {
            self.partition_epoch = image.partition_epoch;
            self.assigned_in = image.partition_epoch;
            self.take_replicas(&image.replicas);
            self.followers.iter_mut().for_each(|follower| follower.confirmed = false);
            self.take_isr(now, &image.isr);
            self.asking.settled();
        } else if image.partition_epoch == self.partition_epoch {
            // An answer has told this epoch already, and the ISR, but neither the replicas nor the minimum of then.
            self.take_replicas(&image.replicas);
            self.followers.iter_mut().for_each(|follower| follower.claim.leaving = false);
        }
        self.brokers_changed(now, brokers);
    }

    /// A broker was registered, fenced, unfenced, or began to shut down.
    pub fn brokers_changed(&mut self, now: Instant, brokers: Brokers<'_>) {
        self.my_broker_epoch = brokers(self.me).unwrap_or(self.my_broker_epoch);
        for follower in &mut self.followers {
            follower.registered(brokers(follower.id));
        }
        self.advance(now);
    }

    /// The settings have changed.
    pub fn set_terms(&mut self, now: Instant, terms: Terms) {
        if !planted!("a leader keeps the minimum in sync that it began with") {
            self.terms = terms;
        }
        self.advance(now);
    }

    /// [`Leader::next_deadline`] has passed. A proposal may be due too: see [`Leader::proposal`].
    pub fn tick(&mut self, now: Instant) {
        self.advance(now);
    }

    /// When time alone changes something next after `now`: a follower is late, or a proposal may be made again. What
    /// is due at `now` already is there for [`Leader::proposal`].
    pub fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let (log_end, lag) = (self.log.log_end_offset, self.terms.replica_lag_time_max);
        let waits = self.followers.iter().filter(|follower| follower.claim.committed || follower.may_join());
        let late = waits.filter_map(|follower| follower.late_at(log_end, lag));
        late.chain(self.asking.rests_until()).filter(|at| *at > now).min()
    }

    /// Where what is committed ends.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// The epoch that this leader leads in.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// The partition epoch that a proposal would name.
    pub fn partition_epoch(&self) -> i32 {
        self.partition_epoch
    }

    /// Where the log ended when this leader began to lead.
    pub fn epoch_start_offset(&self) -> Offset {
        self.epoch_start_offset
    }

    /// Whether the end of what is committed may be told (ListOffsets). Until everything from earlier leaders is known
    /// to be committed an earlier leader may have told a later offset: OFFSET_NOT_AVAILABLE.
    pub fn offsets_available(&self) -> bool {
        self.high_watermark >= self.epoch_start_offset || planted!("tell offsets before earlier epochs are committed")
    }

    /// Followers that stay keep their progress.
    fn take_replicas(&mut self, replicas: &[NodeId]) {
        let others = || replicas.iter().copied().filter(|id| *id != self.me);
        if others().eq(self.followers.iter().map(|follower| follower.id)) {
            return;
        }
        let known = |id| self.followers.iter().find(|follower| follower.id == id).cloned();
        self.followers = others().map(|id| known(id).unwrap_or_else(|| FollowerProgress::new(id))).collect();
    }

    fn take_isr(&mut self, now: Instant, isr: &[NodeId]) {
        for follower in &mut self.followers {
            follower.settle(now, isr.contains(&follower.id));
        }
        self.committed_isr_size = 1 + self.followers.iter().filter(|follower| follower.claim.committed).count();
    }

    fn follower_mut(&mut self, id: NodeId) -> Option<&mut FollowerProgress> {
        self.followers.iter_mut().find(|follower| follower.id == id)
    }
}
