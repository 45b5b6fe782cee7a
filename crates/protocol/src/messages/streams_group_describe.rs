//! StreamsGroupDescribe.

use crate::definition::{Text, messages};

messages! {
    api StreamsGroupDescribe = 89, versions 0, flexible 0+, listeners broker;

    request StreamsGroupDescribeRequest {
        group_ids: Vec<Text> [0+],
        include_authorized_operations: bool [0+],
    }

    response StreamsGroupDescribeResponse {
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
        topology: Option<Topology> [0+, null 0+, default None],
        members: Vec<Member> [0+],
        authorized_operations: i32 [0+, default i32::MIN],
    }

    struct Topology {
        epoch: i32 [0+],
        subtopologies: Option<Vec<Subtopology>> [0+, null 0+, default None],
    }

    struct Subtopology {
        subtopology_id: Text [0+],
        source_topics: Vec<Text> [0+],
        repartition_sink_topics: Vec<Text> [0+],
        state_changelog_topics: Vec<TopicInfo> [0+],
        repartition_source_topics: Vec<TopicInfo> [0+],
    }

    struct Member {
        member_id: Text [0+],
        member_epoch: i32 [0+],
        instance_id: Option<Text> [0+, null 0+, default None],
        rack_id: Option<Text> [0+, null 0+, default None],
        client_id: Text [0+],
        client_host: Text [0+],
        topology_epoch: i32 [0+],
        process_id: Text [0+],
        user_endpoint: Option<Endpoint> [0+, null 0+, default None],
        client_tags: Vec<KeyValue> [0+],
        task_offsets: Vec<TaskOffset> [0+],
        task_end_offsets: Vec<TaskOffset> [0+],
        assignment: Assignment [0+],
        target_assignment: Assignment [0+],
        is_classic: bool [0+],
    }

    struct Endpoint {
        host: Text [0+],
        port: u16 [0+],
    }

    struct TaskOffset {
        subtopology_id: Text [0+],
        partition: i32 [0+],
        offset: i64 [0+],
    }

    struct Assignment {
        active_tasks: Vec<TaskIds> [0+],
        standby_tasks: Vec<TaskIds> [0+],
        warmup_tasks: Vec<TaskIds> [0+],
    }

    struct TaskIds {
        subtopology_id: Text [0+],
        partitions: Vec<i32> [0+],
    }

    struct KeyValue {
        key: Text [0+],
        value: Text [0+],
    }

    struct TopicInfo {
        name: Text [0+],
        partitions: i32 [0+],
        replication_factor: i16 [0+],
        topic_configs: Vec<KeyValue> [0+],
    }
}
