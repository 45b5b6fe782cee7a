//! DescribeQuorum.

use crate::definition::{Text, Uuid, messages};

messages! {
    api DescribeQuorum = 55, versions 0-2, flexible 0+, listeners broker controller;

    request DescribeQuorumRequest {
        topics: Vec<TopicData> [0+],
    }

    struct TopicData {
        topic_name: Text [0+],
        partitions: Vec<PartitionData> [0+],
    }

    struct PartitionData {
        partition_index: i32 [0+],
    }

    response DescribeQuorumResponse {
        error_code: i16 [0+],
        error_message: Option<Text> [2+ ignorable, null 2+],
        topics: Vec<DescribeQuorumResponseTopicData> [0+],
        nodes: Vec<Node> [2+],
    }

    struct DescribeQuorumResponseTopicData {
        topic_name: Text [0+],
        partitions: Vec<DescribeQuorumResponsePartitionData> [0+],
    }

    struct DescribeQuorumResponsePartitionData {
        partition_index: i32 [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [2+ ignorable, null 2+],
        leader_id: i32 [0+],
        leader_epoch: i32 [0+],
        high_watermark: i64 [0+],
        current_voters: Vec<ReplicaState> [0+],
        observers: Vec<ReplicaState> [0+],
    }

    struct Node {
        node_id: i32 [2+],
        listeners: Vec<Listener> [2+],
    }

    struct Listener {
        name: Text [2+],
        host: Text [2+],
        port: u16 [2+],
    }

    struct ReplicaState {
        replica_id: i32 [0+],
        replica_directory_id: Uuid [2+],
        log_end_offset: i64 [0+],
        last_fetch_timestamp: i64 [1+ ignorable, default -1],
        last_caught_up_timestamp: i64 [1+ ignorable, default -1],
    }
}
