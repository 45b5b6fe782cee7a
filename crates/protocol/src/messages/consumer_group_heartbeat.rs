//! ConsumerGroupHeartbeat.

use crate::definition::{Text, Uuid, messages};

messages! {
    api ConsumerGroupHeartbeat = 68, versions 0-1, flexible 0+, listeners broker;

    request ConsumerGroupHeartbeatRequest {
        group_id: Text [0+],
        member_id: Text [0+],
        member_epoch: i32 [0+],
        instance_id: Option<Text> [0+, null 0+, default None],
        rack_id: Option<Text> [0+, null 0+, default None],
        rebalance_timeout_ms: i32 [0+, default -1],
        subscribed_topic_names: Option<Vec<Text>> [0+, null 0+, default None],
        subscribed_topic_regex: Option<Text> [1+, null 1+, default None],
        server_assignor: Option<Text> [0+, null 0+, default None],
        topic_partitions: Option<Vec<TopicPartitions>> [0+, null 0+, default None],
    }

    struct TopicPartitions {
        topic_id: Uuid [0+],
        partitions: Vec<i32> [0+],
    }

    response ConsumerGroupHeartbeatResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+, default None],
        member_id: Option<Text> [0+, null 0+, default None],
        member_epoch: i32 [0+],
        heartbeat_interval_ms: i32 [0+],
        assignment: Option<Assignment> [0+, null 0+, default None],
    }

    struct Assignment {
        topic_partitions: Vec<TopicPartitions> [0+],
    }
}
