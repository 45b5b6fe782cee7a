//! One node: the machine in a process that may be killed, its disk, and the shell's part around it in short.

use super::controller::Image;
use super::disk::{Disk, Record};
use super::message::{CONTROLLER, Message};
use crate::{
    Batches, CheckedFetch, FetchAnswer, FetchCheck, FetchToken, Follower, FollowerFetch, FollowerStep, Following,
    IsrAnswer, Leader, LeaderLog, ProposalId, Terms, check_fetch,
};
use model::metadata_image::PartitionImage;
use model::state_machine::Instant;
use model::{ErrorCode, NodeId, Offset};
use std::sync::Arc;
use std::time::Duration;

const HEARTBEAT: Duration = Duration::from_millis(150);
/// After this long a request is taken for lost.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(400);
const FETCH_BACKOFF: Duration = Duration::from_millis(60);
/// Records that a fetch brings at most.
const FETCH_RECORDS: usize = 6;

#[derive(Debug, Default)]
pub(super) enum Role {
    #[default]
    Idle,
    Leader(Leader),
    Follower(Follower),
}

/// A producer that waits for acks=all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub offset: Offset,
    pub value: u64,
}

#[derive(Debug)]
pub(super) struct Node {
    pub id: NodeId,
    pub up: bool,
    pub incarnation: u64,
    pub disk: Disk,
    pub role: Role,
    /// What it holds for committed, as far as it tells others.
    pub high_watermark: Offset,
    pub image: Option<Arc<Image>>,
    pub waiting: Vec<Waiting>,
    /// A client waits until all below is deleted wherever it has to be.
    deleting: Option<Offset>,
    pub terms: Terms,
    broker_epoch: Option<Offset>,
    generation: u64,
    heartbeat_at: Instant,
    fetch_sent: Option<Instant>,
    asked: Option<(ProposalId, Instant)>,
    /// It was to cut what it held for committed.
    pub cut_committed: bool,
    /// What the disk is busy with for the follower.
    doing: Option<(FollowerStep, Vec<Record>)>,
}

/// Where messages that leave are put.
pub(super) type Out = Vec<(NodeId, Message)>;

impl Node {
    pub fn new(id: NodeId, disk: Disk, terms: Terms) -> Node {
        Node {
            id,
            up: false,
            incarnation: 0,
            disk,
            role: Role::Idle,
            high_watermark: 0,
            image: None,
            waiting: Vec::new(),
            deleting: None,
            terms,
            broker_epoch: None,
            generation: 0,
            heartbeat_at: Instant::default(),
            fetch_sent: None,
            asked: None,
            cut_committed: false,
            doing: None,
        }
    }

    /// A process starts and finds what the disk has.
    pub fn start(&mut self) {
        let disk = self.disk.clone();
        let incarnation = self.incarnation + 1;
        *self = Node { up: true, incarnation, high_watermark: disk.checkpoint, ..Node::new(self.id, disk, self.terms) };
    }

    pub fn stop(&mut self) {
        self.up = false;
        self.set_role(Role::Idle);
    }

    pub fn leader(&self) -> Option<&Leader> {
        match &self.role {
            Role::Leader(leader) => Some(leader),
            _ => None,
        }
    }

    /// What time brings: heartbeats, fetches, proposals, and requests that are taken for lost.
    pub fn tick(&mut self, now: Instant, out: &mut Out) {
        if now >= self.heartbeat_at {
            self.heartbeat_at = now + HEARTBEAT;
            out.push((CONTROLLER, self.heartbeat()));
        }
        if self.fetch_sent.is_some_and(|at| now.saturating_since(at) >= REQUEST_TIMEOUT) {
            self.fetch_sent = None;
        }
        let lost = self.asked.filter(|(_, at)| now.saturating_since(*at) >= REQUEST_TIMEOUT);
        if let (Some((id, _)), Role::Leader(leader)) = (lost, &mut self.role) {
            leader.proposal_answered(now, id, IsrAnswer::Unknown);
            self.asked = None;
        }
        if let Role::Leader(leader) = &mut self.role {
            leader.tick(now);
        }
        self.go_on(now, out);
    }

