//! The task that empties the accumulator: one request a broker and round, as many under way as the config allows.

use super::accumulator::Accumulator;
use super::config::{Acks, ProducerConfig};
use super::delivery::Place;
use super::identity::{self, Identity};
use super::requests::{Parcel, highest_version, hints, request, result_of};
use crate::backoff::{Backoff, BackoffConfig};
use crate::cluster::Cluster;
use crate::connection::{Connection, STALLED_AFTER};
use crate::error::{ClientError, Result};
use model::{NodeId, ProducerId, TopicPartition};
use protocol::messages::{ProduceRequest, ProduceResponse};
use runtime::sync::{Notify, Semaphore, select};
use runtime::task;
use runtime::time::{Duration, Instant, sleep_until};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// What a producer's handles and its tasks share.
#[derive(Debug)]
pub(super) struct Shared {
    pub cluster: Cluster,
    pub config: ProducerConfig,
    pub memory: Arc<Semaphore>,
    /// Something changed that the sender should look at.
    pub wake: Notify,
    pub state: Mutex<State>,
}

/// Everything that changes.
#[derive(Debug, Default)]
pub(super) struct State {
    pub accumulator: Accumulator,
    /// No more records are taken; the sender ends when nothing is left.
    pub closing: bool,
    /// Why nothing can be written, now or ever again.
    pub fatal: Option<ClientError>,
    /// What travels to each broker: a request each, with its partitions.
    under_way: BTreeMap<NodeId, BTreeMap<u64, Vec<TopicPartition>>>,
    shipments: u64,
    /// Brokers that are being connected to, and since when.
    connecting: BTreeMap<NodeId, Instant>,
    asking_identity: bool,
    refreshing: bool,
    refresh_not_before: Option<Instant>,
    refresh_failures: Option<Backoff>,
    /// Brokers that asked for silence (KIP-219), and until when.
    throttled: BTreeMap<NodeId, Instant>,
    last_fault: Option<ClientError>,
}

/// Parcels for one broker.
#[derive(Debug)]
struct Shipment {
    number: u64,
    node: NodeId,
    connection: Connection,
    parcels: Vec<Parcel>,
}

/// A new leader is there within a second of the death of the old one. It is not to be missed for long.
const MOST_BETWEEN_REFRESHES: Duration = Duration::from_millis(250);

/// A leader that cannot be connected to for this long may be one no more: a machine that is gone refuses nothing, and a
/// process that starts again answers late.
const LATE: Duration = Duration::from_millis(250);

impl State {
    fn is_busy(&self, node: NodeId, now: Instant, config: &ProducerConfig) -> bool {
        self.under_way.get(&node).is_some_and(|under_way| under_way.len() >= config.max_in_flight)
            || self.throttled.get(&node).is_some_and(|until| *until > now)
    }

    fn throttled_by(&mut self, node: NodeId, milliseconds: i32) {
        match u64::try_from(milliseconds) {
            Ok(time @ 1..) => drop(self.throttled.insert(node, Instant::now() + Duration::from_millis(time))),
            _ => drop(self.throttled.remove(&node)),
        }
    }
}

impl Shared {
    /// Runs until the producer is closed and everything is resolved.
    pub async fn run(self: Arc<Self>) {
        // Looked at even if nothing happens; every event wakes the sender.
        const IDLE: Duration = Duration::from_secs(60);
        let mut views = self.cluster.views();
        loop {
            views.borrow_and_update(); // what is learned from here on wakes it
            let now = Instant::now();
            let (shipments, next) = {
                let mut state = self.state.lock().expect("no panic inside");
                let shipments = self.load(&mut state, now);
                if state.closing && state.accumulator.is_empty() && shipments.is_empty() {
                    return;
                }
                let refresh = state.refresh_not_before.filter(|time| *time > now);
                let silent = state.throttled.values().copied().filter(|time| *time > now).min();
                let travels = state.under_way.values().any(|requests| !requests.is_empty());
                let look = travels.then(|| now + STALLED_AFTER);
                let late = state.connecting.values().map(|since| *since + LATE).filter(|time| *time > now).min();
                let next = state.accumulator.next_deadline(now).into_iter().chain(refresh).chain(silent);
                let next = next.chain(look).chain(late).min();
                (shipments, next)
            };
            if !shipments.is_empty() {
                shipments.into_iter().for_each(|shipment| self.ship(shipment));
                continue; // more may be ready for the same brokers
            }
            select! {
                biased;
                () = self.wake.notified() => {}
                _ = views.changed() => {}
                () = sleep_until(next.unwrap_or(now + IDLE)) => {}
            }
        }
    }

