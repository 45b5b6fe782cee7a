//! `StreamsGroupTargetAssignmentMember`.

use crate::definition::{Text, messages};

messages! {
    message StreamsGroupTargetAssignmentMemberKey, versions 0, flexible none {
        group_id: Text [0-0],
        member_id: Text [0-0],
    }

    message StreamsGroupTargetAssignmentMemberValue, versions 0, flexible 0+ {
        active_tasks: Vec<TaskIds> [0+],
        standby_tasks: Vec<TaskIds> [0+],
        warmup_tasks: Vec<TaskIds> [0+],
    }

    struct TaskIds {
        subtopology_id: Text [0+],
        partitions: Vec<i32> [0+],
    }
}