    fn heartbeat(&self) -> Message {
        match (self.broker_epoch, &self.image) {
            (Some(broker_epoch), Some(image)) => Message::Heartbeat { broker_epoch, version: image.version },
            _ => Message::Register { incarnation: self.incarnation, directory: self.disk.directory },
        }
    }

    /// After anything happened: what the machine wants to send.
    fn go_on(&mut self, now: Instant, out: &mut Out) {
        match &mut self.role {
            Role::Leader(leader) => {
                if let (Some(proposal), Some(broker_epoch)) = (leader.proposal(now), self.broker_epoch) {
                    self.asked = Some((proposal.id, now));
                    let incarnation = self.incarnation;
                    out.push((CONTROLLER, Message::Alter { incarnation, broker_epoch, proposal }));
                }
                self.high_watermark = leader.high_watermark();
            }
            Role::Follower(follower) => {
                if let Some(start) = follower.log_start_to_take() {
                    self.disk.advance_start(start);
                    follower.log_moved(self.disk.follower_log());
                }
                self.high_watermark = follower.high_watermark();
                self.fetch(now, out);
            }
            Role::Idle => {}
        }
    }

    fn fetch(&mut self, now: Instant, out: &mut Out) {
        let Role::Follower(follower) = &self.role else { return };
        let (None, Some(broker_epoch), Some(wanted)) = (self.fetch_sent, self.broker_epoch, follower.wanted(now))
        else {
            return;
        };
        let fetch = FollowerFetch {
            replica: self.id,
            broker_epoch,
            current_leader_epoch: wanted.current_leader_epoch,
            fetch_offset: wanted.fetch_offset,
            last_fetched_epoch: wanted.last_fetched_epoch,
            log_start_offset: wanted.log_start_offset,
            durable_end: wanted.durable_end,
            sent_after: Some(now),
        };
        self.fetch_sent = Some(now);
        let (incarnation, made_in) = (self.incarnation, wanted.partition_epoch.expect("told with each image"));
        out.push((wanted.leader, Message::Fetch { incarnation, token: wanted.token, fetch, made_in }));
    }

    pub fn image(&mut self, now: Instant, image: &Arc<Image>, out: &mut Out) {
        let Some(registered) = image.brokers.get(&self.id) else { return };
        // An image of an earlier life says nothing about this one: the registration has to be in it.
        let is_mine = registered.directory == self.disk.directory && image.is_registered(self.id, self.incarnation);
        if !is_mine || self.image.as_ref().is_some_and(|known| known.version >= image.version) {
            return;
        }
        if self.broker_epoch.is_none() {
            self.heartbeat_at = now;
        }
        self.broker_epoch = Some(registered.epoch);
        self.image = Some(image.clone());
        self.take_role(now, &image.partition);
        self.go_on(now, out);
    }

    fn take_role(&mut self, now: Instant, partition: &PartitionImage) {
        let image = self.image.clone().expect("set by the caller");
        let brokers = |id: NodeId| image.may_be_in_sync(id);
        if !partition.replicas.contains(&self.id) {
            self.set_role(Role::Idle);
            if self.disk.end() > 0 {
                self.disk.reset(0);
                self.disk.checkpoint = 0;
            }
            self.high_watermark = 0;
            return;
        }
        match (&mut self.role, partition.leader) {
            (Role::Leader(leader), Some(id)) if id == self.id && leader.leader_epoch() == partition.leader_epoch => {
                leader.image_changed(now, partition, &brokers);
            }
            (Role::Follower(follower), Some(id))
                if id == follower.following().leader && follower.following().leader_epoch == partition.leader_epoch =>
            {
                follower.image_changed(partition.partition_epoch);
            }
            (_, Some(id)) if id == self.id => {
                self.disk.note_epoch(partition.leader_epoch);
                let log = self.disk.own_log();
                let leader = Leader::new(now, id, partition, &brokers, log, self.high_watermark, self.terms);
                self.set_role(Role::Leader(leader));
            }
            (_, Some(leader)) => self.follow(leader, partition),
            (_, None) => self.set_role(Role::Idle),
        }
    }

