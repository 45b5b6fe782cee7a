//! The follower's side of an incremental fetch session (KIP-227): requests name only what has changed.

use super::fetch_round::Round;
use super::fetchers::FollowerBroker;
use bytes::Bytes;
use model::{ErrorCode, LeaderEpoch, Offset, PartitionId, Uuid};
use protocol::TaggedFields;
use protocol::messages::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, ForgottenTopic, ReplicaState,
};
use replication::Wanted;
use std::collections::BTreeMap;

/// Our tag in a partition of a fetch: up to where the follower's log is on stable storage.
pub const DURABLE_END: u32 = 9000;
/// Our tag beside it: the partition epoch in which the follower fetches.
pub const PARTITION_EPOCH: u32 = 9001;

/// What the leader knows of what is wanted.
#[derive(Debug, Default)]
pub(super) struct FollowerSession {
    id: i32,
    /// Of the next request; 0 opens a session.
    epoch: i32,
    told: BTreeMap<(Uuid, PartitionId), Told>,
}

/// What a request says of a partition. The rest of what is wanted is the follower's own business.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Told {
    fetch_offset: Offset,
    last_fetched_epoch: LeaderEpoch,
    current_leader_epoch: LeaderEpoch,
    partition_epoch: Option<i32>,
    log_start_offset: Offset,
    durable_end: Option<Offset>,
}

fn told(wanted: &Wanted) -> Told {
    Told {
        fetch_offset: wanted.fetch_offset,
        last_fetched_epoch: wanted.last_fetched_epoch,
        current_leader_epoch: wanted.current_leader_epoch,
        partition_epoch: wanted.partition_epoch,
        log_start_offset: wanted.log_start_offset,
        durable_end: wanted.durable_end,
    }
}

impl FollowerSession {
    /// The next request.
    pub fn request(&mut self, follower: &FollowerBroker, wanted: &Round) -> FetchRequest {
        let replication = &follower.config.cluster.replication;
        let forgotten: Vec<_> = self.told.keys().filter(|key| !wanted.contains_key(key)).copied().collect();
        self.told.retain(|key, _| wanted.contains_key(key));
        let mut topics: Vec<FetchTopic> = Vec::new();
        for (key, wanted) in wanted {
            if self.told.insert(*key, told(wanted)) == Some(told(wanted)) {
                continue;
            }
            let partition = partition(follower, key.1, wanted);
            match topics.last_mut().filter(|topic| topic.topic_id == key.0) {
                Some(topic) => topic.partitions.push(partition),
                None => topics.push(FetchTopic { topic_id: key.0, partitions: vec![partition], ..Default::default() }),
            }
        }
        FetchRequest {
            replica_state: ReplicaState {
                replica_id: follower.node_id,
                replica_epoch: follower.epoch,
                ..Default::default()
            },
            max_wait_ms: replication.wait_ms,
            min_bytes: replication.min_bytes,
            max_bytes: replication.response_bytes,
            session_id: self.id,
            session_epoch: self.epoch,
            topics,
            forgotten_topics_data: if self.epoch == 0 { Vec::new() } else { by_topic(&forgotten) },
            ..Default::default()
        }
    }

    /// Whether the leader was told all that is wanted.
    pub fn has_told(&self, wanted: &Round) -> bool {
        wanted.iter().all(|(key, wanted)| self.told.get(key) == Some(&told(wanted)))
    }

    /// The leader has answered; says whether the answer is of use.
    pub fn answered(&mut self, response: &FetchResponse) -> bool {
        let error = ErrorCode::from_wire(response.error_code);
        if !error.is_none() {
            model::mark!("a follower's fetch session ended");
            tracing::debug!("fetch session ended: {error}");
            *self = FollowerSession::default();
            return false;
        }
        if response.session_id == 0 {
            *self = FollowerSession::default();
        } else {
            self.id = response.session_id;
            self.epoch = crate::fetch_session::next_epoch(self.epoch);
        }
        true
    }
}

fn partition(follower: &FollowerBroker, partition: PartitionId, wanted: &Wanted) -> FetchPartition {
    let mut unknown_tagged_fields = TaggedFields::default();
    if let Some(durable_end) = wanted.durable_end {
        unknown_tagged_fields.insert(DURABLE_END, Bytes::copy_from_slice(&durable_end.to_be_bytes()));
    }
    if let Some(partition_epoch) = wanted.partition_epoch {
        unknown_tagged_fields.insert(PARTITION_EPOCH, Bytes::copy_from_slice(&partition_epoch.to_be_bytes()));
    }
    FetchPartition {
        partition,
        current_leader_epoch: wanted.current_leader_epoch,
        fetch_offset: wanted.fetch_offset,
        last_fetched_epoch: wanted.last_fetched_epoch,
        log_start_offset: wanted.log_start_offset,
        partition_max_bytes: follower.config.cluster.replication.partition_bytes,
        unknown_tagged_fields,
        ..Default::default()
    }
}

fn by_topic(forgotten: &[(Uuid, PartitionId)]) -> Vec<ForgottenTopic> {
    let mut topics: Vec<ForgottenTopic> = Vec::new();
    for (topic_id, partition) in forgotten {
        match topics.last_mut().filter(|topic| topic.topic_id == *topic_id) {
            Some(topic) => topic.partitions.push(*partition),
            None => {
                topics.push(ForgottenTopic { topic_id: *topic_id, partitions: vec![*partition], ..Default::default() })
            }
        }
    }
    topics
}
