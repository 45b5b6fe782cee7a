//! A decision in the making: the records so far, and what they will make of the group.

use super::member::{Current, JOINING, Member, Profile};
use super::state::{ConsumerGroup, ResolvedPattern};
use crate::assignor::Assignment;
use crate::group::records::Record;
use crate::group::why;
use bytes::Bytes;
use model::Timestamp;
use protocol::Text;
use protocol::payloads::consumer_group_target_assignment_member::TopicPartition;
use protocol::payloads::{
    ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupMemberMetadataKey, ConsumerGroupMetadataKey,
    ConsumerGroupMetadataValue, ConsumerGroupPartitionMetadataKey, ConsumerGroupRegularExpressionKey,
    ConsumerGroupRegularExpressionValue, ConsumerGroupTargetAssignmentMemberKey,
    ConsumerGroupTargetAssignmentMemberValue, ConsumerGroupTargetAssignmentMetadataKey,
    ConsumerGroupTargetAssignmentMetadataValue,
};
use std::borrow::Cow;

/// The records that a decision about one group has written so far. They leave the machine together or not at all.
pub struct Draft<'a> {
    pub id: Text,
    group: Cow<'a, ConsumerGroup>,
    records: Vec<Record>,
    /// How many of the records `group` knows of.
    folded: usize,
    /// The group epoch that the records come to.
    pub epoch: i32,
    metadata_hash: i64,
    /// The group was a classic one up to now.
    pub is_upgrade: bool,
}

impl<'a> Draft<'a> {
    /// Nothing decided yet about a group that is there.
    pub fn of(id: &Text, group: &'a ConsumerGroup) -> Draft<'a> {
        let (epoch, metadata_hash) = (group.epoch, group.metadata_hash);
        let (id, group) = (id.clone(), Cow::Borrowed(group));
        Draft { id, group, records: Vec::new(), folded: 0, epoch, metadata_hash, is_upgrade: false }
    }

    /// A group that these records will make way for.
    pub fn new(id: &Text, records: Vec<Record>) -> Draft<'a> {
        let group = Cow::Owned(ConsumerGroup::default());
        Draft { id: id.clone(), group, folded: records.len(), records, epoch: 0, metadata_hash: 0, is_upgrade: false }
    }

    /// The group as its records up to now make it. Costs a copy of the map of members when there is a record that was
    /// not looked at yet.
    pub fn group(&mut self) -> &ConsumerGroup {
        if self.folded < self.records.len() {
            let group = self.group.to_mut();
            for record in &self.records[self.folded..] {
                group.replay(record);
            }
            self.folded = self.records.len();
        }
        &self.group
    }

    /// The group before those records that it was not asked about since.
    pub fn before(&self) -> &ConsumerGroup {
        &self.group
    }

    /// The group as far as it matters to a member's next step: its patterns, its targets, and who holds what. Cheaper
    /// than [`Draft::group`] where nothing of that was written.
    pub fn for_step(&mut self) -> &ConsumerGroup {
        let is_beside = |record: &Record| {
            matches!(record, Record::ConsumerGroupMetadata(..) | Record::ConsumerGroupMemberMetadata(..))
        };
        if self.records[self.folded..].iter().all(is_beside) { &self.group } else { self.group() }
    }

    /// The records.
    pub fn into_records(self) -> Vec<Record> {
        self.records
    }

    /// Adds a record of any kind.
    pub fn write(&mut self, record: Record) {
        self.records.push(record);
    }

    /// The group has come to this epoch.
    pub fn write_epoch(&mut self, epoch: i32, metadata_hash: i64, history: Option<Bytes>) {
        self.epoch = epoch;
        self.metadata_hash = metadata_hash;
        self.write_history(history);
        if self.group.has_partition_metadata {
            let key = ConsumerGroupPartitionMetadataKey { group_id: self.id.clone() };
            self.write(Record::ConsumerGroupPartitionMetadata(key, None));
        }
    }

    /// What happened in the group up to its present epoch.
    pub fn write_history(&mut self, history: Option<Bytes>) {
        let key = ConsumerGroupMetadataKey { group_id: self.id.clone() };
        let (epoch, metadata_hash) = (self.epoch, self.metadata_hash);
        let mut value = ConsumerGroupMetadataValue { epoch, metadata_hash, ..Default::default() };
        if let Some(history) = history {
            value.unknown_tagged_fields.insert(why::TAG, history);
        }
        self.write(Record::ConsumerGroupMetadata(key, Some(value)));
    }

    /// Who a member is.
    pub fn write_profile(&mut self, member: &Text, profile: &Profile) {
        let key = ConsumerGroupMemberMetadataKey { group_id: self.id.clone(), member_id: member.clone() };
        self.write(Record::ConsumerGroupMemberMetadata(key, Some(profile.to_record())));
    }

