//! `ShareGroupCurrentMemberAssignment`.

use crate::definition::{Text, Uuid, messages};

messages! {
    message ShareGroupCurrentMemberAssignmentKey, versions 0, flexible none {
        group_id: Text [0-0],
        member_id: Text [0-0],
    }

    message ShareGroupCurrentMemberAssignmentValue, versions 0, flexible 0+ {
        member_epoch: i32 [0+],
        previous_member_epoch: i32 [0+],
        state: i8 [0+],
        assigned_partitions: Vec<TopicPartitions> [0+],
    }

    struct TopicPartitions {
        topic_id: Uuid [0+],
        partitions: Vec<i32> [0+],
    }
}
