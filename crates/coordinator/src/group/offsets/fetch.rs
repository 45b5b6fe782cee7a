//! OffsetFetch of one group.

use crate::group::failure::no_offset;
use crate::group::group_map::{CommittedOffset, Group};
use crate::group::machine::Reply;
use crate::group::view::View;
use model::state_machine::Ticket;
use model::{ErrorCode, PartitionId, Uuid};
use protocol::Text;
use protocol::messages::offset_fetch::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponseGroup, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopics,
};

/// The first version in which a member says who it is.
const NAMES_MEMBER: i16 = 9;
/// The first version that names topics by id.
const BY_ID: i16 = 10;

impl View<'_> {
    pub(crate) fn offset_fetch(
        &mut self,
        ticket: Ticket,
        request: OffsetFetchRequestGroup,
        require_stable: bool,
        version: i16,
    ) {
        let group = self.hard.get(&request.group_id);
        let mut answer = OffsetFetchResponseGroup { group_id: request.group_id.clone(), ..Default::default() };
        let consumer = group.and_then(|group| group.consumer.as_ref()).filter(|_| version >= NAMES_MEMBER);
        let checked = consumer.map(|group| group.check_fetch(request.member_id.as_deref(), request.member_epoch));
        match (checked, request.topics) {
            (Some(Err(error)), _) => answer.error_code = error.code(),
            (_, Some(topics)) => {
                answer.topics =
                    topics.into_iter().map(|topic| self.wanted(group, topic, require_stable, version)).collect();
            }
            (_, None) => {
                answer.topics = group.map(|group| self.all(group, require_stable, version)).unwrap_or_default()
            }
        }
        self.reply(ticket, Reply::OffsetFetch(answer));
    }

    fn wanted(
        &self,
        group: Option<&Group>,
        topic: OffsetFetchRequestTopics,
        require_stable: bool,
        version: i16,
    ) -> OffsetFetchResponseTopics {
        let name = match (version >= BY_ID, self.world.image.topic_by_id(topic.topic_id)) {
            (false, _) => Some(topic.name.clone()),
            (true, found) => found.map(|found| Text::from(&*found.name)),
        };
        let answer = |index: i32| match &name {
            None => OffsetFetchResponsePartitions { error_code: ErrorCode::UnknownTopicId.code(), ..no_offset(index) },
            Some(name) => {
                let committed = group.and_then(|group| group.offset(name, index));
                let same = committed.filter(|committed| is_of(committed, topic.topic_id));
                of_partition(group, name, index, same, require_stable)
            }
        };
        let partitions = topic.partition_indexes.iter().map(|index| answer(*index)).collect();
        OffsetFetchResponseTopics { name: topic.name, topic_id: topic.topic_id, partitions, ..Default::default() }
    }

    fn all(&self, group: &Group, require_stable: bool, version: i16) -> Vec<OffsetFetchResponseTopics> {
        let mut topics = Vec::new();
        for (name, partitions) in &group.offsets {
            let topic_id = self.world.image.topic(name).map_or(Uuid::ZERO, |topic| topic.id);
            if version >= BY_ID && topic_id.is_zero() {
                continue; // it cannot be named
            }
            let partitions = partitions
                .iter()
                .map(|(index, committed)| of_partition(Some(group), name, *index, Some(committed), require_stable));
            topics.push(OffsetFetchResponseTopics {
                name: name.clone(),
                topic_id,
                partitions: partitions.collect(),
                ..Default::default()
            });
        }
        topics
    }
}

/// Whether the offset was committed for the topic that has this id; zero for whatever has the name.
fn is_of(committed: &CommittedOffset, topic_id: Uuid) -> bool {
    topic_id.is_zero() || committed.topic_id.is_zero() || committed.topic_id == topic_id
}

fn of_partition(
    group: Option<&Group>,
    topic: &str,
    index: PartitionId,
    committed: Option<&CommittedOffset>,
    require_stable: bool,
) -> OffsetFetchResponsePartitions {
    if require_stable && group.is_some_and(|group| group.has_pending(topic, index)) {
        return OffsetFetchResponsePartitions {
            error_code: ErrorCode::UnstableOffsetCommit.code(),
            ..no_offset(index)
        };
    }
    match committed {
        None => no_offset(index),
        Some(committed) => OffsetFetchResponsePartitions {
            partition_index: index,
            committed_offset: committed.offset,
            committed_leader_epoch: committed.leader_epoch,
            metadata: Some(committed.metadata.clone()),
            ..Default::default()
        },
    }
}