    fn follow(&mut self, leader: NodeId, partition: &PartitionImage) {
        self.set_role(Role::Idle);
        let PartitionImage { leader_epoch, partition_epoch, .. } = *partition;
        let following = Following { leader, leader_epoch, fetch_backoff: FETCH_BACKOFF };
        let log = self.disk.follower_log();
        let (mut follower, step) = Follower::new(following, log, self.high_watermark, self.generation);
        follower.image_changed(partition_epoch);
        self.set_role(Role::Follower(follower));
        self.begin(step, Vec::new());
    }

    fn set_role(&mut self, role: Role) {
        if let Role::Follower(follower) = &self.role {
            self.generation = follower.next_generation();
        }
        self.role = role;
        self.waiting.clear();
        self.deleting = None;
        (self.fetch_sent, self.asked) = (None, None);
        self.doing = None;
    }

    /// Begins what the follower says, if that is something for the disk.
    fn begin(&mut self, step: FollowerStep, records: Vec<Record>) {
        self.cut_committed |= matches!(step, FollowerStep::Truncate { below_high_watermark: true, .. });
        use FollowerStep::*;
        if matches!(step, Append | AppendFrom { .. } | Truncate { .. } | ResetTo { .. }) {
            self.doing = Some((step, records));
        }
    }

    /// Whether the disk is busy for the follower: see [`Node::finish`].
    pub fn is_busy(&self) -> bool {
        self.doing.is_some()
    }

    /// The disk has done what the follower said.
    pub fn finish(&mut self, now: Instant, out: &mut Out) {
        let (Some((step, records)), Role::Follower(follower)) = (self.doing.take(), &mut self.role) else { return };
        match step {
            FollowerStep::Append => self.disk.append(&records),
            FollowerStep::AppendFrom { start } => {
                self.disk.reset(start);
                self.disk.append(&records);
            }
            FollowerStep::Truncate { to, .. } => self.disk.truncate(to),
            FollowerStep::ResetTo { start } => self.disk.reset(start),
            FollowerStep::Nothing | FollowerStep::BackOff { .. } | FollowerStep::WaitForMetadata => {}
        }
        follower.done(self.disk.follower_log());
        self.go_on(now, out);
    }

    /// A replica's fetch: compared with the log first, then counted, then answered.
    pub fn fetched_from(
        &mut self,
        now: Instant,
        fetch: FollowerFetch,
        made_in: i32,
        out: &mut Out,
    ) -> (FetchAnswer, Vec<Record>) {
        let result = self.count(now, fetch, made_in);
        let (end, start) = (self.disk.end(), self.disk.start());
        let mut answer = FetchAnswer {
            error: ErrorCode::None,
            diverging: None,
            high_watermark: self.leader().map_or(-1, Leader::high_watermark),
            log_start_offset: start,
            batches: None,
        };
        let mut records = Vec::new();
        match result.map(|checked| checked.outcome()) {
            Err(error) => answer.error = error,
            Ok(FetchCheck::Deleted) => {}
            Ok(FetchCheck::Diverging(end)) => answer.diverging = Some(end),
            Ok(FetchCheck::OutOfRange { latest, .. }) => {
                (answer.error, answer.diverging) = (ErrorCode::OffsetOutOfRange, Some(latest));
            }
            Ok(FetchCheck::Matches) => {
                records = self.disk.read(fetch.fetch_offset.min(end), FETCH_RECORDS).to_vec();
                answer.batches = records.last().map(|last| Batches {
                    base_offset: fetch.fetch_offset,
                    last_offset: fetch.fetch_offset + records.len() as Offset - 1,
                    last_epoch: last.epoch,
                });
            }
        }
        self.go_on(now, out);
        (answer, records)
    }

