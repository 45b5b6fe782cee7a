//! What hangs on the records of the last call, until it is known whether the log took them.

use super::classic::Undo;
use super::failure::Failure;
use super::machine::World;
use model::state_machine::{Now, Ticket};

/// The last call that wrote records for a request. The next call on the machine comes only once these are replayed or
/// refused.
#[derive(Debug)]
pub(crate) struct PendingAppend {
    /// Who asked.
    pub ticket: Ticket,
    /// What it is answered with if the records are refused; none when its answer does not hang on them.
    pub failure: Option<Failure>,
    /// What is taken back of soft state then, and what was known when it was done.
    pub undo: Option<(Undo, Now, World)>,
}
