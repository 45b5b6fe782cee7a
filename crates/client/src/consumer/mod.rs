//! Reading records of partitions that the caller chooses.

mod arrivals;
mod assigned;
mod config;
mod fetched;
mod fetcher;
mod session;

pub use config::{ConsumerConfig, Isolation, OffsetReset};

use crate::cluster::Cluster;
use crate::connection::STALLED_AFTER;
use crate::error::{ClientError, Result};
use crate::offsets::OffsetSpec;
use assigned::Assigned;
use bytes::Bytes;
use fetcher::Arrival;
use model::{LeaderEpoch, NodeId, Offset, Timestamp, TopicPartition};
use protocol::messages::FetchRequest;
use protocol::records::{Header, TimestampType};
use runtime::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use runtime::time::{Duration, Instant, timeout_at};
use session::{Session, Wish};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerRecord {
    /// Where it is.
    pub topic_partition: TopicPartition,
    /// Its offset.
    pub offset: Offset,
    /// The epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
    /// Its time.
    pub timestamp: Timestamp,
    /// Whose time that is.
    pub timestamp_type: TimestampType,
    /// Its key, or null.
    pub key: Option<Bytes>,
    /// Its value, or null.
    pub value: Option<Bytes>,
    /// Its headers, in order, duplicates kept.
    pub headers: Vec<Header>,
}

/// Reads the partitions it is assigned. Records of one partition come in the order of their offsets; a position only
/// moves over what was given out, or over what no reader may see, unless the caller moves it.
#[derive(Debug)]
pub struct Consumer {
    cluster: Cluster,
    /// For fetches, which hold back what comes after them on their connection.
    apart: Cluster,
    config: ConsumerConfig,
    partitions: BTreeMap<TopicPartition, Assigned>,
    brokers: BTreeMap<NodeId, Broker>,
    refreshing: bool,
    /// When to ask next who leads in the place of a broker that hangs.
    ask_about_hanging_at: Option<Instant>,
    failures: VecDeque<ClientError>,
    /// Whose turn it is to be read first.
    turn: usize,
    generations: u64,
    sender: UnboundedSender<Arrival>,
    arrivals: UnboundedReceiver<Arrival>,
}

#[derive(Debug, Default)]
struct Broker {
    session: Session,
    /// Since when a fetch is under way, if one is.
    asked: Option<Instant>,
    /// It asked for silence until then (KIP-219).
    silent_until: Option<Instant>,
}

impl Consumer {
    /// A consumer on `cluster` that is assigned nothing.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] for a wait that no request may take.
    pub fn new(cluster: &Cluster, config: ConsumerConfig) -> Result<Consumer> {
        if config.fetch_max_wait >= cluster.config().request_timeout {
            return Err(ClientError::Invalid("fetch.max.wait.ms must be below request.timeout.ms".to_owned()));
        }
        let (sender, arrivals) = unbounded_channel();
        Ok(Consumer {
            cluster: cluster.clone(),
            apart: cluster.apart(),
            config,
            partitions: BTreeMap::new(),
            brokers: BTreeMap::new(),
            refreshing: false,
            ask_about_hanging_at: None,
            failures: VecDeque::new(),
            turn: 0,
            generations: 0,
            sender,
            arrivals,
        })
    }

    /// Reads these partitions and no others. Those that stay keep their position; new ones begin where
    /// `auto.offset.reset` says (at the first record, if it says nothing).
    pub fn assign(&mut self, partitions: impl IntoIterator<Item = TopicPartition>) {
        let mut before = std::mem::take(&mut self.partitions);
        for partition in partitions {
            let assigned = before.remove(&partition).unwrap_or_else(|| {
                // Numbers of an earlier assignment must not be taken for this one's.
                self.generations += 1 << 32;
                Assigned::new(self.generations, self.config.offset_reset, self.config.retry_backoff)
            });
            self.partitions.insert(partition, assigned);
        }
    }

    /// The same, but new ones are not read before they are moved to where they begin.
    pub(crate) fn assign_held(&mut self, partitions: impl IntoIterator<Item = TopicPartition>) {
        let before: BTreeSet<TopicPartition> = self.partitions.keys().cloned().collect();
        self.assign(partitions);
        let new = self.partitions.iter_mut().filter(|(partition, _)| !before.contains(*partition));
        new.for_each(|(_, assigned)| assigned.held = true);
    }

    /// Those that are assigned and have nowhere to begin yet.
    pub(crate) fn held(&self) -> BTreeSet<TopicPartition> {
        self.partitions.iter().filter(|(_, assigned)| assigned.held).map(|(partition, _)| partition.clone()).collect()
    }

    /// Goes on at `offset`, before which a record of that leader epoch stands; -1 when it is not known.
    pub(crate) fn seek_behind(&mut self, partition: &TopicPartition, offset: Offset, epoch: LeaderEpoch) {
        if let Some(assigned) = self.partitions.get_mut(partition) {
            assigned.seek_behind(offset, epoch);
        }
    }

