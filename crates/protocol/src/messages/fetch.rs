//! Fetch.

use crate::definition::{Bytes, Text, Uuid, messages};

messages! {
    api Fetch = 1, versions 4-18, flexible 12+, listeners broker controller;

    request FetchRequest {
        cluster_id: Option<Text> [12+ ignorable, null 12+, tag 0, default None],
        replica_id: i32 [0-14, default -1],
        replica_state: ReplicaState [15+, tag 1],
        max_wait_ms: i32 [0+],
        min_bytes: i32 [0+],
        max_bytes: i32 [3+ ignorable, default i32::MAX],
        isolation_level: i8 [4+ ignorable],
        session_id: i32 [7+ ignorable],
        session_epoch: i32 [7+ ignorable, default -1],
        topics: Vec<FetchTopic> [0+],
        forgotten_topics_data: Vec<ForgottenTopic> [7+],
        rack_id: Text [11+ ignorable],
    }

    struct ReplicaState {
        replica_id: i32 [15+, default -1],
        replica_epoch: i64 [15+, default -1],
    }

    struct FetchTopic {
        topic: Text [0-12 ignorable],
        topic_id: Uuid [13+ ignorable],
        partitions: Vec<FetchPartition> [0+],
    }

    struct FetchPartition {
        partition: i32 [0+],
        current_leader_epoch: i32 [9+ ignorable, default -1],
        fetch_offset: i64 [0+],
        last_fetched_epoch: i32 [12+, default -1],
        log_start_offset: i64 [5+ ignorable, default -1],
        partition_max_bytes: i32 [0+],
        replica_directory_id: Uuid [17+ ignorable, tag 0],
        high_watermark: i64 [18+ ignorable, tag 1, default i64::MAX],
    }

    struct ForgottenTopic {
        topic: Text [7-12 ignorable],
        topic_id: Uuid [13+ ignorable],
        partitions: Vec<i32> [7+],
    }

    response FetchResponse {
        throttle_time_ms: i32 [1+ ignorable],
        error_code: i16 [7+ ignorable],
        session_id: i32 [7+],
        responses: Vec<FetchableTopicResponse> [0+],
        node_endpoints: Vec<NodeEndpoint> [16+, tag 0],
    }

    struct FetchableTopicResponse {
        topic: Text [0-12 ignorable],
        topic_id: Uuid [13+ ignorable],
        partitions: Vec<PartitionData> [0+],
    }

    struct PartitionData {
        partition_index: i32 [0+],
        error_code: i16 [0+],
        high_watermark: i64 [0+],
        last_stable_offset: i64 [4+ ignorable, default -1],
        log_start_offset: i64 [5+ ignorable, default -1],
        diverging_epoch: EpochEndOffset [12+, tag 0],
        current_leader: LeaderIdAndEpoch [12+, tag 1],
        snapshot_id: SnapshotId [12+, tag 2],
        aborted_transactions: Option<Vec<AbortedTransaction>> [4+ ignorable, null 4+],
        preferred_read_replica: i32 [11+, default -1],
        records: Option<Bytes> [0+, null 0+],
    }

    struct EpochEndOffset {
        epoch: i32 [12+, default -1],
        end_offset: i64 [12+, default -1],
    }

    struct LeaderIdAndEpoch {
        leader_id: i32 [12+, default -1],
        leader_epoch: i32 [12+, default -1],
    }

    struct SnapshotId {
        end_offset: i64 [0+, default -1],
        epoch: i32 [0+, default -1],
    }

    struct AbortedTransaction {
        producer_id: i64 [4+],
        first_offset: i64 [4+],
    }

    struct NodeEndpoint {
        node_id: i32 [16+],
        host: Text [16+],
        port: i32 [16+],
        rack: Option<Text> [16+, null 16+, default None],
    }
}
