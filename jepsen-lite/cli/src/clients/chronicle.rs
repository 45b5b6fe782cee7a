//! The history in the making.

use jepsen_lite::history::{Action, FaultNature, History, Member, OperationId, Outcome, Process, Recorder, Session};
use model::NodeId;
use runtime::time::Instant;
use std::sync::{Arc, Mutex, MutexGuard};

/// See the module's text. Clones share it.
#[derive(Clone, Debug)]
pub struct Chronicle {
    recorder: Arc<Mutex<Recorder>>,
    began: Instant,
}

impl Chronicle {
    /// An empty one, that begins now.
    pub fn new() -> Chronicle {
        Chronicle { recorder: Arc::default(), began: Instant::now() }
    }

    fn recorder(&self) -> MutexGuard<'_, Recorder> {
        self.recorder.lock().expect("no panic inside")
    }

    /// Nanoseconds since it began. Taken while the recorder is held, so that times grow with the order of events.
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Who is in the cluster.
    pub fn members(&self, members: Vec<Member>) {
        self.recorder().members(members);
    }

    /// A producer begins a new life.
    pub fn session(&self, session: Session) -> u32 {
        self.recorder().session(session)
    }

    /// An operation is about to be sent.
    pub fn invoke(&self, process: Process, action: Action) -> OperationId {
        let mut recorder = self.recorder();
        recorder.invoke(self.now(), process, action)
    }

    /// An operation is done, refused or given up.
    pub fn complete(&self, operation: OperationId, outcome: Outcome) {
        let mut recorder = self.recorder();
        recorder.complete(self.now(), operation, outcome);
    }

    /// An operation is sent more than once, or may be.
    pub fn resent(&self, operation: OperationId) {
        self.recorder().resent(operation);
    }

    /// Whether some write was invoked and is not resolved.
    pub fn writes_pending(&self) -> bool {
        let recorder = self.recorder();
        recorder.history().operations.iter().any(|o| o.completed.is_none() && matches!(o.action, Action::Produce(_)))
    }

    /// A fault begins.
    pub fn fault_begins(&self, nature: FaultNature) -> usize {
        let mut recorder = self.recorder();
        recorder.fault_begins(self.now(), nature)
    }

    /// A fault ends.
    pub fn fault_ends(&self, fault: usize) {
        let mut recorder = self.recorder();
        recorder.fault_ends(self.now(), fault);
    }

    /// Faults that are over and not repaired: number, node and how long ago they ended, in nanoseconds.
    pub fn unrepaired(&self) -> Vec<(usize, NodeId, u64)> {
        let recorder = self.recorder();
        let faults = recorder.history().faults.iter().enumerate();
        let open = faults.filter(|(_, fault)| fault.repaired.is_none());
        open.filter_map(|(number, fault)| Some((number, fault.nature.node, self.now() - fault.ended?.at))).collect()
    }

    /// The node that a fault hit is in sync again.
    pub fn fault_repaired(&self, fault: usize) {
        let mut recorder = self.recorder();
        recorder.fault_repaired(self.now(), fault);
    }

    /// All is well from now on.
    pub fn healed(&self) {
        let mut recorder = self.recorder();
        recorder.healed(self.now());
    }

    /// The history of the run, which is over.
    pub fn finish(&self) -> History {
        std::mem::take(&mut *self.recorder()).finish()
    }
}
