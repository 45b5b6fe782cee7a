//! Produce.

use crate::definition::{Bytes, Text, Uuid, messages};

messages! {
    api Produce = 0, versions 3-13, flexible 9+, listeners broker;

    request ProduceRequest {
        transactional_id: Option<Text> [3+, null 3+, default None],
        acks: i16 [0+],
        timeout_ms: i32 [0+],
        topic_data: Vec<TopicProduceData> [0+],
    }

    struct TopicProduceData {
        name: Text [0-12 ignorable],
        topic_id: Uuid [13+ ignorable],
        partition_data: Vec<PartitionProduceData> [0+],
    }

    struct PartitionProduceData {
        index: i32 [0+],
        records: Option<Bytes> [0+, null 0+],
    }

    response ProduceResponse {
        responses: Vec<TopicProduceResponse> [0+],
        throttle_time_ms: i32 [1+ ignorable],
        node_endpoints: Vec<NodeEndpoint> [10+, tag 0],
    }

    struct TopicProduceResponse {
        name: Text [0-12 ignorable],
        topic_id: Uuid [13+ ignorable],
        partition_responses: Vec<PartitionProduceResponse> [0+],
    }

    struct PartitionProduceResponse {
        index: i32 [0+],
        error_code: i16 [0+],
        base_offset: i64 [0+],
        log_append_time_ms: i64 [2+ ignorable, default -1],
        log_start_offset: i64 [5+ ignorable, default -1],
        record_errors: Vec<BatchIndexAndErrorMessage> [8+ ignorable],
        error_message: Option<Text> [8+ ignorable, null 8+, default None],
        current_leader: LeaderIdAndEpoch [10+, tag 0],
    }

    struct BatchIndexAndErrorMessage {
        batch_index: i32 [8+],
        batch_index_error_message: Option<Text> [8+, null 8+, default None],
    }

    struct LeaderIdAndEpoch {
        leader_id: i32 [10+, default -1],
        leader_epoch: i32 [10+, default -1],
    }

    struct NodeEndpoint {
        node_id: i32 [10+],
        host: Text [10+],
        port: i32 [10+],
        rack: Option<Text> [10+, null 10+, default None],
    }
}
