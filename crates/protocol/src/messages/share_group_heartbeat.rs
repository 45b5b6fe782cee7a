//! ShareGroupHeartbeat.

use crate::definition::{Text, Uuid, messages};

messages! {
    api ShareGroupHeartbeat = 76, versions 1, flexible 0+, listeners broker;

    request ShareGroupHeartbeatRequest {
        group_id: Text [0+],
        member_id: Text [0+],
        member_epoch: i32 [0+],
        rack_id: Option<Text> [0+, null 0+, default None],
        subscribed_topic_names: Option<Vec<Text>> [0+, null 0+, default None],
    }

    response ShareGroupHeartbeatResponse {
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

    struct TopicPartitions {
        topic_id: Uuid [0+],
        partitions: Vec<i32> [0+],
    }
}
