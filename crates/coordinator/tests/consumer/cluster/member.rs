//! What a client of the consumer protocol believes.

use super::coordinator::idle;
use model::state_machine::Instant;
use model::{PartitionId, Uuid};
use protocol::messages::consumer_group_heartbeat::{
    Assignment, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};
use std::collections::{BTreeMap, BTreeSet};

pub type Partition = (Uuid, PartitionId);

/// What a member subscribes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    pub topics: Vec<String>,
    pub pattern: String,
}

pub struct Member {
    pub id: String,
    pub instance: Option<String>,
    pub subscription: Subscription,
    /// The coordinator was not told of its subscription yet, or an answer was lost: clients say all again then.
    pub must_say_all: bool,
    pub epoch: i32,
    /// What it consumes from. What it was told to give up is in here until it has.
    pub owned: BTreeSet<Partition>,
    /// What it was last told to own.
    pub told: BTreeSet<Partition>,
    /// When a heartbeat of its last reached the coordinator and was taken.
    pub heard: Option<Instant>,
}

impl Member {
    pub fn new(id: String, instance: Option<String>, subscription: Subscription) -> Member {
        Member {
            id,
            instance,
            subscription,
            must_say_all: true,
            epoch: 0,
            owned: BTreeSet::new(),
            told: BTreeSet::new(),
            heard: None,
        }
    }

    pub fn request(&self) -> ConsumerGroupHeartbeatRequest {
        let is_full = self.epoch == 0 || self.must_say_all;
        let topics = self.subscription.topics.iter().map(|topic| topic.as_str().into()).collect();
        ConsumerGroupHeartbeatRequest {
            instance_id: self.instance.as_deref().map(Into::into),
            rebalance_timeout_ms: if is_full { 100_000_000 } else { -1 },
            subscribed_topic_names: is_full.then_some(topics),
            subscribed_topic_regex: is_full.then(|| self.subscription.pattern.as_str().into()),
            topic_partitions: Some(message(&self.owned)),
            ..idle(&self.id, self.epoch)
        }
    }

    pub fn goodbye(&self, epoch: i32) -> ConsumerGroupHeartbeatRequest {
        ConsumerGroupHeartbeatRequest { instance_id: self.instance.as_deref().map(Into::into), ..idle(&self.id, epoch) }
    }

    /// Gives up what it was told to.
    pub fn revoke(&mut self) {
        self.owned = self.owned.intersection(&self.told).copied().collect();
    }

    /// Takes an answer without an error. What is given to it is consumed from at once.
    pub fn learn(&mut self, response: &ConsumerGroupHeartbeatResponse) {
        self.epoch = response.member_epoch;
        self.must_say_all = false;
        if let Some(assignment) = &response.assignment {
            self.told = partitions(assignment);
            self.owned.extend(&self.told);
        }
    }

    /// It was told that it is none of the group any more, in this incarnation.
    pub fn start_over(&mut self) {
        self.epoch = 0;
        self.owned.clear();
        self.told.clear();
        self.heard = None;
    }
}

fn partitions(assignment: &Assignment) -> BTreeSet<Partition> {
    let topics = assignment.topic_partitions.iter();
    topics.flat_map(|topic| topic.partitions.iter().map(|partition| (topic.topic_id, *partition))).collect()
}

fn message(owned: &BTreeSet<Partition>) -> Vec<TopicPartitions> {
    let mut topics: BTreeMap<Uuid, Vec<PartitionId>> = BTreeMap::new();
    for (topic, partition) in owned {
        topics.entry(*topic).or_default().push(*partition);
    }
    let topic = |(topic_id, partitions)| TopicPartitions { topic_id, partitions, ..Default::default() };
    topics.into_iter().map(topic).collect()
}