    fn count(&mut self, now: Instant, fetch: FollowerFetch, made_in: i32) -> Result<CheckedFetch, ErrorCode> {
        let Role::Leader(leader) = &mut self.role else { return Err(ErrorCode::NotLeaderOrFollower) };
        let disk = &self.disk;
        let log = LeaderLog {
            leader_epoch: leader.leader_epoch(),
            log_start_offset: disk.start(),
            log_end_offset: disk.end(),
            end_of_epoch: &|epoch| disk.end_of_epoch(epoch),
        };
        let checked = check_fetch(fetch, log)?.made_in(made_in);
        leader.fetched(now, &checked)?;
        Ok(checked)
    }

    pub fn fetch_answered(
        &mut self,
        now: Instant,
        token: FetchToken,
        answer: &FetchAnswer,
        records: Vec<Record>,
        out: &mut Out,
    ) {
        let Role::Follower(follower) = &mut self.role else { return };
        self.fetch_sent = None;
        let disk = &self.disk;
        let step = follower.answered(now, token, answer, &|epoch| disk.end_of_epoch(epoch));
        self.begin(step, records);
        self.go_on(now, out);
    }

    pub fn altered(&mut self, now: Instant, id: ProposalId, answer: IsrAnswer, out: &mut Out) {
        let Role::Leader(leader) = &mut self.role else { return };
        if self.asked.is_some_and(|(asked, _)| asked == id) {
            self.asked = None;
        }
        leader.proposal_answered(now, id, answer);
        self.go_on(now, out);
    }

    pub fn synced(&mut self, now: Instant, end: Offset, cuts: u64, out: &mut Out) {
        if self.disk.synced(end, cuts) {
            self.log_moved(now, out);
        }
    }

    /// Appends for a producer, if this node leads and may.
    pub fn produce(&mut self, now: Instant, value: u64, acks: i16, out: &mut Out) -> bool {
        let Role::Leader(leader) = &mut self.role else { return false };
        if leader.check_append(acks).is_err() {
            return false;
        }
        let offset = self.disk.end();
        self.disk.append(&[Record { epoch: leader.leader_epoch(), value }]);
        if acks == -1 {
            self.waiting.push(Waiting { offset, value });
        }
        self.log_moved(now, out);
        true
    }

    /// The producers that are answered now.
    pub fn acknowledged(&mut self) -> Vec<Waiting> {
        let Role::Leader(leader) = &self.role else { return Vec::new() };
        let acknowledged = leader.acknowledged();
        let reached = self.waiting.partition_point(|waiting| waiting.offset < acknowledged.end);
        let answered: Vec<Waiting> = self.waiting.drain(..reached).collect();
        if acknowledged.error.is_none() { answered } else { Vec::new() }
    }

    /// DeleteRecords up to `before`.
    pub fn delete_records(&mut self, now: Instant, before: Offset, out: &mut Out) {
        self.disk.advance_start(before);
        self.deleting = self.deleting.max(Some(before));
        self.log_moved(now, out);
    }

    /// What a client is told now to be deleted.
    pub fn deleted(&mut self) -> Option<Offset> {
        let (Role::Leader(leader), Some(image)) = (&self.role, &self.image) else { return None };
        let low_watermark = leader.low_watermark(&|id| image.may_be_in_sync(id).is_some());
        self.deleting.take_if(|before| *before <= low_watermark)
    }

    fn log_moved(&mut self, now: Instant, out: &mut Out) {
        match &mut self.role {
            Role::Leader(leader) => leader.log_moved(now, self.disk.own_log()),
            Role::Follower(follower) => follower.log_moved(self.disk.follower_log()),
            Role::Idle => {}
        }
        self.go_on(now, out);
    }
}
