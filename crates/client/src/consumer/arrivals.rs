//! What comes back to a consumer: answers to fetches, positions, metadata.

use super::Consumer;
use super::assigned::Assigned;
use super::fetched::Fetched;
use super::fetcher::Arrival;
use super::session::{FetchPosition, Wish};
use crate::error::{ClientError, Result};
use crate::metadata::{BrokerView, LeaderHint};
use crate::offsets::FoundOffset;
use model::ErrorCode as E;
use model::{ErrorCode, NodeId, Offset, TopicPartition};
use protocol::messages::FetchResponse;
use protocol::messages::fetch::{NodeEndpoint, PartitionData};
use runtime::time::{Duration, Instant};
use std::collections::{BTreeMap, BTreeSet};

impl Consumer {
    pub(super) fn arrived(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Refreshed => self.refreshed(),
            Arrival::Found { partition, generation, found } => self.found(&partition, generation, found),
            Arrival::Fetched { node, asked, answer } => self.fetched(node, &asked, answer),
        }
    }

    /// What still has no leader is asked about again after a wait.
    fn refreshed(&mut self) {
        self.refreshing = false;
        let (now, view) = (Instant::now(), self.cluster.view());
        let mut topics = BTreeSet::new();
        for (partition, assigned) in &mut self.partitions {
            if view.leader(partition).is_none() && !assigned.is_backed_off(now) {
                assigned.leader_failed(now);
                topics.insert(&partition.topic);
            }
        }
        for topic in topics {
            let error = view.missing.get(topic).filter(|error| !error.is_retriable());
            let refused = error.map(|error| ClientError::refused(format!("reading {topic}"), *error, None));
            self.failures.extend(refused);
        }
    }

    fn found(&mut self, partition: &TopicPartition, generation: u64, found: Result<FoundOffset>) {
        let Some(assigned) = self.partitions.get_mut(partition).filter(|a| a.generation == generation) else { return };
        assigned.looking = false;
        match found {
            Ok(found) => assigned.seek(found.offset),
            Err(error) => {
                assigned.failed(Instant::now());
                self.failures.push_back(error);
            }
        }
    }

    fn fetched(&mut self, node: NodeId, asked: &BTreeMap<TopicPartition, (u64, Wish)>, answer: Result<FetchResponse>) {
        let broker = self.brokers.entry(node).or_default();
        broker.asked = None;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                broker.session.lost();
                return self.broker_failed(asked, error);
            }
        };
        let begun = broker.session.is_begun();
        if !broker.session.answered(&answer) {
            let error = ErrorCode::from_wire(answer.error_code);
            let session = [E::FetchSessionIdNotFound, E::InvalidFetchSessionEpoch, E::FetchSessionTopicIdError];
            if begun && session.contains(&error) {
                model::mark!("a fetch session was lost");
                return; // a new one is begun at once
            }
            return self.broker_failed(asked, ClientError::refused("fetching", error, None));
        }
        broker.silent_until = throttled_until(answer.throttle_time_ms);
        let brokers = named_brokers(&answer);
        let mut hints = Vec::new();
        let mut stale = BTreeSet::new();
        for topic in answer.responses {
            let by_id = |asked: &(u64, Wish)| !topic.topic_id.is_zero() && asked.1.topic_id == topic.topic_id;
            for data in topic.partitions {
                let place = asked.iter().find(|(partition, asked)| {
                    partition.partition == data.partition_index && (topic.topic == *partition.topic || by_id(asked))
                });
                let Some((partition, (generation, wish))) = place else { continue };
                hints.extend(leader_hint(partition, &data));
                if self.partition_fetched(partition, *generation, wish.from, data) {
                    stale.insert(partition.clone());
                }
            }
        }
        self.cluster.learn_leaders(&hints, &brokers);
        let view = self.cluster.view();
        stale.retain(|partition| view.leader(partition).is_none_or(|leader| leader.node == node));
        if !stale.is_empty() {
            self.refresh(stale.into_iter().map(|partition| partition.topic).collect());
        }
    }

    fn broker_failed(&mut self, asked: &BTreeMap<TopicPartition, (u64, Wish)>, error: ClientError) {
        let now = Instant::now();
        for partition in asked.keys() {
            if let Some(assigned) = self.partitions.get_mut(partition) {
                assigned.leader_failed(now);
                assigned.back_to_leader();
            }
        }
        self.refresh(asked.keys().map(|partition| partition.topic.clone()).collect());
        if !error.is_retriable() {
            self.failures.push_back(error);
        }
    }

    /// Takes what came for one partition. Says whether its metadata is stale.
    fn partition_fetched(
        &mut self,
        of: &TopicPartition,
        generation: u64,
        from: FetchPosition,
        data: PartitionData,
    ) -> bool {
        let current =
            |assigned: &&mut Assigned| assigned.generation == generation && assigned.fetch_position() == Some(from);
        let Some(assigned) = self.partitions.get_mut(of).filter(current) else { return false };
        let offset = from.offset;
        match ErrorCode::from_wire(data.error_code) {
            E::None if data.preferred_read_replica >= 0 => {
                let known = self.cluster.view().brokers.contains_key(&data.preferred_read_replica);
                if known {
                    let age = self.cluster.config().metadata_max_age;
                    assigned.prefer(data.preferred_read_replica, Instant::now(), age);
                } else {
                    assigned.failed(Instant::now());
                }
                return !known;
            }
            E::None if data.diverging_epoch.end_offset >= 0 => {
                self.truncated(of, data.diverging_epoch.end_offset);
                return false;
            }
            E::None => {}
            error if assigned.back_to_leader() => {
                // A follower may be behind, or gone; what the leader says counts.
                assigned.failed(Instant::now());
                return error.is_retriable();
            }
            // Not what is given out next: that is read first.
            E::OffsetOutOfRange if !assigned.buffered.is_empty() => {
                assigned.failed(Instant::now());
                return false;
            }
            E::OffsetOutOfRange => {
                match self.config.offset_reset.spec() {
                    Some(place) => assigned.seek_to(place),
                    None => {
                        assigned.failed(Instant::now());
                        let what = format!("reading {of} at offset {offset}");
                        self.failures.push_back(ClientError::refused(what, E::OffsetOutOfRange, None));
                    }
                }
                return false;
            }
            E::NotLeaderOrFollower | E::FencedLeaderEpoch => {
                assigned.leader_failed(Instant::now());
                return true;
            }
            error => {
                assigned.failed(Instant::now());
                if !error.is_retriable() || error == E::CorruptMessage {
                    let what = format!("reading {of} at offset {offset}");
                    self.failures.push_back(ClientError::refused(what, error, None));
                }
                return error.is_retriable();
            }
        }
        assigned.worked();
        assigned.high_watermark = Some(data.high_watermark);
        assigned.log_start_offset = Some(data.log_start_offset).filter(|offset| *offset >= 0);
        let bytes = data.records.unwrap_or_default();
        if bytes.is_empty() {
            return false;
        }
        match Fetched::check(of, offset, bytes, data.aborted_transactions.unwrap_or_default(), &self.config) {
            Ok(fetched) => assigned.buffered.push_back(fetched),
            Err(error) => {
                assigned.failed(Instant::now());
                self.failures.push_back(error);
            }
        }
        false
    }

    /// The log differs from what was read (KIP-320): the leader has no record of that epoch at or after `end_offset`.
    fn truncated(&mut self, of: &TopicPartition, end_offset: Offset) {
        let Some(assigned) = self.partitions.get_mut(of) else { return };
        let position = assigned.position().unwrap_or(end_offset);
        if position > end_offset && self.config.offset_reset.spec().is_none() {
            assigned.failed(Instant::now());
            let partition = of.to_string();
            return self.failures.push_back(ClientError::Truncated { partition, position, end_offset });
        }
        model::mark!("a consumer met a log that was cut");
        if position > end_offset {
            tracing::warn!("{of} was cut at {end_offset}, below {position}: what was read between is lost");
        }
        assigned.seek(position.min(end_offset));
    }
}

fn throttled_until(milliseconds: i32) -> Option<Instant> {
    let time = u64::try_from(milliseconds).ok().filter(|time| *time > 0)?;
    Some(Instant::now() + Duration::from_millis(time))
}

/// Who leads, as far as a broker that does not tells it (KIP-951).
fn leader_hint(of: &TopicPartition, data: &PartitionData) -> Option<LeaderHint> {
    let told = &data.current_leader;
    (data.error_code != 0 && told.leader_id >= 0).then(|| LeaderHint {
        of: of.clone(),
        leader: told.leader_id,
        leader_epoch: told.leader_epoch,
    })
}

fn named_brokers(answer: &FetchResponse) -> BTreeMap<NodeId, BrokerView> {
    let broker = |node: &NodeEndpoint| BrokerView {
        host: node.host.to_string(),
        port: node.port,
        rack: node.rack.as_deref().map(str::to_owned),
    };
    answer.node_endpoints.iter().map(|node| (node.node_id, broker(node))).collect()
}
