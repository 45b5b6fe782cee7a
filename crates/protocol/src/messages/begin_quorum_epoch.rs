//! BeginQuorumEpoch.

use crate::definition::{Text, Uuid, messages};

messages! {
    api BeginQuorumEpoch = 53, versions 0-1, flexible 1+, listeners controller;

    request BeginQuorumEpochRequest {
        cluster_id: Option<Text> [0+, null 0+, default None],
        voter_id: i32 [1+ ignorable, default -1],
        topics: Vec<TopicData> [0+],
        leader_endpoints: Vec<LeaderEndpoint> [1+ ignorable],
    }

    struct TopicData {
        topic_name: Text [0+],
        partitions: Vec<PartitionData> [0+],
    }

    struct PartitionData {
        partition_index: i32 [0+],
        voter_directory_id: Uuid [1+ ignorable],
        leader_id: i32 [0+],
        leader_epoch: i32 [0+],
    }

    struct LeaderEndpoint {
        name: Text [1+],
        host: Text [1+],
        port: u16 [1+],
    }

    response BeginQuorumEpochResponse {
        error_code: i16 [0+],
        topics: Vec<BeginQuorumEpochResponseTopicData> [0+],
        node_endpoints: Vec<NodeEndpoint> [1+, tag 0],
    }

    struct BeginQuorumEpochResponseTopicData {
        topic_name: Text [0+],
        partitions: Vec<BeginQuorumEpochResponsePartitionData> [0+],
    }

    struct BeginQuorumEpochResponsePartitionData {
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
