//! `ConsumerGroupTargetAssignmentMember`.

use crate::definition::{Text, Uuid, messages};

messages! {
    message ConsumerGroupTargetAssignmentMemberKey, versions 0, flexible none {
        group_id: Text [0-0],
        member_id: Text [0-0],
    }

    message ConsumerGroupTargetAssignmentMemberValue, versions 0, flexible 0+ {
        topic_partitions: Vec<TopicPartition> [0+],
    }

    struct TopicPartition {
        topic_id: Uuid [0+],
        partitions: Vec<i32> [0+],
    }
}
