//! The clients of a run. They are the `client` crate's own: what users get.

mod chronicle;
mod convergence;
mod follower;
mod groups;
mod lookups;
mod producer;
mod repairs;
mod scan;
mod topics;

pub use chronicle::Chronicle;
pub use convergence::converge;
pub use groups::{Crew, await_groups, look_up_everything};
pub use topics::{Topic, create_topics, topics};

use client::{BackoffConfig, ClientConfig, Cluster, ConsumerRecord};
use jepsen_lite::history::{Process, Received, content_of};
use jepsen_lite::workload::identify;
use model::TopicPartition;
use runtime::sync::watch;
use runtime::task::{self, JoinHandle};
use runtime::time::{Duration, Instant, sleep, timeout};
use std::sync::Arc;

/// How far a run is. Clients do what they are there for while there are faults, then go on until they are told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Faults come and go.
    Faults,
    /// All is mended: nothing is written any more, readers read on.
    Drain,
    /// All is well: readers read to the end, and stop.
    CatchUp,
}

/// What every client of a run knows.
#[derive(Clone)]
pub struct Surroundings {
    /// Where what happens is written down.
    pub chronicle: Chronicle,
    /// Where servers are.
    pub bootstrap: String,
    /// The topics.
    pub topics: Arc<Vec<Topic>>,
    /// How far the run is.
    pub phase: watch::Receiver<Phase>,
    /// Records a second, by all producers together.
    pub rate: u32,
}

/// Producers.
const PRODUCERS: u32 = 4;
/// Clients that follow all partitions.
const FOLLOWERS: u32 = 2;
/// Clients are numbered from here on by what they do.
const FIRST_FOLLOWER: Process = 20;
const LOOKUPS: Process = 40;
/// Who makes topics and waits for the cluster.
pub const FOUNDER: Process = 90;
const SCANNER: Process = 91;

impl Surroundings {
    /// A client's own connections, with less patience than people have: a run is a minute or two.
    pub fn connect(&self, name: &str) -> Cluster {
        let impatient = BackoffConfig { first: Duration::from_millis(20), most: Duration::from_millis(250) };
        Cluster::new(ClientConfig {
            client_id: name.to_owned(),
            request_timeout: Duration::from_secs(3),
            api_timeout: Duration::from_secs(6),
            connect_timeout: Duration::from_secs(2),
            metadata_max_age: Duration::from_secs(10),
            retry_backoff: impatient,
            reconnect_backoff: impatient,
            allow_auto_create_topics: false,
            ..ClientConfig::of(&self.bootstrap)
        })
    }

    /// Whether the run has gone on behind a phase.
    pub fn is_past(&self, phase: Phase) -> bool {
        *self.phase.borrow() > phase
    }

    /// Waits for so long, or until the run has gone on behind a phase.
    pub async fn pause(&self, lasts: Duration, phase: Phase) {
        let mut told = self.phase.clone();
        let _ = timeout(lasts, told.wait_for(|now| *now > phase)).await; // either will do
    }

    /// Every partition of the topics that are written to.
    pub fn partitions(&self) -> Vec<TopicPartition> {
        self.topics.iter().filter(|topic| !topic.is_internal()).flat_map(Topic::partitions).collect()
    }
}

/// Starts those that write and read.
pub fn start(around: &Surroundings) -> Vec<JoinHandle<()>> {
    let producers =
        (0..PRODUCERS).map(|process| task::spawn("producer", producer::live(around.clone(), process, PRODUCERS)));
    let followers =
        (0..FOLLOWERS).map(|at| task::spawn("follower", follower::live(around.clone(), FIRST_FOLLOWER + at)));
    let lookups = task::spawn("lookups", lookups::live(around.clone(), LOOKUPS));
    producers.chain(followers).chain([lookups]).collect()
}

/// Watches nodes get well, for ever.
pub fn watch_repairs(around: &Surroundings) -> JoinHandle<()> {
    task::spawn("repairs", repairs::watch(around.clone()))
}

/// Waits until no write is on its way any more, for so long at most.
pub async fn finish_writes(around: &Surroundings, within: Duration) {
    let deadline = Instant::now() + within;
    while around.chronicle.writes_pending() && Instant::now() < deadline {
        sleep(Duration::from_millis(200)).await;
    }
}

/// Reads every partition from its start to its end.
pub async fn scan(around: &Surroundings) {
    scan::scan(around, SCANNER).await;
}

/// A record as the history names it.
fn received(record: &ConsumerRecord) -> Received {
    let headers = || record.headers.iter().map(|header| (&header.key[..], header.value.as_deref()));
    Received {
        offset: record.offset,
        id: identify(record.value.as_deref(), headers()),
        content: content_of(record.key.as_deref(), record.value.as_deref(), headers()),
        timestamp: record.timestamp,
        epoch: record.leader_epoch,
    }
}
