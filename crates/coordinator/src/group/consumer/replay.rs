//! How records become a consumer group.

use super::member::{Current, Profile};
use super::state::{ConsumerGroup, ResolvedPattern};
use crate::assignor::Assignment;
use crate::group::records::Record;
use crate::group::why;
use bytes::Bytes;
use protocol::Text;
use protocol::payloads::{
    ConsumerGroupMetadataValue, ConsumerGroupRegularExpressionValue, ConsumerGroupTargetAssignmentMemberValue,
};
use std::sync::Arc;

impl ConsumerGroup {
    /// Learns a record of this group. Total: in a compacted log the records of different keys may come in any order.
    pub fn replay(&mut self, record: &Record) {
        match record {
            Record::ConsumerGroupMetadata(_, Some(value)) => self.learn_epoch(value),
            // The last of the tombstones of a group: what an older log left of it goes with it.
            Record::ConsumerGroupMetadata(_, None) => *self = ConsumerGroup::default(),
            Record::ConsumerGroupMemberMetadata(key, Some(value)) => {
                self.set_profile(&key.member_id.detached(), Profile::from_record(value));
            }
            Record::ConsumerGroupMemberMetadata(key, None) => self.remove_member(&key.member_id),
            Record::ConsumerGroupCurrentMemberAssignment(key, Some(value)) => {
                self.set_current(&key.member_id.detached(), Current::from_record(value));
            }
            Record::ConsumerGroupCurrentMemberAssignment(key, None) => {
                if self.members.contains_key(&key.member_id) {
                    self.set_current(&key.member_id, Current::default());
                }
            }
            Record::ConsumerGroupTargetAssignmentMetadata(_, value) => {
                let value = value.as_ref();
                let (epoch, timestamp) = value.map_or((0, 0), |v| (v.assignment_epoch, v.assignment_timestamp));
                self.set_assignment_epoch(epoch, timestamp);
            }
            Record::ConsumerGroupTargetAssignmentMember(key, value) => {
                self.learn_target(&key.member_id, value.as_ref());
            }
            Record::ConsumerGroupRegularExpression(key, Some(value)) => {
                self.patterns.insert(key.regular_expression.detached(), ResolvedPattern::from_record(value));
            }
            Record::ConsumerGroupRegularExpression(key, None) => {
                self.patterns.remove(&key.regular_expression);
            }
            Record::ConsumerGroupPartitionMetadata(_, value) => self.has_partition_metadata = value.is_some(),
            Record::OffsetCommit(..) | Record::GroupMetadata(..) => {} // not of a consumer group
        }
    }

    fn learn_epoch(&mut self, value: &ConsumerGroupMetadataValue) {
        self.epoch = value.epoch;
        self.metadata_hash = value.metadata_hash;
        self.history = value.unknown_tagged_fields.get(why::TAG).map(|history| Bytes::copy_from_slice(history));
    }

    fn learn_target(&mut self, member: &Text, value: Option<&ConsumerGroupTargetAssignmentMemberValue>) {
        let targets = Arc::make_mut(&mut self.targets);
        match value {
            Some(value) => targets.insert(member.detached(), Arc::new(target_of(value))),
            None => targets.remove(member),
        };
    }
}

fn target_of(value: &ConsumerGroupTargetAssignmentMemberValue) -> Assignment {
    let topics = value.topic_partitions.iter();
    topics.flat_map(|topic| topic.partitions.iter().map(|partition| (topic.topic_id, *partition))).collect()
}

impl ResolvedPattern {
    fn from_record(value: &ConsumerGroupRegularExpressionValue) -> ResolvedPattern {
        ResolvedPattern {
            topics: value.topics.iter().map(Text::detached).collect(),
            version: value.version,
            timestamp: value.timestamp,
        }
    }
}
