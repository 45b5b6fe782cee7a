//! Builds a history while the run goes on.

use super::{Action, Fault, FaultNature, History, Member, Moment, Operation, OperationId, Outcome, Process, Session};

/// Puts events in one order as they are told. Callers tell each event when it happens, so an index before another means
/// that the one happened before the other.
#[derive(Debug, Default)]
pub struct Recorder {
    history: History,
    events: u32,
}

impl Recorder {
    /// An empty history.
    pub fn new() -> Recorder {
        Recorder::default()
    }

    fn moment(&mut self, at: u64) -> Moment {
        let index = self.events;
        self.events += 1;
        Moment { index, at }
    }

    /// Who is in the cluster; not told where there is one node.
    pub fn members(&mut self, members: Vec<Member>) {
        self.history.members = members;
    }

    /// A producer begins a new life; returns its number for [`RecordId`](super::RecordId).
    pub fn session(&mut self, session: Session) -> u32 {
        self.history.sessions.push(session);
        self.history.sessions.len() as u32 - 1
    }

    /// An operation is about to be sent.
    pub fn invoke(&mut self, at: u64, process: Process, action: Action) -> OperationId {
        let invoked = self.moment(at);
        let outcome = Outcome::Unknown("never completed".into());
        self.history.operations.push(Operation { process, invoked, completed: None, action, outcome });
        self.history.operations.len() as OperationId - 1
    }

    /// The client learned the outcome of an operation, or gave up waiting.
    ///
    /// # Panics
    /// When there is no such operation or it is complete already.
    pub fn complete(&mut self, at: u64, operation: OperationId, outcome: Outcome) {
        let completed = self.moment(at);
        let operation = &mut self.history.operations[operation as usize];
        assert!(operation.completed.is_none(), "an operation completes once");
        operation.completed = Some(completed);
        operation.outcome = outcome;
    }

    /// An operation is sent once more, or may be.
    pub fn resent(&mut self, operation: OperationId) {
        self.history.resent.insert(operation);
    }

    /// A fault begins; returns its place in [`History::faults`].
    pub fn fault_begins(&mut self, at: u64, nature: FaultNature) -> usize {
        let began = self.moment(at);
        self.history.faults.push(Fault { nature, began, ended: None, repaired: None });
        self.history.faults.len() - 1
    }

    /// A fault ends.
    ///
    /// # Panics
    /// When there is no such fault.
    pub fn fault_ends(&mut self, at: u64, fault: usize) {
        let ended = self.moment(at);
        self.history.faults[fault].ended = Some(ended);
    }

    /// The node that a fault hit is in sync again wherever it holds a replica.
    ///
    /// # Panics
    /// When there is no such fault.
    pub fn fault_repaired(&mut self, at: u64, fault: usize) {
        let repaired = self.moment(at);
        self.history.faults[fault].repaired = Some(repaired);
    }

    /// The last fault is over; the final reads begin.
    pub fn healed(&mut self, at: u64) {
        let moment = self.moment(at);
        self.history.healed = Some(moment);
    }

    /// What has been recorded so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The history.
    pub fn finish(self) -> History {
        self.history
    }
}
