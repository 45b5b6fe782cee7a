//! One fetcher: one connection to one leader broker, many partitions a request.

use super::fetch_round;
use super::fetchers::FollowerBroker;
use super::follower_session::FollowerSession;
use crate::partition::Partition;
use client::{Answer, ClientConfig, Connection};
use model::{NodeId, PartitionId, Uuid, mark};
use protocol::messages::{ApiVersionsRequest, FetchRequest, FetchResponse};
use runtime::sync::{Notify, select};
use runtime::time::{Duration, Instant, sleep, timeout, timeout_at};
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, Weak};

/// How long a fetcher with nothing to fetch waits for news of its partitions.
const IDLE: Duration = Duration::from_millis(200);
/// Changes come in groups: so long after the first they are looked at, unless the answer comes before.
const SETTLES: Duration = Duration::from_millis(2);
/// Rest before a leader that cannot be reached is tried again.
const REST: Duration = Duration::from_millis(50);
/// Beyond its own wait an answer may take so long before the connection is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// Partitions by topic id and number.
pub(super) type Partitions = BTreeMap<(Uuid, PartitionId), Arc<Partition>>;

/// The partitions that are fetched from one broker. Its task ends when it is dropped.
#[derive(Debug)]
pub(super) struct Fetcher {
    pub leader: NodeId,
    partitions: Mutex<Partitions>,
    wake: Arc<Notify>,
}

impl Fetcher {
    pub fn new(leader: NodeId) -> Fetcher {
        Fetcher { leader, partitions: Mutex::default(), wake: Arc::default() }
    }

    pub fn wake(&self) -> Arc<Notify> {
        self.wake.clone()
    }

    pub fn add(&self, partition: Arc<Partition>) {
        let key = (partition.topic_id, partition.topic_partition.partition);
        self.partitions.lock().expect("no panic inside").insert(key, partition);
        self.wake.notify_one();
    }

    pub fn remove(&self, partition: &Arc<Partition>) {
        let key = (partition.topic_id, partition.topic_partition.partition);
        if self.partitions.lock().expect("no panic inside").remove(&key).is_some() {
            self.wake.notify_one();
        }
    }

    pub fn is_idle(&self) -> bool {
        self.partitions.lock().expect("no panic inside").is_empty()
    }

    fn partitions(&self) -> Partitions {
        self.partitions.lock().expect("no panic inside").clone()
    }
}

/// Fetches until nobody wants it any more.
pub(super) async fn run(fetcher: Weak<Fetcher>, follower: FollowerBroker, wake: Arc<Notify>) {
    let mut link: Option<(Connection, FollowerSession)> = None;
    loop {
        let Some(running) = fetcher.upgrade() else { return };
        let (leader, partitions) = (running.leader, running.partitions());
        drop(running);
        if partitions.is_empty() {
            link = None;
            let _ = timeout(IDLE, wake.notified()).await; // whether woken or not, it looks again
            continue;
        }
        let (connection, session) = match &mut link {
            Some((connection, session)) if !connection.is_closed() => (connection, session),
            _ => match connect(&follower, leader).await {
                Some(connection) => {
                    let (connection, session) = link.insert((connection, FollowerSession::default()));
                    (connection, session)
                }
                None => {
                    link = None;
                    sleep(REST.mul_f64(0.5 + runtime::rand::below(1000) as f64 / 1000.0)).await;
                    continue;
                }
            },
        };
        let (wanted, rests_until) = fetch_round::wanted(&partitions, leader);
        if wanted.is_empty() {
            let idle = Instant::now() + IDLE.min(backoff(&follower));
            let _ = timeout_at(rests_until.map_or(idle, |until| until.min(idle)), wake.notified()).await; // as above
            continue;
        }
        let request = session.request(&follower, &wanted);
        let version = connection.version_of::<FetchRequest>(fetch_round::VERSION);
        let started = version.and_then(|version| connection.start(&request, version));
        let answer = match started {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!("cannot fetch from broker {leader}: {error}");
                link = None;
                sleep(backoff(&follower)).await;
                continue;
            }
        };
        let known = Known { session, leader, rests_until };
        match wait(answer, connection, known, &fetcher, &wake).await {
            Some(Ok(response)) => {
                if session.answered(&response) {
                    fetch_round::take(&partitions, &wanted, response, &wake, leader).await;
                }
            }
            Some(Err(error)) => {
                mark!("a fetch from a leader failed");
                tracing::debug!("fetch from broker {leader}: {error}");
                link = None;
                sleep(REST).await;
            }
            None => link = None,
        }
    }
}

