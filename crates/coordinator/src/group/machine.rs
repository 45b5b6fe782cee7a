//! The machine: which request goes where.

use super::classic::{Classic, ClassicView, Joining, Undo};
use super::consumer::ConsumerSoft;
use super::failure::Failure;
use super::group_map::GroupMap;
use super::offsets::DeletedTopics;
use super::pending_append::PendingAppend;
use super::records::Record;
use super::settings::Settings;
use super::timers::{Timer, Timers};
use super::view::View;
use model::dice::Dice;
use model::metadata_image::MetadataImage;
use model::state_machine::{Entry, Instant, Now, Outbox, Position, StateMachine, Ticket};
use model::{ErrorCode, planted};
use protocol::Text;
use protocol::messages::consumer_group_describe::DescribedGroup as DescribedConsumerGroup;
use protocol::messages::consumer_group_heartbeat::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use protocol::messages::delete_groups::DeletableGroupResult;
use protocol::messages::describe_groups::DescribedGroup;
use protocol::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use protocol::messages::join_group::{JoinGroupRequest, JoinGroupResponse};
use protocol::messages::leave_group::{LeaveGroupRequest, LeaveGroupResponse};
use protocol::messages::list_groups::{ListGroupsRequest, ListGroupsResponse};
use protocol::messages::offset_commit::{OffsetCommitRequest, OffsetCommitResponse};
use protocol::messages::offset_delete::{OffsetDeleteRequest, OffsetDeleteResponse};
use protocol::messages::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchResponseGroup};
use protocol::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};
use std::collections::BTreeMap;
use std::convert::Infallible;

/// Whoever looks at what is due stops when it has written so many records. All of it could be more than the log takes in
/// one batch, today and at every later look.
const ENOUGH_AT_ONCE: usize = 100;

/// Kafka's default of `max.message.bytes`.
const MAX_BATCH_BYTES: usize = 1_048_588;

/// The groups of one partition of `__consumer_offsets`, and the decisions about them.
#[derive(Debug)]
pub struct GroupCoordinator {
    hard: GroupMap,
    soft: Soft,
}

/// What the log does not hold.
#[derive(Debug)]
pub(crate) struct Soft {
    pub dice: Dice,
    pub timers: Timers,
    /// Classic groups in motion.
    pub classic: BTreeMap<Text, Classic>,
    pub consumer: BTreeMap<Text, ConsumerSoft>,
    pub deleted_topics: DeletedTopics,
    /// What is to be taken back if the log refuses the records of this call.
    pub undo: Option<Undo>,
    pub pending_append: Option<PendingAppend>,
    /// What the log takes in one batch.
    pub max_batch_bytes: usize,
    /// The log was read to its end: what is replayed now was just written here.
    pub is_live: bool,
    /// The image of the last call, to see what has changed since.
    pub image: MetadataImage,
}

/// What a coordinator is shown besides its log. A clone costs a few reference counts.
#[derive(Clone, Debug)]
pub struct World {
    /// Topics and the configs of groups.
    pub image: MetadataImage,
    /// The configs of this broker.
    pub settings: Settings,
}

/// Who sent a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// The client id in its header; empty when there was none.
    pub id: Text,
    /// Where it connected from, in Java's form: `/10.0.0.1`.
    pub host: Text,
}

/// What a coordinator is asked, with the version of the request: the answer fits it.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // the messages are the documentation
pub enum Request {
    JoinGroup {
        request: JoinGroupRequest,
        version: i16,
        client: Client,
    },
    SyncGroup {
        request: SyncGroupRequest,
        version: i16,
    },
    Heartbeat {
        request: HeartbeatRequest,
        version: i16,
    },
    LeaveGroup {
        request: LeaveGroupRequest,
        version: i16,
    },
    ConsumerGroupHeartbeat {
        request: ConsumerGroupHeartbeatRequest,
        version: i16,
        client: Client,
    },
    OffsetCommit {
        request: OffsetCommitRequest,
        version: i16,
    },
    /// One group of an OffsetFetch; versions before 8 in the form of version 8.
    OffsetFetch {
        group: OffsetFetchRequestGroup,
        require_stable: bool,
        version: i16,
    },
    OffsetDelete(OffsetDeleteRequest),
    /// Those groups of a request that are kept here; so are the next two.
    DeleteGroups(Vec<Text>),
    DescribeGroups {
        groups: Vec<Text>,
        version: i16,
    },
    ConsumerGroupDescribe {
        groups: Vec<Text>,
    },
    ListGroups {
        request: ListGroupsRequest,
    },
}

