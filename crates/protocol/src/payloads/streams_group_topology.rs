//! `StreamsGroupTopology`.

use crate::definition::{Text, messages};

messages! {
    message StreamsGroupTopologyKey, versions 0, flexible none {
        group_id: Text [0-0],
    }

    message StreamsGroupTopologyValue, versions 0, flexible 0+ {
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

    struct TopicConfig {
        key: Text [0+],
        value: Text [0+],
    }

    struct TopicInfo {
        name: Text [0+],
        partitions: i32 [0+],
        replication_factor: i16 [0+],
        topic_configs: Vec<TopicConfig> [0+],
    }
}
