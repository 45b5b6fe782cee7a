//! The group coordinators on this node: one for each partition of `__consumer_offsets` that it leads.

mod driver;
mod hosting;
mod loading;
mod topic;
mod uncommitted;
mod unsure;

pub(crate) use hosting::{host, world};
pub(crate) use topic::{OFFSETS_TOPIC, find};

use coordinator::group::{GroupCoordinator, Reply, Request, World};
use model::metadata_image::MetadataImage;
use model::state_machine::{Instant, Now, Outbox, StateMachine, Ticket};
use model::{ErrorCode, LeaderEpoch, PartitionId, planted};
use protocol::wire::Text;
use runtime::sync::{mpsc, oneshot, watch};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Requests that wait for one coordinator, at most; beyond it connections wait.
const MAILBOX: usize = 256;

/// The coordinators on this node, by partition.
#[derive(Debug)]
pub(crate) struct Groups {
    coordinators: Mutex<BTreeMap<PartitionId, Coordinator>>,
    /// What the machines are shown.
    world: watch::Sender<Arc<World>>,
}

/// One coordinator, as everyone else sees it.
#[derive(Clone, Debug)]
struct Coordinator {
    leader_epoch: LeaderEpoch,
    /// It knows all that its log says.
    loaded: Arc<AtomicBool>,
    mailbox: mpsc::Sender<Mail>,
}

/// What comes to a coordinator.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // all mail is of the large kind, but for one letter now and then
enum Mail {
    /// A request.
    Asked(Asked),
    /// It is to compare itself with its log.
    Compare(oneshot::Sender<Comparison>),
}

/// A request, and where its reply goes.
#[derive(Debug)]
struct Asked {
    request: Request,
    reply: oneshot::Sender<Answer>,
}

/// What a coordinator finds when it reads its own log again, as a new one would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The log gives what it knows.
    Equal,
    /// It does not; how.
    Differs(String),
    /// Nobody can tell now: it is not loaded, or leads no more, or its log cannot be read.
    Unknown,
}

/// A reply, or why there is none.
type Answer = Result<Reply, ErrorCode>;

impl Groups {
    pub fn new(world: World) -> Groups {
        Groups { coordinators: Mutex::default(), world: watch::Sender::new(Arc::new(world)) }
    }

    /// The metadata is this now. Told before anybody hears that it is applied, so that who was told of a topic may commit
    /// to it.
    pub fn show(&self, world: World) {
        self.world.send_replace(Arc::new(world));
    }

    /// Asks the coordinator of `partition`.
    pub async fn ask(&self, partition: PartitionId, request: Request) -> Reply {
        let failure = request.failure();
        match self.reply_of(partition, request).await {
            Ok(reply) => reply,
            Err(error) => failure.reply(error),
        }
    }

    async fn reply_of(&self, partition: PartitionId, request: Request) -> Answer {
        let coordinator = self.coordinators.lock().expect("no panic inside").get(&partition).cloned();
        let coordinator = coordinator.ok_or(ErrorCode::NotCoordinator)?;
        if !coordinator.loaded.load(Ordering::Acquire) {
            let asks = matches!(request, Request::OffsetFetch { .. });
            if asks && planted!("offsets are told before they are loaded") {
                return self.of_an_empty_log(request);
            }
            return Err(ErrorCode::CoordinatorLoadInProgress);
        }
        let (reply, answer) = oneshot::channel();
        let asked = Mail::Asked(Asked { request, reply });
        coordinator.mailbox.send(asked).await.map_err(|_| ErrorCode::NotCoordinator)?;
        answer.await.unwrap_or(Err(ErrorCode::NotCoordinator))
    }

    /// What a coordinator answers that has loaded nothing. For a planted bug.
    fn of_an_empty_log(&self, request: Request) -> Answer {
        let (now, world) = (Now { monotonic: Instant::default(), wall: -1 }, self.world.borrow().clone());
        let mut out = Outbox::new();
        GroupCoordinator::new([0; 4]).handle(now, &world, Ticket(0), request, &mut out);
        out.replies.pop().map(|(_, reply)| reply).ok_or(ErrorCode::UnknownServerError)
    }

    /// Asks the coordinator of a group.
    pub async fn ask_for(&self, image: &MetadataImage, group_id: &str, request: Request) -> Reply {
        match topic::partition_of_group(image, group_id) {
            Some(partition) => self.ask(partition, request).await,
            None => request.failure().reply(ErrorCode::NotCoordinator),
        }
    }

    /// Which groups are whose. While the topic is not there, nobody has them.
    pub fn by_coordinator(&self, image: &MetadataImage, groups: Vec<Text>) -> BTreeMap<PartitionId, Vec<Text>> {
        let mut by_partition: BTreeMap<PartitionId, Vec<Text>> = BTreeMap::new();
        for group in groups {
            let partition = topic::partition_of_group(image, &group).unwrap_or(-1);
            by_partition.entry(partition).or_default().push(group);
        }
        by_partition
    }

    /// Has the coordinator of `partition` read its log again, between two requests. For tests.
    pub async fn replay_check(&self, partition: PartitionId) -> Comparison {
        let coordinator = self.coordinators.lock().expect("no panic inside").get(&partition).cloned();
        let Some(coordinator) = coordinator.filter(|it| it.loaded.load(Ordering::Acquire)) else {
            return Comparison::Unknown;
        };
        let (reply, found) = oneshot::channel();
        if coordinator.mailbox.send(Mail::Compare(reply)).await.is_err() {
            return Comparison::Unknown;
        }
        found.await.unwrap_or(Comparison::Unknown)
    }

    /// The partitions whose coordinator is here.
    pub fn hosted(&self) -> Vec<PartitionId> {
        self.coordinators.lock().expect("no panic inside").keys().copied().collect()
    }
}
