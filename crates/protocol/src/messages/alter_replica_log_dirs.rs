//! AlterReplicaLogDirs.

use crate::definition::{Text, messages};

messages! {
    api AlterReplicaLogDirs = 34, versions 1-2, flexible 2+, listeners broker;

    request AlterReplicaLogDirsRequest {
        dirs: Vec<AlterReplicaLogDir> [0+],
    }

    struct AlterReplicaLogDir {
        path: Text [0+],
        topics: Vec<AlterReplicaLogDirTopic> [0+],
    }

    struct AlterReplicaLogDirTopic {
        name: Text [0+],
        partitions: Vec<i32> [0+],
    }

    response AlterReplicaLogDirsResponse {
        throttle_time_ms: i32 [0+],
        results: Vec<AlterReplicaLogDirTopicResult> [0+],
    }

    struct AlterReplicaLogDirTopicResult {
        topic_name: Text [0+],
        partitions: Vec<AlterReplicaLogDirPartitionResult> [0+],
    }

    struct AlterReplicaLogDirPartitionResult {
        partition_index: i32 [0+],
        error_code: i16 [0+],
    }
}
