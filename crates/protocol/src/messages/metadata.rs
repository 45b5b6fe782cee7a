//! Metadata.

use crate::definition::{Text, Uuid, messages};

messages! {
    api Metadata = 3, versions 0-13, flexible 9+, listeners broker;

    request MetadataRequest {
        topics: Option<Vec<MetadataRequestTopic>> [0+, null 1+],
        allow_auto_topic_creation: bool [4+, default true],
        include_cluster_authorized_operations: bool [8-10],
        include_topic_authorized_operations: bool [8+],
    }

    struct MetadataRequestTopic {
        topic_id: Uuid [10+ ignorable],
        name: Option<Text> [0+, null 10+],
    }

    response MetadataResponse {
        throttle_time_ms: i32 [3+ ignorable],
        brokers: Vec<MetadataResponseBroker> [0+],
        cluster_id: Option<Text> [2+ ignorable, null 2+, default None],
        controller_id: i32 [1+ ignorable, default -1],
        topics: Vec<MetadataResponseTopic> [0+],
        cluster_authorized_operations: i32 [8-10, default i32::MIN],
        error_code: i16 [13+ ignorable],
    }

    struct MetadataResponseBroker {
        node_id: i32 [0+],
        host: Text [0+],
        port: i32 [0+],
        rack: Option<Text> [1+ ignorable, null 1+, default None],
    }

    struct MetadataResponseTopic {
        error_code: i16 [0+],
        name: Option<Text> [0+, null 12+],
        topic_id: Uuid [10+ ignorable],
        is_internal: bool [1+ ignorable],
        partitions: Vec<MetadataResponsePartition> [0+],
        topic_authorized_operations: i32 [8+, default i32::MIN],
    }

    struct MetadataResponsePartition {
        error_code: i16 [0+],
        partition_index: i32 [0+],
        leader_id: i32 [0+],
        leader_epoch: i32 [7+ ignorable, default -1],
        replica_nodes: Vec<i32> [0+],
        isr_nodes: Vec<i32> [0+],
        offline_replicas: Vec<i32> [5+ ignorable],
    }
}
