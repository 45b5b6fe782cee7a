//! ShareGroupDescribe.

use crate::definition::{Text, Uuid, messages};

messages! {
    api ShareGroupDescribe = 77, versions 1, flexible 0+, listeners broker;

    request ShareGroupDescribeRequest {
        group_ids: Vec<Text> [0+],
        include_authorized_operations: bool [0+],
    }

    response ShareGroupDescribeResponse {
        throttle_time_ms: i32 [0+],
        groups: Vec<DescribedGroup> [0+],
    }

    struct DescribedGroup {
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+, default None],
        group_id: Text [0+],
        group_state: Text [0+],
        group_epoch: i32 [0+],
        assignment_epoch: i32 [0+],
        assignor_name: Text [0+],
        members: Vec<Member> [0+],
        authorized_operations: i32 [0+, default i32::MIN],
    }

    struct Member {
        member_id: Text [0+],
        rack_id: Option<Text> [0+, null 0+, default None],
        member_epoch: i32 [0+],
        client_id: Text [0+],
        client_host: Text [0+],
        subscribed_topic_names: Vec<Text> [0+],
        assignment: Assignment [0+],
    }

    struct TopicPartitions {
        topic_id: Uuid [0+],
        topic_name: Text [0+],
        partitions: Vec<i32> [0+],
    }

    struct Assignment {
        topic_partitions: Vec<TopicPartitions> [0+],
    }
}