    /// Where each partition goes on that has a position, with the leader epoch of what stands before it.
    pub(crate) fn positions(&self) -> impl Iterator<Item = (&TopicPartition, Offset, LeaderEpoch)> {
        let stands = |(partition, assigned)| {
            let assigned: &Assigned = assigned;
            Some((partition, assigned.position()?, assigned.given_epoch()))
        };
        self.partitions.iter().filter_map(stands)
    }

    /// Reads all partitions that a topic has now.
    ///
    /// # Errors
    /// As [`Cluster::topic_now`].
    pub async fn assign_topic(&mut self, topic: &str) -> Result<()> {
        let topic = self.cluster.topic_now(&Arc::from(topic)).await?;
        let count = topic.partitions.len() as i32;
        self.assign((0..count).map(|partition| TopicPartition::new(topic.name.clone(), partition)));
        Ok(())
    }

    /// What it reads.
    pub fn assignment(&self) -> impl Iterator<Item = &TopicPartition> {
        self.partitions.keys()
    }

    /// Goes on at `offset`. Nothing when the partition is not assigned.
    pub fn seek(&mut self, partition: &TopicPartition, offset: Offset) {
        if let Some(assigned) = self.partitions.get_mut(partition) {
            assigned.seek(offset);
        }
    }

    /// Goes on at a place that is looked up first. Nothing when the partition is not assigned.
    pub fn seek_to(&mut self, partition: &TopicPartition, place: OffsetSpec) {
        if let Some(assigned) = self.partitions.get_mut(partition) {
            assigned.seek_to(place);
        }
    }

    /// Whether it is paused.
    pub fn is_paused(&self, partition: &TopicPartition) -> bool {
        self.partitions.get(partition).is_some_and(|assigned| assigned.paused)
    }

    /// Reads a partition no more until it is resumed. What was fetched is kept.
    pub fn set_paused(&mut self, partition: &TopicPartition, paused: bool) {
        if let Some(assigned) = self.partitions.get_mut(partition) {
            assigned.paused = paused;
        }
    }

    /// The offset of the next record to be given out; none before it is looked up.
    pub fn position(&self, partition: &TopicPartition) -> Option<Offset> {
        self.partitions.get(partition)?.position()
    }

    /// The high watermark, as the last fetch told.
    pub fn high_watermark(&self, partition: &TopicPartition) -> Option<Offset> {
        self.partitions.get(partition)?.high_watermark
    }

    /// The first offset of the log, as the last fetch told.
    pub fn log_start_offset(&self, partition: &TopicPartition) -> Option<Offset> {
        self.partitions.get(partition)?.log_start_offset
    }

    /// The next records, `max_poll_records` at most; none when there are none within `timeout`.
    ///
    /// # Errors
    /// What stands in the way of one partition and does not go away by itself. Reading goes on with the next call.
    pub async fn poll(&mut self, timeout: Duration) -> Result<Vec<ConsumerRecord>> {
        let deadline = Instant::now() + timeout;
        loop {
            while let Ok(arrival) = self.arrivals.try_recv() {
                self.arrived(arrival);
            }
            self.leave_who_hangs();
            self.ask();
            let records = self.read()?;
            if !records.is_empty() {
                return Ok(records);
            }
            if let Some(failure) = self.failures.pop_front() {
                return Err(failure);
            }
            let now = Instant::now();
            if now >= deadline {
                return Ok(records);
            }
            let backed_off = self.partitions.values().filter_map(|p| p.not_before);
            let silent = self.brokers.values().filter_map(|broker| broker.silent_until);
            let overdue = self.brokers.values().filter_map(|broker| broker.asked).map(|asked| asked + self.patience());
            // One that hangs is looked after again and again.
            let look = overdue.map(|overdue| if overdue > now { overdue } else { now + STALLED_AFTER });
            let next = backed_off.chain(silent).filter(|time| *time > now).chain(look).min();
            let until = next.map_or(deadline, |next| next.min(deadline));
            if let Ok(Some(arrival)) = timeout_at(until, self.arrivals.recv()).await {
                self.arrived(arrival);
            }
        }
    }

    /// Ends the sessions that brokers keep for it, and its connections. What was fetched and not polled is gone; the
    /// next reader goes on where this one stood. Waits for what is under way, `fetch.max.wait.ms` and a second at most.
    pub async fn close(mut self) {
        let deadline = Instant::now() + self.config.fetch_max_wait + Duration::from_secs(1);
        for (node, broker) in &mut self.brokers {
            let Some(request) = broker.session.ending() else { continue };
            let Some(connection) = self.apart.open_node(*node) else { continue };
            if let Ok(version) = connection.version_of::<FetchRequest>(i16::MAX)
                && let Ok(answer) = connection.start(&request, version)
            {
                let _ = timeout_at(deadline, answer.wait()).await; // the broker forgets sessions by itself, too
            }
        }
        self.apart.disconnect();
    }

