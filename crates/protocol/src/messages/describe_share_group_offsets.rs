//! DescribeShareGroupOffsets.

use crate::definition::{Text, Uuid, messages};

messages! {
    api DescribeShareGroupOffsets = 90, versions 0-1, flexible 0+, listeners broker;

    request DescribeShareGroupOffsetsRequest {
        groups: Vec<DescribeShareGroupOffsetsRequestGroup> [0+],
    }

    struct DescribeShareGroupOffsetsRequestGroup {
        group_id: Text [0+],
        topics: Option<Vec<DescribeShareGroupOffsetsRequestTopic>> [0+, null 0+],
    }

    struct DescribeShareGroupOffsetsRequestTopic {
        topic_name: Text [0+],
        partitions: Vec<i32> [0+],
    }

    response DescribeShareGroupOffsetsResponse {
        throttle_time_ms: i32 [0+],
        groups: Vec<DescribeShareGroupOffsetsResponseGroup> [0+],
    }

    struct DescribeShareGroupOffsetsResponseGroup {
        group_id: Text [0+],
        topics: Vec<DescribeShareGroupOffsetsResponseTopic> [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+, default None],
    }

    struct DescribeShareGroupOffsetsResponseTopic {
        topic_name: Text [0+],
        topic_id: Uuid [0+],
        partitions: Vec<DescribeShareGroupOffsetsResponsePartition> [0+],
    }

    struct DescribeShareGroupOffsetsResponsePartition {
        partition_index: i32 [0+],
        start_offset: i64 [0+],
        leader_epoch: i32 [0+],
        lag: i64 [1+ ignorable, default -1],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+, default None],
    }
}
