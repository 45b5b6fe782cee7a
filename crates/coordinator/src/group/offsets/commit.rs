//! OffsetCommit. Topics are looked at first, then whether the member may commit, then each note.

use crate::group::machine::Reply;
use crate::group::records::Record;
use crate::group::view::View;
use model::metadata_image::TopicImage;
use model::state_machine::Ticket;
use model::{ErrorCode, Uuid};
use protocol::Text;
use protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use protocol::payloads::{OffsetCommitKey, OffsetCommitValue};
use std::sync::Arc;

/// The first version that names topics by id.
const BY_ID: i16 = 10;
/// The first version whose clients know that a group may not be there.
const KNOWS_MISSING_GROUPS: i16 = 9;
/// The versions that say how long the offsets are to be kept.
const SAYS_RETENTION: std::ops::RangeInclusive<i16> = 2..=4;

impl View<'_> {
    pub(crate) fn offset_commit(&mut self, ticket: Ticket, mut request: OffsetCommitRequest, version: i16) {
        let topics = std::mem::take(&mut request.topics);
        let known: Vec<Option<Arc<TopicImage>>> = topics.iter().map(|topic| self.topic_of(topic, version)).collect();
        let refused = self.check_commit(&request, version, &topics, &known).err();
        let mut response = OffsetCommitResponse::default();
        for (topic, image) in topics.into_iter().zip(&known) {
            let name = image.as_deref().map(|image| Text::from(&*image.name)).unwrap_or_default();
            let mut answer =
                OffsetCommitResponseTopic { name: topic.name, topic_id: topic.topic_id, ..Default::default() };
            for partition in topic.partitions {
                let index = partition.partition_index;
                let committed = match (image.as_deref().filter(|image| has(image, index)), refused) {
                    (None, _) if version >= BY_ID && image.is_none() => Err(ErrorCode::UnknownTopicId),
                    (None, _) => Err(ErrorCode::UnknownTopicOrPartition),
                    (Some(_), Some(error)) => Err(error),
                    (Some(image), None) => self.commit(&request, version, (image.id, &name), partition),
                };
                answer.partitions.push(OffsetCommitResponsePartition {
                    partition_index: index,
                    error_code: committed.err().unwrap_or(ErrorCode::None).code(),
                    ..Default::default()
                });
            }
            response.topics.push(answer);
        }
        self.reply(ticket, Reply::OffsetCommit(response));
    }

    fn topic_of(&self, topic: &OffsetCommitRequestTopic, version: i16) -> Option<Arc<TopicImage>> {
        let image = &self.world.image;
        let found = if version >= BY_ID { image.topic_by_id(topic.topic_id) } else { image.topic(&topic.name) };
        found.cloned()
    }

    fn check_commit(
        &mut self,
        request: &OffsetCommitRequest,
        version: i16,
        topics: &[OffsetCommitRequestTopic],
        known: &[Option<Arc<TopicImage>>],
    ) -> Result<(), ErrorCode> {
        let (member, epoch) = (&request.member_id, request.generation_id_or_member_epoch);
        let partitions = topics.iter().zip(known).flat_map(|(topic, image)| {
            let known = topic.partitions.iter().map(|partition| partition.partition_index);
            image
                .as_deref()
                .into_iter()
                .flat_map(move |image| known.clone().filter(|index| has(image, *index)).map(|index| (image.id, index)))
        });
        if partitions.clone().next().is_none() {
            return Ok(()); // nothing is committed, so nobody asks who it is
        }
        if let Some(group) = self.hard.get(&request.group_id).and_then(|group| group.consumer.as_ref()) {
            return group.check_commit(member, epoch, Some(version), partitions);
        }
        if !self.exists(&request.group_id) {
            return match epoch {
                ..0 => Ok(()),
                _ if version >= KNOWS_MISSING_GROUPS => Err(ErrorCode::GroupIdNotFound),
                _ => Err(ErrorCode::IllegalGeneration),
            };
        }
        let instance = request.group_instance_id.as_deref();
        match self.classic(&request.group_id) {
            Some(mut group) => {
                group.group.check_commit(member, instance, epoch)?;
                group.heard_of(member);
                Ok(())
            }
            // Nobody is in it.
            None if epoch < 0 => Ok(()),
            None => Err(ErrorCode::UnknownMemberId),
        }
    }

    fn commit(
        &mut self,
        request: &OffsetCommitRequest,
        version: i16,
        (topic_id, topic): (Uuid, &Text),
        partition: OffsetCommitRequestPartition,
    ) -> Result<(), ErrorCode> {
        let metadata = partition.committed_metadata.unwrap_or_default();
        if metadata.encode_utf16().count() > self.world.settings.offset_metadata_max_bytes {
            return Err(ErrorCode::OffsetMetadataTooLarge);
        }
        let retention = Some(request.retention_time_ms).filter(|ms| SAYS_RETENTION.contains(&version) && *ms >= 0);
        let mut value = OffsetCommitValue {
            offset: partition.committed_offset,
            leader_epoch: partition.committed_leader_epoch,
            // It is kept for long, and the request's frame should not be.
            metadata: if metadata.is_empty() { Text::default() } else { metadata.detached() },
            commit_timestamp: self.now.wall,
            topic_id,
            ..Default::default()
        };
        if let Some(ms) = retention {
            // Only the oldest form of the record has a place for this, and it has none for those.
            value.expire_timestamp = self.now.wall.saturating_add(ms);
            (value.leader_epoch, value.topic_id) = (-1, Uuid::ZERO);
        }
        let key = OffsetCommitKey {
            group: request.group_id.clone(),
            topic: topic.clone(),
            partition: partition.partition_index,
        };
        self.write(Record::OffsetCommit(key, Some(value)));
        Ok(())
    }
}

fn has(topic: &TopicImage, partition: i32) -> bool {
    topic.partition(partition).is_some()
}
