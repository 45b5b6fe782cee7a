//! A cluster as a client sees it: the view, a connection to each broker, and retries.

use crate::backoff::Backoff;
use crate::config::ClientConfig;
use crate::connection::{Connection, STALLED_AFTER};
use crate::error::{ClientError, Result};
use crate::metadata::{BrokerView, ClusterView, Leader, LeaderHint, TopicView, Wanted};
use crate::retries::{Call, Retries};
use model::{ErrorCode, NodeId, TopicPartition};
use protocol::Request;
use protocol::messages::MetadataRequest;
use protocol::messages::metadata::MetadataRequestTopic;
use runtime::sync::{self, watch};
use runtime::time::{Duration, Instant, sleep_until, timeout};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// What producers, consumers and admins share: one view of the cluster, and one connection to each broker. A clone is
/// the same cluster. Nothing is connected before it is needed.
#[derive(Clone, Debug)]
pub struct Cluster {
    known: Arc<Known>,
    connections: Arc<Connections>,
}

#[derive(Debug)]
struct Known {
    config: ClientConfig,
    view: watch::Sender<Arc<ClusterView>>,
    /// Held while metadata is asked for.
    asking: sync::Mutex<()>,
    /// Topics that are asked for anew because their view grew old.
    renewing: Mutex<BTreeSet<Arc<str>>>,
}

#[derive(Debug, Default)]
struct Connections {
    open: Mutex<BTreeMap<Place, Connection>>,
    dials: Mutex<BTreeMap<Place, Arc<sync::Mutex<Dial>>>>,
}

/// A broker by its number, or one of the servers to ask first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Node(NodeId),
    Bootstrap(usize),
}

/// The attempts to connect to one place. Held while one is under way, so that there is one at a time.
#[derive(Debug)]
struct Dial {
    backoff: Backoff,
    not_before: Instant,
}

impl Cluster {
    /// A cluster that is known by its bootstrap servers alone.
    pub fn new(config: ClientConfig) -> Cluster {
        let known = Known {
            config,
            view: watch::Sender::new(Arc::default()),
            asking: sync::Mutex::new(()),
            renewing: Mutex::default(),
        };
        Cluster { known: Arc::new(known), connections: Arc::default() }
    }

    /// The same cluster over connections of its own: for requests that would hold back others.
    #[must_use]
    pub fn apart(&self) -> Cluster {
        Cluster { known: self.known.clone(), connections: Arc::default() }
    }

    /// The settings it was made with.
    pub fn config(&self) -> &ClientConfig {
        &self.known.config
    }

    /// What is known by now.
    pub fn view(&self) -> Arc<ClusterView> {
        self.known.view.borrow().clone()
    }

    /// Closes every connection. Calls that are made later connect again.
    pub fn disconnect(&self) {
        let open = std::mem::take(&mut *self.connections.open.lock().expect("no panic inside"));
        open.values().for_each(|connection| connection.close("the client closed it"));
    }

    /// Asks any broker for metadata, once, and learns it.
    ///
    /// # Errors
    /// No broker answered. What is wrong with single topics is in the view.
    pub async fn refresh(&self, wanted: Wanted<'_>) -> Result<Arc<ClusterView>> {
        self.refresh_and_create(wanted, self.known.config.allow_auto_create_topics).await
    }

    pub(crate) async fn refresh_and_create(&self, wanted: Wanted<'_>, create: bool) -> Result<Arc<ClusterView>> {
        let before = self.view();
        let _asking = self.known.asking.lock().await;
        let known = self.view();
        // While this call waited its turn another one may have learned the same.
        if !Arc::ptr_eq(&before, &known) && is_covered(&known, &before, wanted) {
            return Ok(known);
        }
        let (_, answer) = self.ask_any(|_| metadata_request(wanted, create)).await?;
        let what = || "asking for metadata".to_owned();
        crate::error::check(what, answer.error_code, None)?;
        if answer.brokers.is_empty() {
            // It has just started, or is cut off: to believe it would be to forget the others.
            return Err(ClientError::refused(what(), ErrorCode::LeaderNotAvailable, Some("it knows of no broker")));
        }
        // What was hinted while the answer was on its way must not be undone by it.
        self.known.view.send_modify(|view| *view = Arc::new(view.after(wanted, &answer, Instant::now())));
        Ok(self.view())
    }