    /// Takes what can be sent now, at most one request a broker, and sees to what hinders the rest.
    fn load(self: &Arc<Self>, state: &mut State, now: Instant) -> Vec<Shipment> {
        let fault = state.last_fault.clone();
        state.accumulator.expire(now, &self.config, fault.as_ref());
        if let Some(fatal) = state.fatal.clone() {
            state.accumulator.fail(&fatal);
            return Vec::new();
        }
        self.leave_who_hangs(state, now);
        let view = self.cluster.view();
        let (ready, needs_identity) = state.accumulator.ready(now, &view, &self.config);
        if let Some(other_than) = needs_identity {
            self.ask_identity(state, other_than);
        }
        let mut stale = BTreeSet::new();
        let mut shipments: BTreeMap<NodeId, (Shipment, usize)> = BTreeMap::new();
        for partition in ready {
            let Some(leader) = view.leader(&partition) else {
                stale.insert(partition.topic.clone());
                continue;
            };
            if state.is_busy(leader.node, now, &self.config) {
                continue;
            }
            let (shipment, size) = match shipments.entry(leader.node) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => {
                    let Some(connection) = self.cluster.open_node(leader.node) else {
                        if self.connect(state, leader.node, now) >= LATE {
                            stale.insert(partition.topic.clone());
                        }
                        continue;
                    };
                    let (number, node) = (state.shipments, leader.node);
                    state.shipments += 1;
                    entry.insert((Shipment { number, node, connection, parcels: Vec::new() }, 0))
                }
            };
            if *size > 0 && *size + state.accumulator.next_size(&partition) > self.config.max_request_size {
                continue;
            }
            let Some(batch) = state.accumulator.take(&partition, leader, &self.config) else { continue };
            *size += batch.size();
            shipment.parcels.push(Parcel { to: partition, topic_id: leader.topic_id, batch });
        }
        if !stale.is_empty() {
            self.refresh(state, stale.into_iter().collect(), now);
        }
        let loaded = shipments.into_values().map(|(shipment, _)| shipment).filter(|s| !s.parcels.is_empty());
        let loaded: Vec<Shipment> = loaded.collect();
        for shipment in &loaded {
            let partitions = shipment.parcels.iter().map(|parcel| parcel.to.clone()).collect();
            state.under_way.entry(shipment.node).or_default().insert(shipment.number, partitions);
        }
        loaded
    }

    /// A broker that hangs is not waited for when others lead what travels to it: what it may have written is known to
    /// those who lead now, or lost to them.
    fn leave_who_hangs(self: &Arc<Self>, state: &mut State, now: Instant) {
        let view = self.cluster.view();
        let mut stale = BTreeSet::new();
        for (node, requests) in &state.under_way {
            let partitions = || requests.values().flatten();
            let Some(connection) = self.cluster.open_node(*node) else { continue };
            if requests.is_empty() || !connection.is_stalled() {
                continue;
            }
            let elsewhere = |of: &TopicPartition| view.leader(of).is_some_and(|leader| leader.node != *node);
            if partitions().all(elsewhere) {
                model::mark!("a producer left a leader that hangs");
                connection.close("it does not answer, and another broker leads by now");
            } else {
                stale.extend(partitions().map(|partition| partition.topic.clone()));
            }
        }
        if !stale.is_empty() {
            self.refresh(state, stale.into_iter().collect(), now);
        }
    }

    /// Sends a request and leaves a task behind that waits for its answer.
    fn ship(self: &Arc<Self>, shipment: Shipment) {
        let Shipment { number, node, connection, mut parcels } = shipment;
        let place = (node, number);
        let version = match connection.version_of::<ProduceRequest>(highest_version(&parcels)) {
            Ok(version) => version,
            Err(error) => return self.arrived(place, parcels, Err(error)),
        };
        let request = request(&mut parcels, &self.config);
        let shared = self.clone();
        if self.config.acks == Acks::None {
            match connection.start_unanswered(&request, version) {
                Ok(written) => drop(task::spawn("produce without answer", async move {
                    let result = written.await.map(|()| None);
                    shared.arrived(place, parcels, result);
                })),
                Err(error) => self.arrived(place, parcels, Err(error)),
            }
            return;
        }
        match connection.start(&request, version) {
            Ok(answer) => drop(task::spawn("produce", async move {
                let result = answer.wait().await.map(Some);
                shared.arrived(place, parcels, result);
            })),
            Err(error) => self.arrived(place, parcels, Err(error)),
        }
    }

    fn arrived(
        self: &Arc<Self>,
        (node, number): (NodeId, u64),
        parcels: Vec<Parcel>,
        answer: Result<Option<ProduceResponse>>,
    ) {
        let mut state = self.state.lock().expect("no panic inside");
        if let Some(under_way) = state.under_way.get_mut(&node) {
            under_way.remove(&number);
        }
        if let Ok(Some(answer)) = &answer {
            state.throttled_by(node, answer.throttle_time_ms);
            let (hints, brokers) = hints(&parcels, answer);
            self.cluster.learn_leaders(&hints, &brokers);
        }
        let view = self.cluster.view();
        let moved = |of: &TopicPartition| view.leader(of).is_some_and(|leader| leader.node != node);
        let mut stale = BTreeSet::new();
        for parcel in parcels {
            let result = match &answer {
                Ok(Some(answer)) => result_of(&parcel, answer),
                Ok(None) => Ok(Place { base_offset: -1, log_append_time: -1 }),
                Err(error) => Err(error.clone()),
            };
            if result.as_ref().is_err_and(ClientError::is_retriable) && !moved(&parcel.to) {
                stale.insert(parcel.to.topic.clone());
            }
            state.accumulator.answered(&parcel.to, parcel.batch, result, &self.config);
        }
        match stale.is_empty() {
            true => (state.refresh_failures, state.last_fault) = (None, None),
            false => self.refresh(&mut state, stale.into_iter().collect(), Instant::now()),
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Sees to it that `node` is being connected to; for how long it has been.
    fn connect(self: &Arc<Self>, state: &mut State, node: NodeId, now: Instant) -> Duration {
        if let Some(since) = state.connecting.get(&node) {
            return now.saturating_duration_since(*since);
        }
        state.connecting.insert(node, now);
        let shared = self.clone();
        task::spawn("producer connects", async move {
            let result = shared.cluster.node(node).await;
            let mut state = shared.state.lock().expect("no panic inside");
            state.connecting.remove(&node);
            if let Err(error) = result {
                // The broker may have moved, or another one may lead by now.
                state.last_fault = Some(error);
                let view = shared.cluster.view();
                shared.refresh(&mut state, view.topics.keys().cloned().collect(), Instant::now());
            }
            drop(state);
            shared.wake.notify_one();
        });
        Duration::ZERO
    }

    fn refresh(self: &Arc<Self>, state: &mut State, topics: Vec<Arc<str>>, now: Instant) {
        if state.refreshing || state.refresh_not_before.is_some_and(|time| time > now) {
            return;
        }
        state.refreshing = true;
        let BackoffConfig { first, most } = self.config.retry_backoff;
        let config = BackoffConfig { first, most: most.min(MOST_BETWEEN_REFRESHES) };
        let backoff = state.refresh_failures.get_or_insert_with(|| Backoff::new(config));
        state.refresh_not_before = Some(now + backoff.next_wait());
        let shared = self.clone();
        self.cluster.refresh_soon(topics, move || {
            shared.state.lock().expect("no panic inside").refreshing = false;
            shared.wake.notify_one();
        });
    }

    fn ask_identity(self: &Arc<Self>, state: &mut State, other_than: Option<ProducerId>) {
        if state.asking_identity {
            return;
        }
        state.asking_identity = true;
        state.accumulator.identity.take_if(|known| Some(known.id) == other_than);
        let shared = self.clone();
        task::spawn("producer asks for its id", async move {
            let mut backoff = Backoff::new(shared.config.retry_backoff);
            while !shared.identity_answered(identity::ask(&shared.cluster).await) {
                backoff.wait().await;
            }
        });
    }

    /// Whether asking is over: there is an identity, there will be none, or nobody needs it any more.
    fn identity_answered(&self, answer: Result<Identity>) -> bool {
        let mut state = self.state.lock().expect("no panic inside");
        // To ask once more than needed costs nothing: an id that nobody uses.
        let passes = |error: &ClientError| error.is_retriable() || error.may_have_happened();
        let again = answer.as_ref().is_err_and(passes) && !state.accumulator.is_empty();
        match answer {
            Ok(identity) => state.accumulator.identity = Some(identity),
            Err(error) if passes(&error) => state.last_fault = Some(error),
            Err(error) => state.fatal = Some(error),
        }
        state.asking_identity = again;
        drop(state);
        self.wake.notify_one();
        !again
    }
}