/// What it answers.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // the messages are the documentation
pub enum Reply {
    JoinGroup(JoinGroupResponse),
    SyncGroup(SyncGroupResponse),
    Heartbeat(HeartbeatResponse),
    LeaveGroup(LeaveGroupResponse),
    ConsumerGroupHeartbeat(ConsumerGroupHeartbeatResponse),
    OffsetCommit(OffsetCommitResponse),
    OffsetFetch(OffsetFetchResponseGroup),
    OffsetDelete(OffsetDeleteResponse),
    DeleteGroups(Vec<DeletableGroupResult>),
    DescribeGroups(Vec<DescribedGroup>),
    ConsumerGroupDescribe(Vec<DescribedConsumerGroup>),
    ListGroups(ListGroupsResponse),
}

impl GroupCoordinator {
    /// A coordinator that knows nothing yet. `seed` is for members' ids, so it must differ between starts.
    pub fn new(seed: [u64; 4]) -> GroupCoordinator {
        let soft = Soft {
            dice: Dice::new(seed),
            timers: Timers::default(),
            classic: BTreeMap::new(),
            consumer: BTreeMap::new(),
            deleted_topics: DeletedTopics::new(),
            undo: None,
            pending_append: None,
            max_batch_bytes: MAX_BATCH_BYTES,
            is_live: false,
            image: MetadataImage::default(),
        };
        GroupCoordinator { hard: GroupMap::default(), soft }
    }

    /// The log takes batches of so many bytes at most, from now on: `max.message.bytes`.
    pub fn set_max_batch_bytes(&mut self, bytes: usize) {
        self.soft.max_batch_bytes = bytes;
    }

    /// Whether both have learnt the same: their hard state is equal.
    pub fn has_the_state_of(&self, other: &GroupCoordinator) -> bool {
        self.hard == other.hard
    }

    /// In what the hard state of both differs, in words; none when it is equal.
    pub fn difference(&self, other: &GroupCoordinator) -> Option<String> {
        self.hard.difference(&other.hard)
    }

    /// Decides in a view of what is known.
    fn decide(&mut self, now: Now, world: &World, out: &mut Outbox<Self>, decision: impl FnOnce(&mut View<'_>)) {
        decision(&mut View { hard: &self.hard, soft: &mut self.soft, world, now, out, weighed: 0, weight: 0 });
    }
}

impl Soft {
    /// The log has the group's record as it was when it was last written.
    fn classic_is_written(&mut self, id: &Text) {
        if let Some(group) = self.classic.get_mut(id) {
            group.unwritten = false;
            if group.is_at_rest() {
                self.classic.remove(id);
            }
        }
    }
}

impl View<'_> {
    fn handle(&mut self, ticket: Ticket, request: Request) {
        match request {
            Request::JoinGroup { request, version, client } => {
                self.join_group(Joining { ticket, request, version, client });
            }
            Request::SyncGroup { request, version } => self.sync_group(ticket, &request, version),
            Request::Heartbeat { request, .. } => self.heartbeat(ticket, &request),
            Request::LeaveGroup { request, version } => self.leave_group(ticket, request, version),
            Request::OffsetCommit { request, version } => self.offset_commit(ticket, request, version),
            Request::OffsetFetch { group, require_stable, version } => {
                self.offset_fetch(ticket, group, require_stable, version);
            }
            Request::OffsetDelete(request) => self.offset_delete(ticket, request),
            Request::DeleteGroups(groups) => self.delete_groups(ticket, groups),
            Request::DescribeGroups { groups, version } => self.describe_groups(ticket, &groups, version),
            Request::ListGroups { request } => self.list_groups(ticket, &request),
            Request::ConsumerGroupHeartbeat { request, version, client } => {
                self.consumer_group_heartbeat(ticket, request, version, client);
            }
            Request::ConsumerGroupDescribe { groups } => {
                let described = self.consumer_group_describe(&groups);
                self.reply(ticket, Reply::ConsumerGroupDescribe(described));
            }
        }
    }

