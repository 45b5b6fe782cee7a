//! FetchSnapshot.

use crate::definition::{Bytes, Text, Uuid, messages};

messages! {
    api FetchSnapshot = 59, versions 0-1, flexible 0+, listeners controller;

    request FetchSnapshotRequest {
        cluster_id: Option<Text> [0+, null 0+, tag 0, default None],
        replica_id: i32 [0+, default -1],
        max_bytes: i32 [0+, default i32::MAX],
        topics: Vec<TopicSnapshot> [0+],
    }

    struct TopicSnapshot {
        name: Text [0+],
        partitions: Vec<PartitionSnapshot> [0+],
    }

    struct PartitionSnapshot {
        partition: i32 [0+],
        current_leader_epoch: i32 [0+],
        snapshot_id: SnapshotId [0+],
        position: i64 [0+],
        replica_directory_id: Uuid [1+ ignorable, tag 0],
    }

    struct SnapshotId {
        end_offset: i64 [0+],
        epoch: i32 [0+],
    }

    response FetchSnapshotResponse {
        throttle_time_ms: i32 [0+ ignorable],
        error_code: i16 [0+],
        topics: Vec<FetchSnapshotResponseTopicSnapshot> [0+],
        node_endpoints: Vec<NodeEndpoint> [1+, tag 0],
    }

    struct FetchSnapshotResponseTopicSnapshot {
        name: Text [0+],
        partitions: Vec<FetchSnapshotResponsePartitionSnapshot> [0+],
    }

    struct FetchSnapshotResponsePartitionSnapshot {
        index: i32 [0+],
        error_code: i16 [0+],
        snapshot_id: SnapshotId [0+],
        current_leader: LeaderIdAndEpoch [0+, tag 0],
        size: i64 [0+],
        position: i64 [0+],
        unaligned_records: Bytes [0+],
    }

    struct LeaderIdAndEpoch {
        leader_id: i32 [0+],
        leader_epoch: i32 [0+],
    }

    struct NodeEndpoint {
        node_id: i32 [1+],
        host: Text [1+],
        port: u16 [1+],
    }
}
