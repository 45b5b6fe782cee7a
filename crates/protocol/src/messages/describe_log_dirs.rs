//! DescribeLogDirs.

use crate::definition::{Text, messages};

messages! {
    api DescribeLogDirs = 35, versions 1-5, flexible 2+, listeners broker;

    request DescribeLogDirsRequest {
        topics: Option<Vec<DescribableLogDirTopic>> [0+, null 0+],
    }

    struct DescribableLogDirTopic {
        topic: Text [0+],
        partitions: Vec<i32> [0+],
    }

    response DescribeLogDirsResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [3+ ignorable],
        results: Vec<DescribeLogDirsResult> [0+],
    }

    struct DescribeLogDirsResult {
        error_code: i16 [0+],
        log_dir: Text [0+],
        topics: Vec<DescribeLogDirsTopic> [0+],
        total_bytes: i64 [4+ ignorable, default -1],
        usable_bytes: i64 [4+ ignorable, default -1],
        is_cordoned: bool [5+ ignorable],
    }

    struct DescribeLogDirsTopic {
        name: Text [0+],
        partitions: Vec<DescribeLogDirsPartition> [0+],
    }

    struct DescribeLogDirsPartition {
        partition_index: i32 [0+],
        partition_size: i64 [0+],
        offset_lag: i64 [0+],
        is_future_key: bool [0+],
    }
}