    /// What is not looked at now is due still, so the next look comes at once.
    fn expire(&mut self) {
        while !self.has_enough(ENOUGH_AT_ONCE)
            && let Some((armed, timer)) = self.soft.timers.pop_due(self.now.monotonic)
        {
            self.timer(armed, timer);
        }
    }

    fn timer(&mut self, armed: Instant, timer: Timer) {
        match timer {
            Timer::Session { group, member } => self.in_classic(&group, |view| view.session_timer(armed, &member)),
            Timer::Promises { group } => self.in_classic(&group, |view| view.promises_timer(armed)),
            Timer::Join { group } => self.in_classic(&group, |view| view.join_timer(armed)),
            Timer::Sync { group } => self.in_classic(&group, |view| view.sync_timer(armed)),
            Timer::Write { group } => self.in_classic(&group, |view| view.write_timer()),
            Timer::Retention => self.expire_offsets(),
            Timer::DeletedTopics => self.take_offsets_of_deleted_topics(),
            Timer::Consumer { group, timer } => self.consumer_timer(armed, group, timer),
        }
    }

    fn in_classic(&mut self, id: &Text, work: impl FnOnce(&mut ClassicView<'_>)) {
        if let Some(mut group) = self.classic(id) {
            work(&mut group);
            self.settle_classic(id);
        }
    }
}

impl StateMachine for GroupCoordinator {
    type Request = Request;
    type Reply = Reply;
    type Record = Record;
    type Effect = Infallible;
    type World = World;

    fn loaded(&mut self, now: Now, world: &World, out: &mut Outbox<Self>) {
        self.soft.image = world.image.clone();
        self.soft.is_live = true;
        self.decide(now, world, out, |view| {
            view.load_classic_groups();
            view.consumer_groups_loaded();
            view.arm_retention();
        });
    }

    fn handle(&mut self, now: Now, world: &World, ticket: Ticket, request: Request, out: &mut Outbox<Self>) {
        self.decide(now, world, out, |view| view.handle(ticket, request));
        let undo = self.soft.undo.take().map(|undo| (undo, now, world.clone()));
        self.soft.pending_append = (!out.records.is_empty()).then(|| {
            let reply = out.replies.iter().find(|(other, _)| *other == ticket);
            PendingAppend { ticket, failure: reply.map(|(_, reply)| Failure::in_place_of(reply)), undo }
        });
    }

    fn world_changed(&mut self, now: Now, world: &World, out: &mut Outbox<Self>) {
        let changes = world.image.topic_changes_since(&self.soft.image);
        let old = std::mem::replace(&mut self.soft.image, world.image.clone());
        self.decide(now, world, out, |view| {
            view.topics_changed(&changes);
            view.consumer_groups_see(&changes, &old);
        });
    }

    fn expire(&mut self, now: Now, world: &World, out: &mut Outbox<Self>) {
        self.decide(now, world, out, |view| view.expire());
    }

    fn rejected(&mut self, ticket: Ticket, error: ErrorCode, out: &mut Outbox<Self>) {
        let Some(pending) = self.soft.pending_append.take_if(|pending| pending.ticket == ticket) else { return };
        if let Some(failure) = pending.failure {
            out.reply(ticket, failure.reply(error));
        }
        if let Some((Undo::Assignment { group }, now, world)) = pending.undo {
            self.decide(now, &world, out, |view| view.in_classic(&group, |group| group.take_back_assignment()));
        }
    }

    fn replay(&mut self, at: Position, entry: Entry<'_, Record>) {
        self.soft.pending_append = None;
        match entry {
            Entry::Record(Record::GroupMetadata(key, Some(_))) => self.soft.classic_is_written(&key.group),
            Entry::Record(Record::GroupMetadata(key, None)) => drop(self.soft.classic.remove(&key.group)),
            _ => {}
        }
        let is_loading = !self.soft.is_live;
        if planted!("first-offset-of-a-partition-stays-on-load") && is_loading && self.hard.has_offset(&entry) {
            return;
        }
        self.hard.replay(at, entry);
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.soft.timers.next()
    }
}
