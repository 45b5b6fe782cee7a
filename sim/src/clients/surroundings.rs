//! What clients share: the history, what is known of topics and offsets, and what time of the run it is.

use super::chronicle::Chronicle;
use super::fetched::Decoder;
use super::groups::Board;
use super::wire::{Failure, Wire};
use crate::plan::{GroupsPlan, Pause, Place, TopicShape};
use jepsen_lite::history::{Answer, Process};
use model::{NodeId, Offset, TopicPartition, Uuid};
use protocol::messages::fetch::PartitionData;
use runtime::sync::watch;
use runtime::time::{Duration, Instant, sleep, timeout};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Clients take their steps, and things go wrong.
    Faults,
    /// Nothing goes wrong any more; clients finish what they have begun.
    Drain,
    /// Nobody writes; followers read to the end.
    CatchUp,
}

/// What all clients of a run share.
pub struct Surroundings {
    /// The history.
    pub chronicle: Chronicle,
    /// Where each node is, by its place; the node at place `n` has the id `n + 1`.
    pub nodes: Vec<String>,
    /// The topics of the plan.
    pub topics: Vec<TopicShape>,
    /// Consumer groups, where there are any.
    pub groups: Option<GroupsPlan>,
    /// What is known of them.
    pub board: Board,
    /// Where the run is.
    pub phase: watch::Receiver<Phase>,
    /// Ids of topics, as the last creation told.
    ids: Mutex<BTreeMap<String, Uuid>>,
    /// Log start and end of partitions, as last told.
    bounds: Mutex<BTreeMap<Place, (Offset, Offset)>>,
    decoder: Mutex<Decoder>,
}

impl Surroundings {
    /// Nothing is known yet.
    pub fn new(
        chronicle: Chronicle,
        nodes: Vec<String>,
        (topics, groups): (Vec<TopicShape>, Option<GroupsPlan>),
        phase: watch::Receiver<Phase>,
    ) -> Surroundings {
        let (ids, bounds, decoder) = (Mutex::default(), Mutex::default(), Mutex::default());
        let board = Board::default();
        Surroundings { chronicle, nodes, topics, groups, board, phase, ids, bounds, decoder }
    }

    /// Whether there is more than one node.
    pub fn is_cluster(&self) -> bool {
        self.nodes.len() > 1
    }

    /// The node where there is one.
    pub fn only_node(&self) -> NodeId {
        1
    }

    /// The node to write down for whom something was asked of; nobody where there is one.
    pub fn noted(&self, node: NodeId) -> Option<NodeId> {
        self.is_cluster().then_some(node)
    }

    /// The id of a topic, as the last creation told.
    pub fn id_of(&self, topic: &str) -> Option<Uuid> {
        self.ids.lock().expect("no panic inside").get(topic).copied()
    }

    /// A topic was made, or deleted.
    pub fn set_id(&self, topic: &str, id: Option<Uuid>) {
        let mut ids = self.ids.lock().expect("no panic inside");
        match id {
            Some(id) => ids.insert(topic.to_owned(), id),
            None => ids.remove(topic),
        };
    }

    /// What a fetch from `from` on brought for one partition.
    pub fn read(&self, data: &PartitionData, from: Offset) -> Answer {
        self.decoder.lock().expect("no panic inside").answer(data, from)
    }

    /// A broker told where a log starts and ends; -1 where it did not.
    pub fn learn(&self, place: Place, log_start: Offset, end: Offset) {
        let mut bounds = self.bounds.lock().expect("no panic inside");
        let known = bounds.entry(place).or_default();
        if log_start >= 0 {
            known.0 = log_start;
        }
        if end >= 0 {
            known.1 = end;
        }
    }

    /// Log start and end, as last told.
    pub fn bounds_of(&self, place: Place) -> (Offset, Offset) {
        self.bounds.lock().expect("no panic inside").get(&place).copied().unwrap_or_default()
    }

    /// Every partition of the plan.
    pub fn places(&self) -> Vec<Place> {
        let of = |(topic, shape): (usize, &TopicShape)| {
            (0..shape.partitions).map(move |partition| Place { topic: topic as u8, partition: partition as u8 })
        };
        self.topics.iter().enumerate().flat_map(of).collect()
    }

    /// The partition at a place.
    pub fn partition(&self, place: Place) -> TopicPartition {
        TopicPartition::new(self.topics[usize::from(place.topic)].name.as_str(), i32::from(place.partition))
    }
}

/// One client.
#[derive(Clone)]
pub struct Client {
    /// Its number in the history.
    pub process: Process,
    /// Its name.
    pub name: String,
    /// What it shares with others.
    pub around: Arc<Surroundings>,
}

/// How long a client waits for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1500);

impl Client {
    /// The partition at a place.
    pub fn partition(&self, place: Place) -> TopicPartition {
        self.around.partition(place)
    }

    /// Whether the phase is `phase` or a later one.
    pub fn is_past(&self, phase: Phase) -> bool {
        *self.around.phase.borrow() > phase
    }

    /// Waits, but not beyond the end of the phase `phase`.
    pub async fn pause(&self, pause: Pause, phase: Phase) {
        self.pause_until(Instant::now() + Duration::from_micros(u64::from(pause)), phase).await;
    }

    /// Waits until `deadline`, but not beyond the end of the phase `phase`.
    pub async fn pause_until(&self, deadline: Instant, phase: Phase) {
        let mut phases = self.around.phase.clone();
        let over = async { while *phases.borrow_and_update() <= phase && phases.changed().await.is_ok() {} };
        let _ = runtime::time::timeout_at(deadline, over).await;
    }

    /// A new connection to any node, or why there is none.
    pub async fn connect(&self) -> Result<Wire, Failure> {
        let place = if self.around.is_cluster() { runtime::rand::below(self.around.nodes.len() as u64) } else { 0 };
        self.connect_to(place as NodeId + 1).await
    }

    /// A new connection to one node, or why there is none.
    pub async fn connect_to(&self, node: NodeId) -> Result<Wire, Failure> {
        let place = usize::try_from(node - 1).ok().and_then(|place| self.around.nodes.get(place));
        let Some(address) = place else { return Err(Failure(format!("there is no node {node}"))) };
        match timeout(CONNECT_TIMEOUT, Wire::connect(address, &self.name)).await {
            Ok(connected) => connected,
            Err(_) => Err(Failure("no connection in time".into())),
        }
    }

    /// Makes sure that there is a connection to any node, waiting a little after a vain attempt.
    pub async fn connected<'w>(&self, wire: &'w mut Option<Wire>) -> Option<&'w mut Wire> {
        if wire.is_none() {
            match self.connect().await {
                Ok(connected) => *wire = Some(connected),
                Err(_) => self.back_off().await,
            }
        }
        wire.as_mut()
    }

    /// Waits a little, and not always the same.
    pub async fn back_off(&self) {
        sleep(Duration::from_millis(20 + runtime::rand::below(150))).await;
    }
}