    /// Gives out what was fetched, partition by partition.
    fn read(&mut self) -> Result<Vec<ConsumerRecord>> {
        let mut records = Vec::new();
        let count = self.partitions.len();
        for index in 0..count {
            let place = (self.turn + index) % count;
            let Some((_, assigned)) = self.partitions.iter_mut().nth(place) else { break };
            if assigned.paused {
                continue;
            }
            while let Some(fetched) = assigned.buffered.front_mut() {
                if records.len() >= self.config.max_poll_records {
                    self.turn = place;
                    return Ok(records);
                }
                match fetched.next(&self.config) {
                    Ok(Some(record)) => {
                        assigned.gave(record.leader_epoch);
                        records.push(record);
                    }
                    Ok(None) => assigned.read_to_end(),
                    Err(error) => {
                        // What follows it is fetched again, and fails again, until the caller moves on.
                        let stands = fetched.position();
                        assigned.seek(stands);
                        assigned.failed(Instant::now());
                        self.failures.push_back(error);
                    }
                }
            }
        }
        self.turn = self.turn.wrapping_add(1);
        Ok(records)
    }

    /// Asks every broker that is not asked already, and sees to what hinders the rest.
    fn ask(&mut self) {
        let now = Instant::now();
        let view = self.cluster.view();
        let mut wishes: BTreeMap<NodeId, BTreeMap<TopicPartition, (u64, Wish)>> = BTreeMap::new();
        let mut full = BTreeSet::new();
        let mut leaderless = BTreeSet::new();
        for (partition, assigned) in &mut self.partitions {
            if let Some(leader) = view.leader(partition) {
                assigned.led_in(leader.epoch);
                assigned.read_in(leader.topic_id, self.config.offset_reset);
            }
            if assigned.paused || assigned.held || assigned.is_backed_off(now) {
                continue;
            }
            let Some(from) = assigned.fetch_position() else {
                if !std::mem::replace(&mut assigned.looking, true) {
                    let what = (partition.clone(), assigned.generation);
                    fetcher::look_up(&self.cluster, &self.sender, &self.config, what, assigned.start);
                }
                continue;
            };
            let Some(leader) = view.leader(partition) else {
                leaderless.insert(partition.topic.clone());
                continue;
            };
            let node = assigned.preferred(now).filter(|node| view.brokers.contains_key(node)).unwrap_or(leader.node);
            if !assigned.has_room() {
                full.insert(node);
            }
            let wish = Wish::new(leader, from);
            wishes.entry(node).or_default().insert(partition.clone(), (assigned.generation, wish));
        }
        for (node, asked) in wishes {
            // A broker is asked for all partitions or for none: else those left out would wait for a long poll.
            let broker = self.brokers.entry(node).or_default();
            let is_throttled = broker.silent_until.is_some_and(|until| until > now);
            if broker.asked.is_some() || is_throttled || full.contains(&node) {
                continue;
            }
            broker.asked = Some(now);
            let plain = asked.iter().map(|(partition, (_, wish))| (partition.clone(), *wish)).collect();
            let request = broker.session.request(&plain, &self.config);
            fetcher::fetch(&self.apart, &self.sender, node, asked, request);
        }
        if !leaderless.is_empty() {
            self.refresh(leaderless);
        }
    }

    /// How long a broker may take for a fetch before it seems to hang.
    fn patience(&self) -> Duration {
        self.config.fetch_max_wait + STALLED_AFTER
    }

    /// A broker that hangs is not waited for when others lead what it was asked for.
    fn leave_who_hangs(&mut self) {
        let hangs = |broker: &Broker| broker.asked.is_some_and(|asked| asked.elapsed() >= self.patience());
        let hanging: Vec<NodeId> = self.brokers.iter().filter(|(_, b)| hangs(b)).map(|(node, _)| *node).collect();
        let view = self.cluster.view();
        let mut stale = BTreeSet::new();
        for node in hanging {
            let now = Instant::now();
            let is_there = |(partition, assigned): (&TopicPartition, &Assigned)| {
                assigned.preferred(now) == Some(node) || view.leader(partition).is_some_and(|l| l.node == node)
            };
            if self.partitions.iter().any(is_there) {
                stale.extend(self.partitions.keys().map(|partition| partition.topic.clone()));
            } else if let Some(connection) = self.apart.open_node(node) {
                model::mark!("a consumer left a leader that hangs");
                connection.close("it does not answer, and another broker leads by now");
            }
        }
        let now = Instant::now();
        if !stale.is_empty() && self.ask_about_hanging_at.is_none_or(|at| at <= now) {
            self.ask_about_hanging_at = Some(now + STALLED_AFTER);
            self.refresh(stale);
        }
    }

    fn refresh(&mut self, topics: BTreeSet<Arc<str>>) {
        if !std::mem::replace(&mut self.refreshing, true) {
            let sender = self.sender.clone();
            self.cluster.refresh_soon(topics.into_iter().collect(), move || {
                let _ = sender.send(Arrival::Refreshed); // the consumer may be gone
            });
        }
    }
}