    /// Asks one broker after the other while they do not answer: any of them knows, and one that hangs must not hide
    /// from its clients that another one leads by now. The last is given all the time there is. `request` is for a
    /// version; the answer comes with the version it is in.
    pub(crate) async fn ask_any<R: Request>(&self, request: impl Fn(i16) -> R) -> Result<(i16, R::Response)> {
        let ask = async |connection: Connection| {
            let version = connection.version_of::<R>(i16::MAX)?;
            let answer = connection.start(&request(version), version)?.wait().await?;
            Ok::<_, ClientError>((version, answer))
        };
        for _ in 1..self.view().brokers.len() {
            let connection = self.any().await?;
            match timeout(STALLED_AFTER, ask(connection)).await {
                Ok(Err(error)) if error.is_retriable() => {}
                Ok(answer) => return answer,
                Err(_) => model::mark!("a broker that does not answer was passed over for another"),
            }
        }
        ask(self.any().await?).await
    }

    /// Learns what a broker said of leaders and of where they are, without asking anybody.
    pub(crate) fn learn_leaders(&self, hints: &[LeaderHint], brokers: &BTreeMap<NodeId, BrokerView>) {
        self.known.view.send_if_modified(|view| {
            let hinted = view.hinted(hints, brokers);
            hinted.map(|hinted| *view = Arc::new(hinted)).is_some()
        });
    }

    /// Learns where a broker is, by the word of another one.
    pub(crate) fn learn_broker(&self, node: NodeId, broker: BrokerView) {
        self.known.view.send_if_modified(|view| {
            let is_news = view.brokers.get(&node).is_none_or(|known| known.address() != broker.address());
            if is_news {
                Arc::make_mut(view).brokers.insert(node, broker);
            }
            is_news
        });
    }

    /// Tells of each new view.
    pub(crate) fn views(&self) -> watch::Receiver<Arc<ClusterView>> {
        self.known.view.subscribe()
    }

    /// The topic's view, asked for if it is not known, until `api_timeout`. One that is known but too old is renewed
    /// beside the caller: while no broker can be reached it is the best there is.
    ///
    /// # Errors
    /// It does not exist, may not be seen, or no broker answered in time.
    pub async fn topic(&self, name: &Arc<str>) -> Result<Arc<TopicView>> {
        let Some(known) = self.known.view.borrow().topics.get(name).cloned() else {
            return self.topic_now(name).await;
        };
        if known.learned_at.elapsed() >= self.config().metadata_max_age {
            self.renew(name);
        }
        Ok(known)
    }

    /// The topic's view, asked for until `api_timeout`.
    ///
    /// # Errors
    /// As [`topic`](Self::topic).
    pub async fn topic_now(&self, name: &Arc<str>) -> Result<Arc<TopicView>> {
        let mut retries = self.retries(Call::Waiting);
        loop {
            let attempt = async {
                let view = self.refresh(Wanted::Topics(std::slice::from_ref(name))).await?;
                topic_of(&view, name)
            };
            if let Some(result) = retries.attempt(attempt).await {
                return result;
            }
        }
    }

    fn renew(&self, name: &Arc<str>) {
        if self.known.renewing.lock().expect("no panic inside").insert(name.clone()) {
            let (known, name) = (self.known.clone(), name.clone());
            self.refresh_soon(vec![name.clone()], move || {
                known.renewing.lock().expect("no panic inside").remove(&name);
            });
        }
    }

