//! What fake brokers know of offsets, and of who keeps them.

use super::serve::Ask;
use super::world::World;
use model::ErrorCode;
use protocol::messages::find_coordinator::Coordinator;
use protocol::messages::offset_commit::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use protocol::messages::offset_fetch::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use protocol::messages::{
    FindCoordinatorRequest, FindCoordinatorResponse, OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest,
    OffsetFetchResponse,
};

impl World {
    /// Who coordinates every group.
    pub fn coordinating(&self) -> i32 {
        self.coordinator.unwrap_or(1)
    }

    pub fn find_coordinator(&self, request: &FindCoordinatorRequest, version: i16) -> FindCoordinatorResponse {
        let node_id = self.coordinating();
        let (host, port) = self.brokers[&node_id].rsplit_once(':').expect("host:port");
        let port = port.parse().expect("a port");
        if version < 4 {
            return FindCoordinatorResponse { node_id, host: host.into(), port, ..Default::default() };
        }
        let one = |key: &protocol::Text| Coordinator {
            key: key.clone(),
            node_id,
            host: host.into(),
            port,
            ..Default::default()
        };
        let coordinators = request.coordinator_keys.iter().map(one).collect();
        FindCoordinatorResponse { coordinators, ..Default::default() }
    }

    /// Whether who asks is a member of either group, in its generation or epoch, or nobody.
    fn check_member(&self, node: i32, member: &str, generation: i32) -> ErrorCode {
        if node != self.coordinating() {
            return ErrorCode::NotCoordinator;
        }
        if member.is_empty() && generation < 0 {
            return ErrorCode::None;
        }
        if let Some(member) = self.consumers.members.get(member) {
            return if member.epoch == generation { ErrorCode::None } else { ErrorCode::StaleMemberEpoch };
        }
        match self.group.members.contains_key(member) {
            true if self.group.generation != generation => ErrorCode::IllegalGeneration,
            true => ErrorCode::None,
            false => ErrorCode::UnknownMemberId,
        }
    }

    pub fn offset_commit(&mut self, ask: &Ask, request: &OffsetCommitRequest) -> OffsetCommitResponse {
        let error = self.check_member(ask.node, &request.member_id, request.generation_id_or_member_epoch);
        if error.is_none() {
            for topic in &request.topics {
                let name = self.name_of(&topic.name, topic.topic_id).expect("clients commit in topics there are");
                for partition in &topic.partitions {
                    let metadata = partition.committed_metadata.as_deref().unwrap_or_default().to_owned();
                    let offset = (partition.committed_offset, partition.committed_leader_epoch, metadata);
                    self.committed.insert((name.clone(), partition.partition_index), offset);
                }
            }
        }
        Self::commit_answer(request, error)
    }

    pub fn commit_answer(request: &OffsetCommitRequest, error: ErrorCode) -> OffsetCommitResponse {
        let topic = |topic: &protocol::messages::offset_commit::OffsetCommitRequestTopic| {
            let partition = |partition: &protocol::messages::offset_commit::OffsetCommitRequestPartition| {
                OffsetCommitResponsePartition {
                    partition_index: partition.partition_index,
                    error_code: error.code(),
                    ..Default::default()
                }
            };
            OffsetCommitResponseTopic {
                name: topic.name.clone(),
                topic_id: topic.topic_id,
                partitions: topic.partitions.iter().map(partition).collect(),
                ..Default::default()
            }
        };
        OffsetCommitResponse { topics: request.topics.iter().map(topic).collect(), ..Default::default() }
    }

    pub fn offset_fetch(&self, ask: &Ask, request: &OffsetFetchRequest) -> OffsetFetchResponse {
        let groups = request.groups.iter().map(|group| {
            let topics = group.topics.iter().flatten().map(|topic| {
                let name = self.name_of(&topic.name, topic.topic_id).unwrap_or_default();
                let partitions = topic.partition_indexes.iter().map(|index| {
                    let (offset, epoch, metadata) =
                        self.committed.get(&(name.clone(), *index)).cloned().unwrap_or((-1, -1, String::new()));
                    OffsetFetchResponsePartitions {
                        partition_index: *index,
                        committed_offset: offset,
                        committed_leader_epoch: epoch,
                        metadata: Some(metadata.into()),
                        ..Default::default()
                    }
                });
                let partitions = partitions.collect();
                let (name, topic_id) = (topic.name.clone(), topic.topic_id);
                OffsetFetchResponseTopics { name, topic_id, partitions, ..Default::default() }
            });
            let moved = ask.node != self.coordinating();
            OffsetFetchResponseGroup {
                group_id: group.group_id.clone(),
                topics: topics.collect(),
                error_code: if moved { ErrorCode::NotCoordinator.code() } else { 0 },
                ..Default::default()
            }
        });
        OffsetFetchResponse { groups: groups.collect(), ..Default::default() }
    }
}
