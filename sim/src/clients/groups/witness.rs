//! Writes down what one member is given and commits.

use super::outcome;
use crate::clients::surroundings::Client;
use crate::plan::{MemberHabit, Speaks};
use client::Membership;
use client::group::{Offsets, PendingCommit};
use jepsen_lite::history::{
    Action, Answer, CommitOffset, GroupMember, GroupProtocol, LOST, OperationId, Outcome, Own, PartitionText,
};
use model::TopicPartition;
use runtime::time::{Duration, Instant};
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard};

/// What a member did to itself has shown after so long, unless a fault kept it from hearing of it.
const AFTERMATH: Duration = Duration::from_secs(12);

/// See the module's text.
pub struct Witness {
    pub client: Client,
    pub habit: MemberHabit,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What it reads, as it is written down.
    open: Option<Open>,
    /// Until then it is its own fault when it is put out.
    own_fault_until: Option<Instant>,
    /// What was committed last.
    last: Offsets,
}

struct Open {
    operation: OperationId,
    partitions: BTreeSet<TopicPartition>,
}

/// Commits that were asked for together.
pub struct Asked {
    pub offsets: Offsets,
    operations: Vec<OperationId>,
    by: GroupMember,
}

impl Witness {
    pub fn new(client: Client, habit: MemberHabit) -> Witness {
        Witness { client, habit, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic inside")
    }

    /// It asks to be a member.
    pub fn joins(&self) {
        let action = Action::JoinGroup { group: self.habit.group.clone(), protocol: self.protocol() };
        let operation = self.client.around.chronicle.invoke(self.client.process, action);
        self.client.around.chronicle.complete(operation, Outcome::Ok(Answer::Done));
    }

    fn protocol(&self) -> GroupProtocol {
        match self.habit.speaks {
            Speaks::Classic => GroupProtocol::Classic,
            Speaks::Consumer => GroupProtocol::Consumer,
        }
    }

    /// Who the member is; none while it is not known.
    pub fn member(&self, membership: &Membership) -> Option<GroupMember> {
        let told = membership.group_metadata();
        let protocol = self.protocol();
        let known = told.generation >= 0 && !told.member_id.is_empty();
        known.then_some(GroupMember {
            id: told.member_id,
            instance: told.instance_id,
            epoch: told.generation,
            protocol,
        })
    }

    /// From now on it reads these and no others.
    pub fn reads(&self, membership: &Membership, partitions: BTreeSet<TopicPartition>) {
        self.ends(Outcome::Ok(Answer::Done));
        let Some(by) = self.member(membership).filter(|_| !partitions.is_empty()) else { return };
        let own = Own {
            group: self.habit.group.clone(),
            by,
            partitions: partitions.iter().cloned().map(PartitionText).collect(),
            session_ms: self.habit.session_ms,
            commits_itself: self.habit.auto_commit_ms.is_some(),
            from_start: true,
        };
        let operation = self.client.around.chronicle.invoke(self.client.process, Action::Own(own));
        self.state().open = Some(Open { operation, partitions });
    }

    /// It gives these up.
    pub fn gives_up(&self, membership: &Membership, given_up: &[TopicPartition]) {
        let mut left = self.state().open.as_ref().map(|open| open.partitions.clone()).unwrap_or_default();
        left.retain(|partition| !given_up.contains(partition));
        self.reads(membership, left);
    }

    /// What it reads ends so.
    pub fn ends(&self, outcome: Outcome) {
        let open = self.state().open.take();
        if let Some(open) = open {
            self.client.around.chronicle.complete(open.operation, outcome);
        }
    }

    /// The group has gone on without it.
    pub fn loses(&self) {
        let own_fault = self.state().own_fault_until.is_some_and(|until| Instant::now() < until);
        let why = if own_fault { "lost, as it had not polled" } else { LOST };
        self.ends(Outcome::Unknown(why.into()));
    }

    /// It does not poll for so long, or does something else that may have it put out.
    pub fn is_at_fault(&self, lasts: Duration) {
        self.state().own_fault_until = Some(Instant::now() + lasts + AFTERMATH);
    }

    /// Begins to commit where the member stands, as far as that is new: one partition or all.
    pub fn ask(&self, membership: &Membership, one: bool) -> Option<Asked> {
        let by = self.member(membership)?;
        let mut offsets = membership.positions();
        {
            let mut state = self.state();
            offsets.retain(|of, at| state.last.get(of).is_none_or(|last| last.offset != at.offset));
            if one {
                offsets = offsets.into_iter().take(1).collect();
            }
            state.last.extend(offsets.clone());
        }
        let mut operations = Vec::new();
        for (partition, at) in &mut offsets {
            let mark = self.client.around.board.mark();
            at.metadata = mark.to_string();
            let commit = CommitOffset {
                group: self.habit.group.clone(),
                by: Some(by.clone()),
                partition: partition.clone(),
                offset: at.offset,
                leader_epoch: at.leader_epoch,
                mark,
            };
            let chronicle = &self.client.around.chronicle;
            let operation = chronicle.invoke(self.client.process, Action::CommitOffset(commit));
            chronicle.resent(operation); // that is for the library to decide
            operations.push(operation);
        }
        (!operations.is_empty()).then_some(Asked { offsets, operations, by })
    }

    /// Commits and waits for it.
    pub async fn commit(&self, membership: &mut Membership, one: bool) {
        let Some(asked) = self.ask(membership, one) else { return };
        let result = membership.commit_offsets(asked.offsets.clone()).await;
        let now = membership.group_metadata().generation;
        let epoch = if now >= asked.by.epoch { now } else { i32::MAX };
        self.done(&asked, &result, epoch);
    }

    /// Commits in the background.
    pub fn start_commit(self: &std::sync::Arc<Self>, membership: &mut Membership) {
        let Some(asked) = self.ask(membership, false) else { return };
        let pending = membership.start_commit(asked.offsets.clone());
        runtime::task::spawn("commit", self.clone().settle(asked, pending));
    }

    async fn settle(self: std::sync::Arc<Self>, asked: Asked, pending: PendingCommit) {
        let result = pending.wait().await;
        self.done(&asked, &result, i32::MAX); // as whom it was sent in the end is not known
    }

    fn done(&self, asked: &Asked, result: &client::Result<()>, epoch: i32) {
        let outcome = outcome::of_library(result, asked.operations.len(), epoch);
        for operation in &asked.operations {
            self.client.around.chronicle.complete(*operation, outcome.clone());
        }
        if result.is_ok() {
            self.client.around.board.committed(&self.habit.group, asked.by.clone(), asked.offsets.clone());
        } else {
            let mut state = self.state();
            asked.offsets.keys().for_each(|of| drop(state.last.remove(of)));
        }
    }
}
