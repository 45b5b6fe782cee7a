//! `ConsumerGroupCurrentMemberAssignment`.

use crate::definition::{Text, Uuid, messages};

messages! {
    message ConsumerGroupCurrentMemberAssignmentKey, versions 0, flexible none {
        group_id: Text [0-0],
        member_id: Text [0-0],
    }

    message ConsumerGroupCurrentMemberAssignmentValue, versions 0, flexible 0+ {
        member_epoch: i32 [0+],
        previous_member_epoch: i32 [0+],
        state: i8 [0+],
        assigned_partitions: Vec<TopicPartitions> [0+],
        partitions_pending_revocation: Vec<TopicPartitions> [0+],
    }

    struct TopicPartitions {
        topic_id: Uuid [0+],
        partitions: Vec<i32> [0+],
        assignment_epochs: Option<Vec<i32>> [0+, null 0+, tag 0, default None],
    }
}