    /// What a member holds.
    pub fn write_current(&mut self, member: &Text, current: &Current) {
        let key = ConsumerGroupCurrentMemberAssignmentKey { group_id: self.id.clone(), member_id: member.clone() };
        self.write(Record::ConsumerGroupCurrentMemberAssignment(key, Some(current.to_record())));
    }

    /// What a member is to own.
    pub fn write_target(&mut self, member: &Text, target: &Assignment) {
        let key = ConsumerGroupTargetAssignmentMemberKey { group_id: self.id.clone(), member_id: member.clone() };
        let topic = |(topic_id, partitions): (model::Uuid, &[i32])| TopicPartition {
            topic_id,
            partitions: partitions.to_vec(),
            ..Default::default()
        };
        let value = ConsumerGroupTargetAssignmentMemberValue {
            topic_partitions: target.topics().map(topic).collect(),
            ..Default::default()
        };
        self.write(Record::ConsumerGroupTargetAssignmentMember(key, Some(value)));
    }

    /// The target assignment is that of this epoch.
    pub fn write_assignment_epoch(&mut self, assignment_epoch: i32, assignment_timestamp: Timestamp) {
        let key = ConsumerGroupTargetAssignmentMetadataKey { group_id: self.id.clone() };
        let value =
            ConsumerGroupTargetAssignmentMetadataValue { assignment_epoch, assignment_timestamp, ..Default::default() };
        self.write(Record::ConsumerGroupTargetAssignmentMetadata(key, Some(value)));
    }

    /// What a pattern stands for; none when nobody subscribes to it any more.
    pub fn write_pattern(&mut self, pattern: &Text, resolved: Option<&ResolvedPattern>) {
        let key = ConsumerGroupRegularExpressionKey { group_id: self.id.clone(), regular_expression: pattern.clone() };
        let value = resolved.map(|resolved| ConsumerGroupRegularExpressionValue {
            topics: resolved.topics.iter().cloned().collect(),
            version: resolved.version,
            timestamp: resolved.timestamp,
            ..Default::default()
        });
        self.write(Record::ConsumerGroupRegularExpression(key, value));
    }

    /// The member is gone. The order matters to whoever reads the log: who holds what goes first.
    pub fn remove_member(&mut self, member: &Text) {
        let (group_id, member_id) = (self.id.clone(), member.clone());
        let current =
            ConsumerGroupCurrentMemberAssignmentKey { group_id: group_id.clone(), member_id: member_id.clone() };
        self.write(Record::ConsumerGroupCurrentMemberAssignment(current, None));
        let target =
            ConsumerGroupTargetAssignmentMemberKey { group_id: group_id.clone(), member_id: member_id.clone() };
        self.write(Record::ConsumerGroupTargetAssignmentMember(target, None));
        let profile = ConsumerGroupMemberMetadataKey { group_id, member_id };
        self.write(Record::ConsumerGroupMemberMetadata(profile, None));
    }

    /// Another incarnation of a static member takes its place: what it is to own, and what it holds.
    pub fn replace_member(&mut self, old: &Text, new: &Text, mut member: Member) -> Member {
        model::mark!("a static member of a consumer group was replaced");
        let target = self.group().target(old).clone();
        self.remove_member(old);
        member.current = Current { epoch: JOINING, previous_epoch: JOINING, ..member.current };
        self.write_profile(new, &member.profile);
        self.write_target(new, &target);
        self.write_current(new, &member.current);
        member
    }

    /// The whole group is gone.
    pub fn remove_group(&mut self) {
        let members: Vec<Text> = self.group().members().keys().cloned().collect();
        for member in &members {
            self.remove_member(member);
        }
        let leftover: Vec<Text> = self.group().targets.keys().cloned().collect();
        for member_id in leftover {
            let key = ConsumerGroupTargetAssignmentMemberKey { group_id: self.id.clone(), member_id };
            self.write(Record::ConsumerGroupTargetAssignmentMember(key, None));
        }
        let patterns: Vec<Text> = self.group().patterns.keys().cloned().collect();
        for pattern in &patterns {
            self.write_pattern(pattern, None);
        }
        let group_id = self.id.clone();
        let key = ConsumerGroupTargetAssignmentMetadataKey { group_id: group_id.clone() };
        self.write(Record::ConsumerGroupTargetAssignmentMetadata(key, None));
        if self.group().has_partition_metadata {
            let key = ConsumerGroupPartitionMetadataKey { group_id: group_id.clone() };
            self.write(Record::ConsumerGroupPartitionMetadata(key, None));
        }
        self.write(Record::ConsumerGroupMetadata(ConsumerGroupMetadataKey { group_id }, None));
    }
}

/// The records that delete this group.
pub(crate) fn tombstones(id: &Text, group: &ConsumerGroup) -> Vec<Record> {
    let mut draft = Draft::of(id, group);
    draft.remove_group();
    draft.into_records()
}
