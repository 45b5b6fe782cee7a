//! Writes the history down, and each client-visible result into the trace.

use jepsen_lite::history::{
    Action, Answer, FaultNature, History, Member, Operation, OperationId, Outcome, Process, Recorder, Session,
};
use model::NodeId;
use runtime::simulation::{elapsed, trace};
use std::sync::{Arc, Mutex, MutexGuard};

/// Sees what clients do, at that moment.
pub trait Observer: Send + Sync {
    /// An operation is about to be sent.
    fn invoked(&self, action: &Action);

    /// An operation was done.
    fn done(&self, operation: &Operation, answer: &Answer);
}

/// The history in the making. Clones share it.
#[derive(Clone, Default)]
pub struct Chronicle {
    recorder: Arc<Mutex<Recorder>>,
    observers: Arc<Mutex<Vec<Arc<dyn Observer>>>>,
}

fn now() -> u64 {
    elapsed().as_nanos() as u64
}

impl Chronicle {
    /// Writes into this book, which may outlive the run.
    pub fn of(recorder: Arc<Mutex<Recorder>>) -> Chronicle {
        Chronicle { recorder, ..Chronicle::default() }
    }

    fn recorder(&self) -> MutexGuard<'_, Recorder> {
        self.recorder.lock().expect("no panic inside")
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
        self.observers().iter().for_each(|observer| observer.invoked(&action));
        self.recorder().invoke(now(), process, action)
    }

    /// An operation is done, refused or given up.
    pub fn complete(&self, operation: OperationId, outcome: Outcome) {
        let (kind, values) = traced(operation, &outcome);
        trace::record(kind, values);
        self.recorder().complete(now(), operation, outcome);
        self.show(operation);
    }

    /// Has `observer` see each operation from now on.
    pub fn observe(&self, observer: impl Observer + 'static) {
        self.observers.lock().expect("no panic inside").push(Arc::new(observer));
    }

    fn observers(&self) -> Vec<Arc<dyn Observer>> {
        self.observers.lock().expect("no panic inside").clone()
    }

    fn show(&self, operation: OperationId) {
        let observers = self.observers();
        if !observers.is_empty() {
            let done = self.recorder().history().operations[operation as usize].clone();
            if let Outcome::Ok(answer) = &done.outcome {
                observers.iter().for_each(|observer| observer.done(&done, answer));
            }
        }
    }

    /// An operation is sent once more, or may be.
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
        self.recorder().fault_begins(now(), nature)
    }

    /// A fault ends.
    pub fn fault_ends(&self, fault: usize) {
        self.recorder().fault_ends(now(), fault);
    }

    /// The node that a fault hit is in sync again.
    pub fn fault_repaired(&self, fault: usize) {
        self.recorder().fault_repaired(now(), fault);
    }

    /// The faults from number `first` on: number and node of each.
    pub fn faults_from(&self, first: usize) -> Vec<(usize, NodeId)> {
        let recorder = self.recorder();
        let faults = recorder.history().faults.iter().enumerate().skip(first);
        faults.map(|(number, fault)| (number, fault.nature.node)).collect()
    }

    /// Whether a fault has ended.
    pub fn fault_is_over(&self, fault: usize) -> bool {
        self.recorder().history().faults[fault].ended.is_some()
    }

    /// Something that happens at once.
    pub fn fault(&self, nature: FaultNature) {
        let fault = self.fault_begins(nature);
        self.fault_ends(fault);
    }

    /// All is well from now on.
    pub fn healed(&self) {
        self.recorder().healed(now());
    }

    /// The history of the run, which is over.
    pub fn finish(&self) -> History {
        std::mem::take(&mut *self.recorder()).finish()
    }
}

fn traced(operation: OperationId, outcome: &Outcome) -> (&'static str, [u64; 3]) {
    let id = u64::from(operation);
    match outcome {
        Outcome::Fail(_) => ("client: refused", [id, 0, 0]),
        Outcome::Unknown(_) => ("client: unknown", [id, 0, 0]),
        Outcome::Ok(answer) => match answer {
            Answer::Produced { base_offset } => ("client: acknowledged", [id, base_offset.unwrap_or(-1) as u64, 0]),
            Answer::Fetched { records, high_watermark, .. } => {
                let digest = records.iter().fold(0, |digest: u64, r| digest.rotate_left(7) ^ r.content ^ r.id.0);
                ("client: read", [id, *high_watermark as u64, digest])
            }
            Answer::Offset { offset, timestamp, .. } => ("client: offset", [id, *offset as u64, *timestamp as u64]),
            Answer::Corrupt { offset, .. } => ("client: corrupt", [id, *offset as u64, 0]),
            Answer::RecordsDeleted { log_start } => ("client: records deleted", [id, *log_start as u64, 0]),
            Answer::Scanned { log_start, end, .. } => ("client: scanned", [id, *log_start as u64, *end as u64]),
            Answer::Committed { epoch } => ("client: committed", [id, *epoch as u64, 0]),
            Answer::CommittedOffset { offset, leader_epoch, mark } => {
                ("client: committed offset", [id, *offset as u64, mark.unwrap_or(0) ^ (*leader_epoch as u64) << 48])
            }
            Answer::Described { partitions } => ("client: described", [id, partitions.len() as u64, 0]),
            Answer::Created { .. } | Answer::Done | Answer::Configs { .. } | Answer::Topics { .. } => {
                ("client: done", [id, 0, 0])
            }
        },
    }
}
