//! Writes down what one member is given and commits.

use super::Crew;
use client::group::{Offsets, PendingCommit};
use client::{ClientError, Membership};
use jepsen_lite::history::{
    Action, Answer, CommitOffset, GroupMember, GroupProtocol, LOST, OperationId, Outcome, Own, PartitionText, Process,
};
use jepsen_lite::workload::commit_is_refused_for_good;
use model::TopicPartition;
use runtime::time::{Duration, Instant};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

/// Silence after which the group goes on without a member.
pub const SESSION: Duration = Duration::from_secs(6);
/// What a member did to itself has shown after so long.
const AFTERMATH: Duration = Duration::from_secs(12);

/// See the module's text.
pub struct Witness {
    /// The member's group.
    pub crew: Crew,
    /// The member, as the history numbers clients.
    pub process: Process,
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
struct Asked {
    offsets: Offsets,
    operations: Vec<OperationId>,
    by: GroupMember,
}

impl Witness {
    /// Of a member that reads nothing.
    pub fn new(crew: Crew, process: Process) -> Witness {
        Witness { crew, process, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic inside")
    }

    fn invoke(&self, action: Action) -> OperationId {
        self.crew.around.chronicle.invoke(self.process, action)
    }

    fn complete(&self, operation: OperationId, outcome: Outcome) {
        self.crew.around.chronicle.complete(operation, outcome);
    }

    fn protocol(&self) -> GroupProtocol {
        match self.crew.protocol {
            client::GroupProtocol::Classic => GroupProtocol::Classic,
            client::GroupProtocol::Consumer => GroupProtocol::Consumer,
        }
    }

    /// It asks to be a member.
    pub fn joins(&self) {
        self.state().last.clear();
        let operation = self.invoke(Action::JoinGroup { group: self.crew.name.clone(), protocol: self.protocol() });
        self.complete(operation, Outcome::Ok(Answer::Done));
    }

    /// Who the member is; none while it is not known.
    fn member(&self, membership: &Membership) -> Option<GroupMember> {
        let told = membership.group_metadata();
        let is_known = told.generation >= 0 && !told.member_id.is_empty();
        is_known.then_some(GroupMember {
            id: told.member_id,
            instance: told.instance_id,
            epoch: told.generation,
            protocol: self.protocol(),
        })
    }

    /// From now on it reads these and no others.
    pub fn reads(&self, membership: &Membership, partitions: BTreeSet<TopicPartition>) {
        self.ends(Outcome::Ok(Answer::Done));
        let Some(by) = self.member(membership).filter(|_| !partitions.is_empty()) else { return };
        let own = Own {
            group: self.crew.name.clone(),
            by,
            partitions: partitions.iter().cloned().map(PartitionText).collect(),
            session_ms: SESSION.as_millis() as u32,
            commits_itself: false,
            from_start: true,
        };
        let operation = self.invoke(Action::Own(own));
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
            self.complete(open.operation, outcome);
        }
    }

    /// The group has gone on without it.
    pub fn loses(&self) {
        let own_fault = self.state().own_fault_until.is_some_and(|until| Instant::now() < until);
        let why = if own_fault { "lost, as it had not polled" } else { LOST };
        self.ends(Outcome::Unknown(why.into()));
    }

    /// It has not polled for long, or does something else that may have it put out.
    pub fn is_at_fault(&self) {
        self.state().own_fault_until = Some(Instant::now() + AFTERMATH);
    }

    /// Begins to commit where the member stands, as far as that is new.
    fn ask(&self, membership: &Membership) -> Option<Asked> {
        let by = self.member(membership)?;
        let mut offsets = membership.positions();
        {
            let mut state = self.state();
            offsets.retain(|of, at| state.last.get(of).is_none_or(|last| last.offset != at.offset));
            state.last.extend(offsets.clone());
        }
        let mut operations = Vec::new();
        for (partition, at) in &mut offsets {
            let mark = self.crew.board.mark();
            at.metadata = mark.to_string();
            let commit = CommitOffset {
                group: self.crew.name.clone(),
                by: Some(by.clone()),
                partition: partition.clone(),
                offset: at.offset,
                leader_epoch: at.leader_epoch,
                mark,
            };
            let operation = self.invoke(Action::CommitOffset(commit));
            self.crew.around.chronicle.resent(operation); // that is for the library to decide
            operations.push(operation);
        }
        (!operations.is_empty()).then_some(Asked { offsets, operations, by })
    }

    /// Commits and waits for it.
    pub async fn commit(&self, membership: &mut Membership) {
        let Some(asked) = self.ask(membership) else { return };
        let result = membership.commit_offsets(asked.offsets.clone()).await;
        let now = membership.group_metadata().generation;
        let epoch = if now >= asked.by.epoch { now } else { i32::MAX };
        self.done(&asked, &result, epoch);
    }

    /// Commits in the background.
    pub fn start_commit(self: &Arc<Self>, membership: &mut Membership) {
        let Some(asked) = self.ask(membership) else { return };
        let pending = membership.start_commit(asked.offsets.clone());
        runtime::task::spawn("commit", self.clone().settle(asked, pending));
    }

    async fn settle(self: Arc<Self>, asked: Asked, pending: PendingCommit) {
        let result = pending.wait().await;
        self.done(&asked, &result, i32::MAX); // as whom it was sent in the end is not known
    }

    fn done(&self, asked: &Asked, result: &client::Result<()>, epoch: i32) {
        let outcome = outcome(result, asked.operations.len(), epoch);
        for operation in &asked.operations {
            self.complete(*operation, outcome.clone());
        }
        if result.is_err() {
            let mut state = self.state();
            asked.offsets.keys().for_each(|of| drop(state.last.remove(of)));
        }
    }
}

/// Of commits of so many partitions together: what was refused in the end may have been done in part.
fn outcome(result: &client::Result<()>, partitions: usize, epoch: i32) -> Outcome {
    match result {
        Ok(()) => Outcome::Ok(Answer::Committed { epoch }),
        Err(error @ ClientError::Refused { error: code, .. })
            if partitions == 1 && commit_is_refused_for_good(*code) =>
        {
            Outcome::Fail(error.to_string())
        }
        Err(error) => Outcome::Unknown(error.to_string()),
    }
}
