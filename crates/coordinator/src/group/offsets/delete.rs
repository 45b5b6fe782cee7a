//! OffsetDelete: offsets of topics that nobody in the group consumes.

use crate::group::classic::{Subscription, subscription_of_record};
use crate::group::group_map::Group;
use crate::group::machine::Reply;
use crate::group::records::Record;
use crate::group::view::View;
use model::state_machine::Ticket;
use model::{ErrorCode, PartitionId};
use protocol::Text;
use protocol::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestTopic, OffsetDeleteResponse, OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
};
use protocol::payloads::OffsetCommitKey;

impl View<'_> {
    pub(crate) fn offset_delete(&mut self, ticket: Ticket, request: OffsetDeleteRequest) {
        let mut response = OffsetDeleteResponse::default();
        match self.check_offset_delete(&request.group_id) {
            Err(error) => response.error_code = error.code(),
            Ok(()) => {
                for topic in request.topics {
                    response.topics.push(self.delete_offsets_of_topic(&request.group_id, topic));
                }
            }
        }
        self.reply(ticket, Reply::OffsetDelete(response));
    }

    /// A group whose members are no consumers must be empty: it cannot be told what they use.
    fn check_offset_delete(&mut self, id: &Text) -> Result<(), ErrorCode> {
        if id.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        if !self.exists(id) {
            return Err(ErrorCode::GroupIdNotFound);
        }
        match self.classic(id) {
            Some(group) if !group.group.members.is_empty() => match group.group.protocol_type.as_deref() {
                Some("consumer") => Ok(()),
                _ => Err(ErrorCode::NonEmptyGroup),
            },
            _ => Ok(()),
        }
    }

    fn delete_offsets_of_topic(&mut self, id: &Text, topic: OffsetDeleteRequestTopic) -> OffsetDeleteResponseTopic {
        let subscribed = self.is_subscribed(id, &topic.name);
        let mut partitions = Vec::new();
        for partition in topic.partitions {
            let index = partition.partition_index;
            let error = match self.world.image.partition(&topic.name, index) {
                None => ErrorCode::UnknownTopicOrPartition,
                Some(_) if subscribed && !model::planted!("an offset that members read from is deleted") => {
                    ErrorCode::GroupSubscribedToTopic
                }
                Some(_) => {
                    self.delete_offset(id, &topic.name, index);
                    ErrorCode::None
                }
            };
            partitions.push(OffsetDeleteResponsePartition { partition_index: index, error_code: error.code() });
        }
        OffsetDeleteResponseTopic { name: topic.name, partitions }
    }

    fn delete_offset(&mut self, id: &Text, topic: &Text, partition: PartitionId) {
        let has = |group: &Group| group.offset(topic, partition).is_some() || group.has_pending(topic, partition);
        if self.hard.get(id).is_some_and(has) {
            self.write(forgotten(id, topic, partition));
        }
    }

    /// Whether somebody in the group consumes the topic, as far as can be told.
    pub(super) fn is_subscribed(&mut self, id: &Text, topic: &str) -> bool {
        if let Some(consumer) = self.hard.get(id).and_then(|group| group.consumer.as_ref()) {
            return consumer.is_subscribed_to(topic);
        }
        self.classic_subscription(id).has(topic)
    }

    pub(super) fn classic_subscription(&mut self, id: &Text) -> Subscription {
        if let Some(group) = self.classic(id) {
            return group.group.subscription();
        }
        let record = self.hard.get(id).and_then(|group| group.classic.as_ref());
        record.map_or(Subscription::Nothing, subscription_of_record)
    }
}

/// The record that takes a committed offset away.
pub(super) fn forgotten(id: &Text, topic: &Text, partition: PartitionId) -> Record {
    Record::OffsetCommit(OffsetCommitKey { group: id.clone(), topic: topic.clone(), partition }, None)
}

impl Group {
    /// The records that take every offset of the group away.
    pub(crate) fn offset_tombstones(&self, id: &Text) -> Vec<Record> {
        let pending = self.pending.values();
        let offsets = std::iter::once(&self.offsets).chain(pending);
        let all = offsets.flat_map(|offsets| {
            offsets.iter().flat_map(|(topic, partitions)| partitions.keys().map(move |partition| (topic, *partition)))
        });
        let all: std::collections::BTreeSet<(&Text, PartitionId)> = all.collect();
        all.into_iter().map(|(topic, partition)| forgotten(id, topic, partition)).collect()
    }
}
