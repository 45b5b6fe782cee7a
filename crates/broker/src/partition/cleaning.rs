//! What the cleaner asks of the task that owns the log: the rest it does beside it.

use super::task::Task;
use runtime::sync::oneshot;
use storage::{Cleanable, Cleaned, CleanerMemory, Cleaning, StorageFault};

/// One step of a cleaning.
#[derive(Debug)]
pub enum CleaningStep {
    /// Begin to clean what is cleanable. Answers nothing when that is not so any more.
    Begin {
        /// What.
        cleanable: Cleanable,
        /// With how much memory.
        memory: CleanerMemory,
        /// Where the answer goes.
        done: oneshot::Sender<Option<Box<Cleaning>>>,
    },
    /// Let a cleaned segment take the place of those that it was made of. Answers whether they were there still.
    Swap {
        /// The segment.
        cleaned: Cleaned,
        /// Where the answer goes.
        done: oneshot::Sender<Result<bool, StorageFault>>,
    },
    /// All segments are swapped. Gives the cleaning back, unless the log was cut meanwhile.
    End {
        /// The cleaning.
        cleaning: Box<Cleaning>,
        /// Where the answer goes.
        done: oneshot::Sender<Option<Box<Cleaning>>>,
    },
}

impl Task {
    pub(super) async fn clean(&mut self, step: CleaningStep) {
        // Whoever does not wait for an answer has stopped.
        match step {
            CleaningStep::Begin { cleanable, memory, done } => {
                let _ = done.send(self.log.begin_cleaning(&cleanable, memory).map(Box::new));
            }
            CleaningStep::Swap { cleaned, done } => {
                let swapped = self.log.swap(cleaned).await;
                if let Err(fault) = &swapped {
                    self.cannot("swap cleaned segments", fault);
                }
                let _ = done.send(swapped);
            }
            CleaningStep::End { cleaning, done } => {
                let is_current = self.log.end_cleaning(&cleaning);
                let _ = done.send(is_current.then_some(cleaning));
            }
        }
    }
}
