//! `StreamsGroupCurrentMemberAssignment`.

use crate::definition::{Text, messages};

messages! {
    message StreamsGroupCurrentMemberAssignmentKey, versions 0, flexible none {
        group_id: Text [0-0],
        member_id: Text [0-0],
    }

    message StreamsGroupCurrentMemberAssignmentValue, versions 0, flexible 0+ {
        member_epoch: i32 [0+],
        previous_member_epoch: i32 [0+],
        state: i8 [0+],
        active_tasks: Vec<TaskIds> [0+],
        standby_tasks: Vec<TaskIds> [0+],
        warmup_tasks: Vec<TaskIds> [0+],
        active_tasks_pending_revocation: Vec<TaskIds> [0+],
        standby_tasks_pending_revocation: Vec<TaskIds> [0+],
        warmup_tasks_pending_revocation: Vec<TaskIds> [0+],
    }

    struct TaskIds {
        subtopology_id: Text [0+],
        partitions: Vec<i32> [0+],
        assignment_epochs: Option<Vec<i32>> [0+, null 0+, tag 0, default None],
    }
}
