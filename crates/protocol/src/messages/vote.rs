//! Vote.

use crate::definition::{Text, Uuid, messages};

messages! {
    api Vote = 52, versions 0-2, flexible 0+, listeners controller;

    request VoteRequest {
        cluster_id: Option<Text> [0+, null 0+, default None],
        voter_id: i32 [1+ ignorable, default -1],
        topics: Vec<TopicData> [0+],
    }

    struct TopicData {
        topic_name: Text [0+],
        partitions: Vec<PartitionData> [0+],
    }

    struct PartitionData {
        partition_index: i32 [0+],
        replica_epoch: i32 [0+],
        replica_id: i32 [0+],
        replica_directory_id: Uuid [1+ ignorable],
        voter_directory_id: Uuid [1+ ignorable],
        last_offset_epoch: i32 [0+],
        last_offset: i64 [0+],
        pre_vote: bool [2+],
    }

    response VoteResponse {
        error_code: i16 [0+],
        topics: Vec<VoteResponseTopicData> [0+],
        node_endpoints: Vec<NodeEndpoint> [1+, tag 0],
    }

    struct VoteResponseTopicData {
        topic_name: Text [0+],
        partitions: Vec<VoteResponsePartitionData> [0+],
    }

    struct VoteResponsePartitionData {
        partition_index: i32 [0+],
        error_code: i16 [0+],
        leader_id: i32 [0+],
        leader_epoch: i32 [0+],
        vote_granted: bool [0+],
    }

    struct NodeEndpoint {
        node_id: i32 [1+],
        host: Text [1+],
        port: u16 [1+],
    }
}