    /// Who leads a partition, asked for until there is a leader, at most `api_timeout`.
    ///
    /// # Errors
    /// As [`topic`](Self::topic), the topic has no such partition, or nobody leads it.
    pub async fn leader(&self, of: &TopicPartition) -> Result<Leader> {
        let topic = self.topic(&of.topic).await?;
        if let Some(leader) = self.view().leader(of) {
            return Ok(leader);
        }
        let exists = |topic: &TopicView| usize::try_from(of.partition).is_ok_and(|at| at < topic.partitions.len());
        let mut known = exists(&topic);
        let mut retries = self.retries(Call::Waiting);
        loop {
            let attempt = async {
                let view = self.refresh(Wanted::Topics(std::slice::from_ref(&of.topic))).await?;
                known |= view.topics.get(&of.topic).is_some_and(|topic| exists(topic));
                let error = if known { ErrorCode::LeaderNotAvailable } else { ErrorCode::UnknownTopicOrPartition };
                view.leader(of).ok_or_else(|| ClientError::refused(format!("finding the leader of {of}"), error, None))
            };
            if let Some(result) = retries.attempt(attempt).await {
                return result;
            }
        }
    }

    /// Forgets nothing, but asks anew for `topics` in the background of the caller's work: errors are for the next try.
    pub(crate) fn refresh_soon(&self, topics: Vec<Arc<str>>, done: impl FnOnce() + Send + 'static) {
        let cluster = self.clone();
        runtime::task::spawn("refresh metadata", async move {
            if let Err(error) = cluster.refresh(Wanted::Topics(&topics)).await {
                tracing::debug!("metadata was not refreshed: {error:#}");
            }
            done();
        });
    }

    /// A connection to broker `node`, the open one or a new one.
    ///
    /// # Errors
    /// The broker is not known, or cannot be reached now.
    pub async fn node(&self, node: NodeId) -> Result<Connection> {
        let place = Place::Node(node);
        self.connected(place, || match self.view().brokers.get(&node) {
            Some(broker) => Ok(broker.address()),
            None => Err(ClientError::Connect { address: format!("broker {node}"), why: "it is not known".to_owned() }),
        })
        .await
    }

    /// The open connection to broker `node`, if there is one.
    pub(crate) fn open_node(&self, node: NodeId) -> Option<Connection> {
        self.open(Place::Node(node))
    }

    /// A connection to the broker that serves administration.
    ///
    /// # Errors
    /// No broker can be reached.
    pub async fn controller(&self) -> Result<Connection> {
        if self.view().brokers.is_empty() {
            self.refresh(Wanted::Brokers).await?;
        }
        let view = self.view();
        if view.brokers.contains_key(&view.controller_id) {
            if let Ok(connection) = self.node(view.controller_id).await {
                return Ok(connection);
            }
            // Another one serves by now, or will soon; and most brokers pass on what they do not serve themselves.
            self.refresh(Wanted::Brokers).await?;
        }
        self.any().await
    }

