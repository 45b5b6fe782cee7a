//! EndQuorumEpoch.

use crate::definition::{Text, Uuid, messages};

messages! {
    api EndQuorumEpoch = 54, versions 0-1, flexible 1+, listeners controller;

    request EndQuorumEpochRequest {
        cluster_id: Option<Text> [0+, null 0+, default None],
        topics: Vec<TopicData> [0+],
        leader_endpoints: Vec<LeaderEndpoint> [1+ ignorable],
    }

    struct TopicData {
        topic_name: Text [0+],
        partitions: Vec<PartitionData> [0+],
    }

    struct PartitionData {
        partition_index: i32 [0+],
        leader_id: i32 [0+],
        leader_epoch: i32 [0+],
        preferred_successors: Vec<i32> [0-0 ignorable],
        preferred_candidates: Vec<ReplicaInfo> [1+ ignorable],
    }

    struct ReplicaInfo {
        candidate_id: i32 [1+],
        candidate_directory_id: Uuid [1+],
    }

    struct LeaderEndpoint {
        name: Text [1+],
        host: Text [1+],
        port: u16 [1+],
    }

    response EndQuorumEpochResponse {
        error_code: i16 [0+],
        topics: Vec<EndQuorumEpochResponseTopicData> [0+],
        node_endpoints: Vec<NodeEndpoint> [1+, tag 0],
    }

    struct EndQuorumEpochResponseTopicData {
        topic_name: Text [0+],
        partitions: Vec<EndQuorumEpochResponsePartitionData> [0+],
    }

    struct EndQuorumEpochResponsePartitionData {
        partition_index: i32 [0+],
        error_code: i16 [0+],
        leader_id: i32 [0+],
        leader_epoch: i32 [0+],
    }

    struct NodeEndpoint {
        node_id: i32 [1+],
        host: Text [1+],
        port: u16 [1+],
    }
}
