//! Leading: sending entries, counting who has them, and giving up when a majority is silent.

use crate::progress::Progress;
use crate::raft::Standing;
use crate::{Body, Entry, LogEnd, Payload, Raft, ReplicaKey};
use bytes::Bytes;
use model::state_machine::Instant;
use model::{LeaderEpoch, NodeId, Offset, mark, planted};
use std::collections::BTreeMap;

/// A leader that nobody follows looks after itself this many times less often.
const ALONE: u32 = 10;

/// A leader's state.
#[derive(Debug)]
pub struct Leading {
    pub since: Instant,
    /// The offset of its own first entry.
    own_entry: Offset,
    /// The driver knows that it may serve.
    pub serving: bool,
    /// All other voters, and observers.
    pub progress: BTreeMap<ReplicaKey, Progress>,
    pub heartbeat_at: Instant,
    /// The voter that is to take over, and until when nothing is accepted for that.
    pub transfer: Option<(ReplicaKey, Instant)>,
}

/// This replica does not lead, or its first entry is not committed yet, or it is handing its leadership over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotLeader {
    /// Who leads, where it is known.
    pub leader: Option<NodeId>,
}

impl Raft {
    pub(crate) fn lead(&mut self, now: Instant) {
        self.leader = Some(self.me().id);
        self.leader_died = false;
        self.incoming = None;
        let own_entry = self.log.end().offset;
        self.standing = Standing::Leading(Box::new(Leading {
            since: now,
            own_entry,
            serving: false,
            progress: BTreeMap::new(),
            heartbeat_at: now + self.config.heartbeat_interval,
            transfer: None,
        }));
        self.track_voters();
        self.append(Payload::LeaderChange);
        self.tell_observers();
        self.serve_when_due();
    }

    /// Appends the driver's bytes as one entry, and says at which offset. It is committed once
    /// [`Effect::Apply`](crate::Effect::Apply) brings it back; when another
    /// [`Effect::Follow`](crate::Effect::Follow) comes first it may be or not.
    pub fn propose(&mut self, _now: Instant, data: Bytes) -> Result<Offset, NotLeader> {
        self.accepting()?;
        Ok(self.append(Payload::Data(data)))
    }

    /// Whether it leads and takes something new.
    pub(crate) fn accepting(&self) -> Result<(), NotLeader> {
        match &self.standing {
            Standing::Leading(leading) if leading.serving && leading.transfer.is_none() => Ok(()),
            _ => Err(NotLeader { leader: self.leader }),
        }
    }

    pub(crate) fn append(&mut self, payload: Payload) -> Offset {
        let epoch = self.epoch();
        self.log.push(Entry { epoch, payload })
    }

    /// Every voter has its progress.
    pub(crate) fn track_voters(&mut self) {
        let (voters, end) = (self.other_voters(), self.log.end().offset);
        let Standing::Leading(leading) = &mut self.standing else { return };
        for voter in voters {
            leading.progress.entry(voter).or_insert_with(|| Progress::unknown(end));
        }
    }

    /// Sends everyone what may be sent now.
    pub(crate) fn replicate(&mut self) {
        let Standing::Leading(leading) = &mut self.standing else { return };
        let mut all = std::mem::take(&mut leading.progress);
        for (key, progress) in &mut all {
            self.replicate_to(*key, progress);
        }
        if let Standing::Leading(leading) = &mut self.standing {
            leading.progress = all;
        }
    }

    fn replicate_to(&mut self, to: ReplicaKey, progress: &mut Progress) {
        loop {
            if progress.next < self.log.start() || progress.outgoing.is_some() {
                return self.send_chunk(to, progress);
            }
            let open = progress.in_flight < progress.window();
            let news = progress.next < self.log.end().offset || progress.told < self.high_watermark;
            let speak = progress.due || (open && news);
            if !speak {
                return;
            }
            self.send_append(to, progress, open);
        }
    }

    fn send_append(&mut self, to: ReplicaKey, progress: &mut Progress, open: bool) {
        let base_offset = progress.next;
        let previous_epoch = self.log.epoch_before(base_offset).expect("what it is sent next is in the log");
        let entries = if open { self.log.read(base_offset, self.config.max_append_bytes) } else { Vec::new() };
        if !progress.probing {
            progress.next += entries.len() as Offset;
        }
        progress.in_flight += 1;
        progress.due = false;
        progress.told = self.high_watermark;
        let high_watermark = self.high_watermark;
        self.send(to, Body::Append { base_offset, previous_epoch, entries, high_watermark });
    }

