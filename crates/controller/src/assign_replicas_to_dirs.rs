//! AssignReplicasToDirs (KIP-858): a broker with several log directories tells in which one its replicas are.

use crate::machine::View;
use crate::replica_index::PartitionKey;
use model::{ErrorCode, NodeId, Uuid};
use protocol::messages::assign_replicas_to_dirs::{
    AssignReplicasToDirsRequest, AssignReplicasToDirsResponse, AssignReplicasToDirsResponseDirectoryData,
    AssignReplicasToDirsResponsePartitionData, AssignReplicasToDirsResponseTopicData, DirectoryData, TopicData,
};

impl View<'_> {
    /// Notes the directory of each replica that the broker has. One in a directory that is not registered is offline.
    pub(crate) fn assign_replicas_to_dirs(
        &mut self,
        request: &AssignReplicasToDirsRequest,
    ) -> AssignReplicasToDirsResponse {
        if let Err(refusal) = self.live_broker(request.broker_id, request.broker_epoch) {
            return AssignReplicasToDirsResponse { error_code: refusal.error.code(), ..Default::default() };
        }
        let assign = |directory: &DirectoryData| AssignReplicasToDirsResponseDirectoryData {
            id: directory.id,
            topics: directory
                .topics
                .iter()
                .map(|topic| self.assign_topic(request.broker_id, directory.id, topic))
                .collect(),
            ..Default::default()
        };
        let directories = request.directories.iter().map(assign).collect();
        AssignReplicasToDirsResponse { directories, ..Default::default() }
    }

    fn assign_topic(
        &mut self,
        broker: NodeId,
        directory: Uuid,
        topic: &TopicData,
    ) -> AssignReplicasToDirsResponseTopicData {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in &topic.partitions {
            let error = self.assign_replica(broker, directory, (topic.topic_id, partition.partition_index));
            partitions.push(AssignReplicasToDirsResponsePartitionData {
                partition_index: partition.partition_index,
                error_code: error.err().unwrap_or(ErrorCode::None).code(),
                ..Default::default()
            });
        }
        AssignReplicasToDirsResponseTopicData { topic_id: topic.topic_id, partitions, ..Default::default() }
    }

    fn assign_replica(&mut self, broker: NodeId, directory: Uuid, key: PartitionKey) -> Result<(), ErrorCode> {
        if self.hard.topic_by_id(key.0).is_none() {
            return Err(ErrorCode::UnknownTopicId);
        }
        let partition = self.partition(key).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let known = partition.directory_of(broker).ok_or(ErrorCode::NotLeaderOrFollower)?;
        if known != directory {
            self.draft(key).directories.insert(broker, directory);
        }
        Ok(())
    }
}
