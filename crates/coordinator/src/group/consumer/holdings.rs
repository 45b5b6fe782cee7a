//! What a member holds, and since which epoch.

use crate::assignor::Assignment;
use model::{PartitionId, Uuid};
use protocol::payloads::consumer_group_current_member_assignment::TopicPartitions;

/// One partition that a member holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// The topic's id.
    pub topic: Uuid,
    /// The partition's number.
    pub partition: PartitionId,
    /// The assignment epoch in which the member got it: commits of that epoch and later ones are its own (KIP-1251).
    pub since: i32,
}

/// The partitions that a member holds, in order, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings(Vec<Held>);

impl Holdings {
    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that is held, in order.
    pub fn iter(&self) -> impl Iterator<Item = Held> {
        self.0.iter().copied()
    }

    /// Since which epoch this partition is held; none when it is not.
    pub fn since(&self, topic: Uuid, partition: PartitionId) -> Option<i32> {
        let at = self.0.binary_search_by_key(&(topic, partition), |held| (held.topic, held.partition));
        at.ok().map(|at| self.0[at].since)
    }

    /// Whether this partition is held.
    pub fn contains(&self, topic: Uuid, partition: PartitionId) -> bool {
        self.since(topic, partition).is_some()
    }

    /// The same partitions, without epochs.
    pub fn assignment(&self) -> Assignment {
        self.iter().map(|held| (held.topic, held.partition)).collect()
    }

    /// The same partitions and those of `other`.
    pub fn united(&self, other: &Holdings) -> Holdings {
        self.iter().chain(other.iter()).collect()
    }

    /// What a record says is held. Partitions without an epoch of their own have `epoch`: older Kafkas wrote none.
    pub fn from_record(topics: &[TopicPartitions], epoch: i32) -> Holdings {
        let of_topic = |topic: &TopicPartitions| {
            let (id, epochs) = (topic.topic_id, topic.assignment_epochs.clone().unwrap_or_default());
            let held = move |(at, partition): (usize, &PartitionId)| Held {
                topic: id,
                partition: *partition,
                since: epochs.get(at).copied().unwrap_or(epoch),
            };
            topic.partitions.iter().enumerate().map(held).collect::<Vec<_>>()
        };
        topics.iter().flat_map(of_topic).collect()
    }

    /// As a record says it.
    pub fn to_record(&self) -> Vec<TopicPartitions> {
        let of_topic = |held: &[Held]| TopicPartitions {
            topic_id: held[0].topic,
            partitions: held.iter().map(|held| held.partition).collect(),
            assignment_epochs: Some(held.iter().map(|held| held.since).collect()),
            ..Default::default()
        };
        self.0.chunk_by(|a, b| a.topic == b.topic).map(of_topic).collect()
    }
}

impl FromIterator<Held> for Holdings {
    fn from_iter<I: IntoIterator<Item = Held>>(held: I) -> Holdings {
        let mut held: Vec<Held> = held.into_iter().collect();
        held.sort_unstable();
        held.dedup_by_key(|held| (held.topic, held.partition));
        Holdings(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(topic: u8, partition: PartitionId, since: i32) -> Held {
        Held { topic: Uuid([topic; 16]), partition, since }
    }

    #[test]
    fn a_record_says_what_is_held_and_since_when() {
        let holdings: Holdings = [held(2, 0, 7), held(1, 3, 4), held(1, 1, 5)].into_iter().collect();
        assert_eq!(Holdings::from_record(&holdings.to_record(), 0), holdings);
        assert_eq!(holdings.since(Uuid([1; 16]), 3), Some(4));
        assert_eq!(holdings.since(Uuid([2; 16]), 3), None);
    }

    #[test]
    fn without_epochs_of_its_own_a_partition_is_held_since_the_members_epoch() {
        let topic = TopicPartitions {
            topic_id: Uuid([1; 16]),
            partitions: vec![1, 0],
            assignment_epochs: Some(vec![3]),
            ..Default::default()
        };
        let holdings = Holdings::from_record(&[topic], 9);
        assert_eq!(holdings.iter().collect::<Vec<_>>(), [held(1, 0, 9), held(1, 1, 3)]);
    }
}