    pub(crate) fn on_appended(&mut self, now: Instant, from: ReplicaKey, epoch: LeaderEpoch, matched: Offset) {
        let end = self.log.end().offset;
        let Some(progress) = self.progress_of(from, epoch) else { return };
        if matched < 0 || matched > end {
            return mark!("replica claims more than the leader has");
        }
        progress.take(now, matched, end);
        self.advance_high_watermark(now);
        self.hand_over_when_ready();
    }

    pub(crate) fn on_diverged(&mut self, now: Instant, from: ReplicaKey, epoch: LeaderEpoch, log: LogEnd) {
        let Some(progress) = self.progress_of(from, epoch) else { return };
        let limit = LogEnd { offset: log.offset.min(progress.next), ..log };
        // Below the log's start: only a snapshot helps.
        let common = self.log.prefix_within(limit).map_or(0, |prefix| prefix.offset);
        if let Some(progress) = self.progress_of(from, epoch) {
            progress.step_back(now, common);
        }
    }

    /// The progress of a replica that answers in this epoch.
    pub(crate) fn progress_of(&mut self, key: ReplicaKey, epoch: LeaderEpoch) -> Option<&mut Progress> {
        match &mut self.standing {
            Standing::Leading(leading) if epoch == self.hard_state.epoch => leading.progress.get_mut(&key),
            _ => None,
        }
    }

    /// Commits what a majority has on stable storage. Only an entry of the leader's own epoch is counted, and commits all
    /// before it: one of an earlier epoch may be on a majority and still be overwritten.
    pub(crate) fn advance_high_watermark(&mut self, now: Instant) {
        let Standing::Leading(leading) = &self.standing else { return };
        let voters = self.log.voters();
        let mut ends: Vec<Offset> = voters.keys().map(|voter| self.matched_by(leading, voter)).collect();
        ends.sort_unstable_by(|one, other| other.cmp(one));
        let Some(end) = ends.get(voters.majority() - 1).copied() else { return };
        let own = self.log.epoch_before(end) == Some(self.epoch());
        if end > self.high_watermark && !own {
            mark!("entry of an earlier epoch on a majority");
        }
        if end > self.high_watermark && (own || planted!("old-epoch-entry-counts")) {
            self.commit(end);
            self.serve_when_due();
            self.leave_when_removed(now);
        }
    }

    /// How far a voter's log counts. One that is being let in counts once it knows that: see [`Raft::votes_above`].
    pub(crate) fn matched_by(&self, leading: &Leading, voter: ReplicaKey) -> Offset {
        if voter == self.me() {
            return self.log.stable_end();
        }
        let matched = leading.progress.get(&voter).map_or(0, Progress::matched_or_zero);
        let known = matched > self.log.voters_offset() || self.log.voters_before(self.high_watermark).contains(voter);
        if known { matched } else { 0 }
    }

    /// Before its own first entry is committed a leader does not know which of the entries before it are.
    fn serve_when_due(&mut self) {
        let Standing::Leading(leading) = &mut self.standing else { return };
        let due = self.high_watermark > leading.own_entry || planted!("serves-before-its-own-entry");
        if due && !leading.serving {
            leading.serving = true;
            self.announce_leading();
        }
    }

    pub(crate) fn heartbeat(&mut self, now: Instant) {
        let silent = self.config.fetch_timeout * 10;
        let heartbeat_at = now + self.config.heartbeat_interval;
        let voters = self.log.voters();
        let Standing::Leading(leading) = &mut self.standing else { return };
        leading.heartbeat_at = heartbeat_at;
        let since = leading.since;
        leading.progress.retain(|key, progress| {
            voters.contains(*key) || now.saturating_since(progress.heard.unwrap_or(since)) < silent
        });
        leading.progress.values_mut().for_each(Progress::heartbeat);
        if leading.progress.is_empty() {
            leading.heartbeat_at = now + self.config.heartbeat_interval * ALONE; // nobody hears it
        }
        self.end_late_transfer(now);
        if !self.hears_majority(now) && !planted!("leader-of-a-minority-stays") {
            mark!("leader without a majority resigns");
            return self.follow(now, self.epoch(), None);
        }
        self.replace_wiped_voters(now);
    }

    fn hears_majority(&self, now: Instant) -> bool {
        let Standing::Leading(leading) = &self.standing else { return false };
        let voters = self.log.voters();
        let heard = |key: &ReplicaKey| {
            let heard = leading.progress.get(key).map(|progress| progress.heard.unwrap_or(leading.since));
            *key == self.me() || heard.is_some_and(|at| now.saturating_since(at) < self.config.fetch_timeout)
        };
        voters.keys().filter(heard).count() >= voters.majority()
    }
}
