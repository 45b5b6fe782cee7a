//! The committed offset of one partition in one group, as a register: what was written into it when, and read out of it.

use crate::history::{Action, Answer, History, Index, Moment, Operation, OperationId};
use model::map::HashMap;

/// One write: a commit, or a removal. What there is in the beginning is a removal, too.
#[derive(Clone, Copy, Debug)]
pub struct Write {
    /// The operation; none for the beginning.
    pub operation: Option<OperationId>,
    /// What it wrote; none when it removed.
    pub mark: Option<u64>,
    /// It cannot have taken effect before this event.
    pub from: Index,
    /// It cannot have taken effect after this event.
    pub until: Index,
    /// It surely had taken effect at this moment, if it ever did.
    pub shown: Option<Moment>,
}

/// See the module's text.
#[derive(Debug)]
pub struct Register {
    /// In the order of invocation; the beginning first.
    pub writes: Vec<Write>,
    /// Commits that were refused, by mark.
    pub refused: HashMap<u64, OperationId>,
    /// Lookups that were answered.
    pub reads: Vec<OperationId>,
    /// Whether somebody who is no member set it.
    pub set_from_outside: bool,
    by_mark: HashMap<u64, usize>,
}

impl Default for Register {
    fn default() -> Register {
        let start = Moment { index: 0, at: 0 };
        let beginning = Write { operation: None, mark: None, from: 0, until: 0, shown: Some(start) };
        Register {
            writes: vec![beginning],
            refused: HashMap::default(),
            reads: Vec::new(),
            set_from_outside: false,
            by_mark: HashMap::default(),
        }
    }
}

impl Register {
    /// Notes a commit.
    pub fn commit(&mut self, id: OperationId, operation: &Operation, mark: u64) {
        let from_outside = matches!(&operation.action, Action::CommitOffset(commit) if commit.by.is_none());
        if operation.is_failed() {
            self.refused.insert(mark, id);
            return;
        }
        self.set_from_outside |= from_outside;
        self.by_mark.insert(mark, self.writes.len());
        self.write(id, operation, Some(mark));
    }

    /// Notes a removal.
    pub fn remove(&mut self, id: OperationId, operation: &Operation) {
        if !operation.is_failed() {
            self.write(id, operation, None);
        }
    }

    /// Notes a removal that happens some time after it was asked for.
    pub fn remove_some_time(&mut self, id: OperationId, operation: &Operation) {
        if !operation.is_failed() {
            let (from, until) = (operation.invoked.index, Index::MAX);
            self.writes.push(Write { operation: Some(id), mark: None, from, until, shown: None });
        }
    }

    fn write(&mut self, id: OperationId, operation: &Operation, mark: Option<u64>) {
        self.writes.push(Write {
            operation: Some(id),
            mark,
            from: operation.invoked.index,
            until: operation.last_effect(),
            shown: operation.completed.filter(|_| operation.is_ok()),
        });
    }

    /// Notes a lookup.
    pub fn read(&mut self, id: OperationId, operation: &Operation) {
        if operation.is_ok() {
            self.reads.push(id);
        }
    }

    /// A commit of unknown outcome that was read had taken effect by then; and if it was sent once only, it does so once. Of
    /// one that was sent again an earlier try may come long after the later one was answered.
    pub fn note_readers(&mut self, history: &History) {
        let is_resent = |write: &&mut Write| write.operation.is_some_and(|commit| history.resent.contains(&commit));
        self.writes.iter_mut().filter(is_resent).for_each(|write| write.until = Index::MAX);
        for id in &self.reads {
            let operation = &history.operations[*id as usize];
            let Some(Answer::CommittedOffset { mark: Some(mark), .. }) = operation.answer() else { continue };
            let Some(write) = self.by_mark.get(mark).map(|at| &mut self.writes[*at]) else { continue };
            let earlier = |completed: &Moment| write.shown.is_none_or(|shown| completed.index < shown.index);
            if let Some(completed) = operation.completed.filter(earlier) {
                write.shown = Some(completed);
                if write.operation.is_some_and(|commit| !history.resent.contains(&commit)) {
                    write.until = write.until.min(completed.index);
                }
            }
        }
    }

    /// The commit with this mark, unless it was refused.
    pub fn write_of(&self, mark: u64) -> Option<&Write> {
        self.by_mark.get(&mark).map(|at| &self.writes[*at])
    }

    /// The removals, the beginning among them.
    pub fn removals(&self) -> impl Iterator<Item = &Write> {
        self.writes.iter().filter(|write| write.mark.is_none())
    }
}