    /// A connection to any broker: the open one with the least to do, else to a known one, else to a bootstrap server.
    /// One that seems to hang is taken only when there is no other.
    ///
    /// # Errors
    /// Why the last one tried could not be reached.
    pub async fn any(&self) -> Result<Connection> {
        let open = self.least_busy();
        if let Some(connection) = open.as_ref().filter(|connection| !connection.is_stalled()) {
            return Ok(connection.clone());
        }
        let places = self.places();
        let mut last = ClientError::Invalid("no bootstrap servers are given".to_owned());
        // Nobody is waited for while another one may be quicker. Then each has the time it takes.
        let mut hanging = Vec::new();
        for place in places {
            match timeout(STALLED_AFTER, self.at(place)).await {
                Ok(Ok(connection)) if !connection.is_stalled() => return Ok(connection),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => last = error,
                Err(_) => hanging.push(place),
            }
        }
        if let Some(connection) = open.filter(|connection| !connection.is_closed()) {
            return Ok(connection);
        }
        for place in hanging {
            match self.at(place).await {
                Ok(connection) => return Ok(connection),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn least_busy(&self) -> Option<Connection> {
        let open = self.connections.open.lock().expect("no panic inside");
        let usable = open.values().filter(|connection| !connection.is_closed());
        usable.min_by_key(|connection| (connection.is_stalled(), connection.in_flight())).cloned()
    }

    /// Where to connect to, in this order: known brokers, any first, but last those that could not be reached a moment
    /// ago; and the bootstrap servers.
    fn places(&self) -> Vec<Place> {
        let mut nodes: Vec<Place> = self.view().brokers.keys().copied().map(Place::Node).collect();
        let start = if nodes.is_empty() { 0 } else { runtime::rand::below(nodes.len() as u64) as usize };
        nodes.rotate_left(start);
        let now = Instant::now();
        nodes.sort_by_key(|place| self.dial(*place).try_lock().map_or(true, |dial| dial.not_before > now));
        nodes.into_iter().chain((0..self.known.config.bootstrap.len()).map(Place::Bootstrap)).collect()
    }

    async fn at(&self, place: Place) -> Result<Connection> {
        match place {
            Place::Node(node) => self.node(node).await,
            Place::Bootstrap(at) => self.connected(place, || Ok(self.known.config.bootstrap[at].clone())).await,
        }
    }

    fn open(&self, place: Place) -> Option<Connection> {
        let mut open = self.connections.open.lock().expect("no panic inside");
        let connection = open.get(&place)?.clone();
        if connection.is_closed() {
            open.remove(&place);
            return None;
        }
        Some(connection)
    }

    async fn connected(&self, place: Place, address: impl FnOnce() -> Result<String>) -> Result<Connection> {
        if let Some(connection) = self.open(place) {
            return Ok(connection);
        }
        let dial = self.dial(place);
        let mut dial = dial.lock().await;
        if let Some(connection) = self.open(place) {
            return Ok(connection);
        }
        sleep_until(dial.not_before).await;
        match Connection::connect(&address()?, &self.known.config).await {
            Ok(connection) => {
                dial.backoff.reset();
                self.connections.open.lock().expect("no panic inside").insert(place, connection.clone());
                Ok(connection)
            }
            Err(error) => {
                dial.not_before = Instant::now() + dial.backoff.next_wait();
                Err(error)
            }
        }
    }

    fn dial(&self, place: Place) -> Arc<sync::Mutex<Dial>> {
        let first = || Dial { backoff: Backoff::new(self.known.config.reconnect_backoff), not_before: Instant::now() };
        let mut dials = self.connections.dials.lock().expect("no panic inside");
        dials.entry(place).or_insert_with(|| Arc::new(sync::Mutex::new(first()))).clone()
    }

    pub(crate) fn retries(&self, of: Call) -> Retries {
        Retries::new(self.config(), of)
    }
}

/// How long a request to the cluster may take on the broker's side, in milliseconds.
pub(crate) fn timeout_ms(timeout: Duration) -> i32 {
    i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX)
}

pub(crate) fn topic_of(view: &ClusterView, name: &Arc<str>) -> Result<Arc<TopicView>> {
    let error = || view.missing.get(name).copied().unwrap_or(ErrorCode::UnknownTopicOrPartition);
    view.topics
        .get(name)
        .cloned()
        .ok_or_else(|| ClientError::refused(format!("looking up topic {name}"), error(), None))
}

fn is_covered(now: &ClusterView, before: &ClusterView, wanted: Wanted<'_>) -> bool {
    let learned_at = |view: &ClusterView, name: &Arc<str>| view.topics.get(name).map(|topic| topic.learned_at);
    match wanted {
        Wanted::All => false,
        Wanted::Brokers => true,
        Wanted::Topics(names) => names
            .iter()
            .all(|name| learned_at(now, name).is_some() && learned_at(now, name) != learned_at(before, name)),
    }
}

fn metadata_request(wanted: Wanted<'_>, create: bool) -> MetadataRequest {
    let topic = |name: &Arc<str>| MetadataRequestTopic { name: Some((&**name).into()), ..Default::default() };
    let topics = match wanted {
        Wanted::All => None,
        Wanted::Brokers => Some(Vec::new()),
        Wanted::Topics(names) => Some(names.iter().map(topic).collect()),
    };
    MetadataRequest { topics, allow_auto_topic_creation: create, ..Default::default() }
}
