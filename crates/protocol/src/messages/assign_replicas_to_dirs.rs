//! AssignReplicasToDirs.

use crate::definition::{Uuid, messages};

messages! {
    api AssignReplicasToDirs = 73, versions 0, flexible 0+, listeners controller;

    request AssignReplicasToDirsRequest {
        broker_id: i32 [0+],
        broker_epoch: i64 [0+, default -1],
        directories: Vec<DirectoryData> [0+],
    }

    struct DirectoryData {
        id: Uuid [0+],
        topics: Vec<TopicData> [0+],
    }

    struct TopicData {
        topic_id: Uuid [0+],
        partitions: Vec<PartitionData> [0+],
    }

    struct PartitionData {
        partition_index: i32 [0+],
    }

    response AssignReplicasToDirsResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
        directories: Vec<AssignReplicasToDirsResponseDirectoryData> [0+],
    }

    struct AssignReplicasToDirsResponseDirectoryData {
        id: Uuid [0+],
        topics: Vec<AssignReplicasToDirsResponseTopicData> [0+],
    }

    struct AssignReplicasToDirsResponseTopicData {
        topic_id: Uuid [0+],
        partitions: Vec<AssignReplicasToDirsResponsePartitionData> [0+],
    }

    struct AssignReplicasToDirsResponsePartitionData {
        partition_index: i32 [0+],
        error_code: i16 [0+],
    }
}
