//! What one node has applied at an offset every node applies there, and a snapshot stands for exactly that.

use super::super::state::State;
use super::Violation;
use model::{LeaderEpoch, NodeId, Offset};
use raft::Entry;

const NAME: &str = "committed never changes";

#[derive(Debug, Default)]
pub struct History {
    /// By offset: the epoch, and the state after it. The first is the founding.
    applied: Vec<(LeaderEpoch, u64)>,
}

impl History {
    /// The offset after the last entry that anybody has applied.
    pub fn end(&self) -> Offset {
        self.applied.len() as Offset
    }

    /// The end of what was committed in epochs before this one.
    pub fn end_before_epoch(&self, epoch: LeaderEpoch) -> Offset {
        self.applied.partition_point(|(of, _)| *of < epoch) as Offset
    }

    /// A node applies these to its state.
    pub fn apply(&mut self, node: NodeId, state: &mut State, base: Offset, entries: &[Entry]) -> Result<(), Violation> {
        if state.end != base {
            return Err(Violation::of(NAME, format!("node {node} applies {base} after {}", state.end)));
        }
        if self.applied.is_empty() && base == 1 {
            self.applied.push((0, state.hash));
        }
        for entry in entries {
            let offset = state.end;
            state.apply(entry);
            self.compare(node, offset, entry.epoch, state.hash)?;
        }
        Ok(())
    }

    /// A node takes its state from a snapshot, or gives its state as one.
    pub fn snapshot(&self, node: NodeId, state: Option<State>, end: Offset) -> Result<State, Violation> {
        let Some(state) = state.filter(|state| state.end == end) else {
            return Err(Violation::of(NAME, format!("node {node} has a snapshot up to {end} that was never taken")));
        };
        match self.applied.get(end as usize - 1) {
            Some((_, hash)) if *hash != state.hash => {
                Err(Violation::of(NAME, format!("node {node} has another snapshot up to {end}")))
            }
            None if end > 1 => Err(Violation::of(NAME, format!("node {node}: a snapshot up to {end} of nothing"))),
            _ => Ok(state),
        }
    }

    fn compare(&mut self, node: NodeId, offset: Offset, epoch: LeaderEpoch, hash: u64) -> Result<(), Violation> {
        if offset == self.end() {
            self.applied.push((epoch, hash));
        }
        match self.applied.get(offset as usize) {
            Some(applied) if *applied == (epoch, hash) => Ok(()),
            other => {
                let other = other.map(|(epoch, _)| *epoch);
                let what = format!("node {node} applies another entry at {offset}: epoch {epoch}, before {other:?}");
                Err(Violation::of(NAME, what))
            }
        }
    }
}
