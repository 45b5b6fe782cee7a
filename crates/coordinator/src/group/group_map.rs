//! What the log says: every group of one partition of `__consumer_offsets`.

use super::consumer::ConsumerGroup;
use super::records::Record;
use model::state_machine::Entry;
use model::{Offset, PartitionId, ProducerId, Timestamp, Uuid};
use protocol::Text;
use protocol::payloads::GroupMetadataValue;
use std::collections::BTreeMap;

/// All groups, by id.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct GroupMap {
    pub groups: BTreeMap<Text, Group>,
    /// The groups in which each producer's open transaction has offsets.
    pub transactions: BTreeMap<ProducerId, Vec<Text>>,
}

/// One group. Each part follows from the records of its own keys alone, so that a compacted log gives the same group;
/// a group that has none of them is not there.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Group {
    /// Its record as a classic group.
    pub classic: Option<GroupMetadataValue>,
    /// Its records as a consumer group. It is one as long as there are any.
    pub consumer: Option<Box<ConsumerGroup>>,
    /// How far it has come.
    pub offsets: Offsets,
    /// Offsets that transactions will commit, or not.
    pub pending: BTreeMap<ProducerId, Offsets>,
}

/// Committed offsets by topic and partition.
pub(crate) type Offsets = BTreeMap<Text, BTreeMap<PartitionId, CommittedOffset>>;

/// A committed offset.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CommittedOffset {
    /// The next record to consume.
    pub offset: Offset,
    /// The leader epoch of the last record consumed; -1 when the client did not say.
    pub leader_epoch: i32,
    /// The client's note.
    pub metadata: Text,
    /// When it was committed.
    pub commit_timestamp: Timestamp,
    /// When it is to be forgotten, if an old client said so; -1 else.
    pub expire_timestamp: Timestamp,
    /// The topic's id when it was committed; zero when that was not known.
    pub topic_id: Uuid,
    /// Where its record stands in the log.
    pub recorded_at: Offset,
}

impl GroupMap {
    /// Whether an offset is known already of the partition that this entry has one of.
    pub fn has_offset(&self, entry: &Entry<'_, Record>) -> bool {
        match entry {
            Entry::Record(Record::OffsetCommit(key, _)) => {
                self.get(&key.group).is_some_and(|group| group.offset(&key.topic, key.partition).is_some())
            }
            _ => false,
        }
    }

    /// The first thing in which both differ, in words.
    pub fn difference(&self, other: &GroupMap) -> Option<String> {
        if self == other {
            return None;
        }
        let ids = self.groups.keys().chain(other.groups.keys());
        let differs = ids.into_iter().find(|id| self.get(id) != other.get(id));
        Some(differs.map_or_else(
            || format!("transactions: {:?} and {:?}", self.transactions, other.transactions),
            |id| format!("group {}: {:?} and {:?}", id.as_str(), self.get(id), other.get(id)),
        ))
    }

    /// The group of that id.
    pub fn get(&self, id: &Text) -> Option<&Group> {
        self.groups.get(id)
    }
}

impl Group {
    /// Whether nothing is left of it.
    pub fn is_gone(&self) -> bool {
        self.classic.is_none() && self.consumer.is_none() && self.offsets.is_empty() && self.pending.is_empty()
    }

    /// Whether a transaction may yet commit an offset for a partition.
    pub fn has_pending(&self, topic: &str, partition: PartitionId) -> bool {
        self.pending.values().any(|offsets| offsets.get(topic).is_some_and(|staged| staged.contains_key(&partition)))
    }

    /// What was committed for a partition.
    pub fn offset(&self, topic: &str, partition: PartitionId) -> Option<&CommittedOffset> {
        self.offsets.get(topic).and_then(|partitions| partitions.get(&partition))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::state_machine::Position;
    use protocol::payloads::{OffsetCommitKey, OffsetCommitValue};

    fn commit(map: &mut GroupMap, group: &str, offset: Offset, at: Offset) {
        let key = OffsetCommitKey { group: group.into(), topic: "t".into(), partition: 0 };
        let value = OffsetCommitValue { offset, ..Default::default() };
        let at = Position { offset: at, timestamp: 0, producer: None };
        map.replay(at, Entry::Record(&Record::OffsetCommit(key, Some(value))));
    }

    #[test]
    fn what_differs_is_named_and_what_a_compacted_log_gives_does_not_differ() {
        let (mut whole, mut compacted) = (GroupMap::default(), GroupMap::default());
        commit(&mut whole, "a", 5, 0);
        commit(&mut whole, "b", 6, 1);
        commit(&mut whole, "a", 7, 2);
        commit(&mut compacted, "b", 6, 1);
        let told = whole.difference(&compacted).unwrap_or_default();
        assert!(told.starts_with("group a: "), "{told}");
        commit(&mut compacted, "a", 7, 2);
        assert_eq!(whole.difference(&compacted), None);
    }
}
