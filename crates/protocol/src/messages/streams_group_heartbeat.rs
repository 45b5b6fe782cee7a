//! StreamsGroupHeartbeat.

use crate::definition::{Text, messages};

messages! {
    api StreamsGroupHeartbeat = 88, versions 0, flexible 0+, listeners broker;

    request StreamsGroupHeartbeatRequest {
        group_id: Text [0+],
        member_id: Text [0+],
        member_epoch: i32 [0+],
        endpoint_information_epoch: i32 [0+],
        instance_id: Option<Text> [0+, null 0+, default None],
        rack_id: Option<Text> [0+, null 0+, default None],
        rebalance_timeout_ms: i32 [0+, default -1],
        topology: Option<Topology> [0+, null 0+, default None],
        active_tasks: Option<Vec<TaskIds>> [0+, null 0+, default None],
        standby_tasks: Option<Vec<TaskIds>> [0+, null 0+, default None],
        warmup_tasks: Option<Vec<TaskIds>> [0+, null 0+, default None],
        process_id: Option<Text> [0+, null 0+, default None],
        user_endpoint: Option<Endpoint> [0+, null 0+, default None],
        client_tags: Option<Vec<KeyValue>> [0+, null 0+, default None],
        task_offsets: Option<Vec<TaskOffset>> [0+, null 0+, default None],
        task_end_offsets: Option<Vec<TaskOffset>> [0+, null 0+, default None],
        shutdown_application: bool [0+],
    }

    struct Topology {
        epoch: i32 [0+],
        subtopologies: Vec<Subtopology> [0+],
    }

    struct Subtopology {
        subtopology_id: Text [0+],
        source_topics: Vec<Text> [0+],
        source_topic_regex: Vec<Text> [0+],
        state_changelog_topics: Vec<TopicInfo> [0+],
        repartition_sink_topics: Vec<Text> [0+],
        repartition_source_topics: Vec<TopicInfo> [0+],
        copartition_groups: Vec<CopartitionGroup> [0+],
    }

    struct CopartitionGroup {
        source_topics: Vec<i16> [0+],
        source_topic_regex: Vec<i16> [0+],
        repartition_source_topics: Vec<i16> [0+],
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

    struct Endpoint {
        host: Text [0+],
        port: u16 [0+],
    }

    struct TaskOffset {
        subtopology_id: Text [0+],
        partition: i32 [0+],
        offset: i64 [0+],
    }

    struct TaskIds {
        subtopology_id: Text [0+],
        partitions: Vec<i32> [0+],
    }

    response StreamsGroupHeartbeatResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+, default None],
        member_id: Text [0+],
        member_epoch: i32 [0+],
        heartbeat_interval_ms: i32 [0+],
        acceptable_recovery_lag: i32 [0+],
        task_offset_interval_ms: i32 [0+],
        status: Option<Vec<Status>> [0+, null 0+],
        active_tasks: Option<Vec<TaskIds>> [0+, null 0+, default None],
        standby_tasks: Option<Vec<TaskIds>> [0+, null 0+, default None],
        warmup_tasks: Option<Vec<TaskIds>> [0+, null 0+, default None],
        endpoint_information_epoch: i32 [0+],
        partitions_by_user_endpoint: Option<Vec<EndpointToPartitions>> [0+, null 0+, default None],
    }

    struct EndpointToPartitions {
        user_endpoint: Endpoint [0+],
        active_partitions: Vec<TopicPartition> [0+],
        standby_partitions: Vec<TopicPartition> [0+],
    }

    struct Status {
        status_code: i8 [0+],
        status_detail: Text [0+],
    }

    struct TopicPartition {
        topic: Text [0+],
        partitions: Vec<i32> [0+],
    }
}