/// What a fetch that is under way was made by.
#[derive(Clone, Copy)]
struct Known<'a> {
    session: &'a FollowerSession,
    leader: NodeId,
    /// When something is wanted that was not while the fetch was made.
    rests_until: Option<Instant>,
}

/// The answer; or `None` when nobody wants it any more. It is hurried, once, for what the leader was not told.
async fn wait(
    answer: Answer<FetchRequest>,
    connection: &Connection,
    known: Known<'_>,
    fetcher: &Weak<Fetcher>,
    wake: &Arc<Notify>,
) -> Option<client::Result<FetchResponse>> {
    let mut answer = pin!(answer.wait());
    let mut news = Some(known);
    loop {
        select! {
            biased;
            answered = &mut answer => return Some(answered),
            change = change(fetcher, wake, news) => match change {
                Change::Gone => return None,
                Change::News => {
                    hurry(connection);
                    news = None;
                }
            }
        }
    }
}

/// What happens while an answer is waited for.
enum Change {
    /// No partition is left to fetch: an answer that may never come is not waited for.
    Gone,
    /// Something is wanted that the leader was not told.
    News,
}

/// Completes when it is worth while to wait no longer; for news only beside what is known to the leader.
async fn change(fetcher: &Weak<Fetcher>, wake: &Arc<Notify>, mut known: Option<Known<'_>>) -> Change {
    loop {
        match fetcher.upgrade() {
            Some(fetcher) if !fetcher.is_idle() => {}
            _ => return Change::Gone,
        }
        let rests_until = known.and_then(|known| known.rests_until);
        let idle = Instant::now() + IDLE;
        let woken = timeout_at(rests_until.map_or(idle, |until| until.min(idle)), wake.notified()).await.is_ok();
        let rested = rests_until.is_some_and(|until| until <= Instant::now());
        if !woken && !rested {
            continue; // nobody woke it, but it looks whether all are gone
        }
        let Some(known) = &mut known else { continue };
        sleep(SETTLES).await;
        let Some(partitions) = fetcher.upgrade().map(|fetcher| fetcher.partitions()) else { continue };
        let (wanted, rests_until) = fetch_round::wanted(&partitions, known.leader);
        if !known.session.has_told(&wanted) {
            return Change::News;
        }
        known.rests_until = rests_until;
    }
}

/// Has the leader answer the fetch that it holds back: it does so when something comes behind it. Otherwise a new
/// partition would wait for as long as the leader holds a fetch that does not name it.
fn hurry(connection: &Connection) {
    mark!("a fetch is hurried for news");
    let version = connection.version_of::<ApiVersionsRequest>(0);
    // The answer is of no interest; a connection that is broken shows in the fetch.
    let _ = version.and_then(|version| connection.start(&ApiVersionsRequest::default(), version));
}

fn backoff(follower: &FollowerBroker) -> Duration {
    Duration::from_millis(follower.config.cluster.replication.backoff_ms.unsigned_abs()).max(Duration::from_millis(1))
}

async fn connect(follower: &FollowerBroker, leader: NodeId) -> Option<Connection> {
    let image = follower.metadata.image();
    let broker = image.broker(leader)?;
    let cluster = &follower.config.cluster;
    let endpoint = broker.endpoint(cluster.inter_broker_listener.as_deref().unwrap_or(""))?;
    let address = crate::metadata::address(&endpoint.host, endpoint.port);
    let wait = Duration::from_millis(u64::try_from(cluster.replication.wait_ms).unwrap_or(0));
    let most = Duration::from_millis(cluster.replication.socket_timeout_ms.unsigned_abs());
    let config = ClientConfig {
        client_id: format!("broker-{}-fetcher-0", follower.node_id),
        request_timeout: most.min(wait + PATIENCE),
        connect_timeout: Duration::from_secs(2),
        ..ClientConfig::default()
    };
    match Connection::connect(&address, &config).await {
        Ok(connection) => Some(connection),
        Err(error) => {
            tracing::debug!("broker {leader}: {error}");
            None
        }
    }
}
