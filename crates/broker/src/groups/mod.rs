//! The group coordinators on this node: one for each partition of `__consumer_offsets` that it leads.

mod driver;
mod hosting;
mod loading;
mod topic;
mod uncommitted;
mod unsure;

pub(crate) use hosting::host;
pub(crate) use topic::{OFFSETS_TOPIC, find};

use coordinator::group::{Reply, Request, World};
use model::metadata_image::MetadataImage;
use model::{ErrorCode, LeaderEpoch, PartitionId};
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
    world: watch::Sender<Option<Arc<World>>>,
}

/// One coordinator, as everyone else sees it.
#[derive(Clone, Debug)]
struct Coordinator {
    leader_epoch: LeaderEpoch,
    /// It knows all that its log says.
    loaded: Arc<AtomicBool>,
    mailbox: mpsc::Sender<Asked>,
}

/// A request, and where its reply goes.
#[derive(Debug)]
struct Asked {
    request: Request,
    reply: oneshot::Sender<Reply>,
}

impl Groups {
    pub fn new() -> Groups {
        Groups { coordinators: Mutex::default(), world: watch::Sender::new(None) }
    }

    /// Asks the coordinator of `partition`.
    pub async fn ask(&self, partition: PartitionId, request: Request) -> Reply {
        let failure = request.failure();
        let coordinator = self.coordinators.lock().expect("no panic inside").get(&partition).cloned();
        let Some(coordinator) = coordinator else { return failure.reply(ErrorCode::NotCoordinator) };
        if !coordinator.loaded.load(Ordering::Acquire) {
            return failure.reply(ErrorCode::CoordinatorLoadInProgress);
        }
        let (reply, answer) = oneshot::channel();
        if coordinator.mailbox.send(Asked { request, reply }).await.is_err() {
            return failure.reply(ErrorCode::NotCoordinator);
        }
        answer.await.unwrap_or_else(|_| failure.reply(ErrorCode::NotCoordinator))
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

    /// The partitions whose coordinator is here.
    pub fn hosted(&self) -> Vec<PartitionId> {
        self.coordinators.lock().expect("no panic inside").keys().copied().collect()
    }
}
