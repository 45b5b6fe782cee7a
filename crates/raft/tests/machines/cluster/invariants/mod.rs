//! What must never be seen, one to a file; and what must be seen once faults end.

pub mod acknowledgement_durable_before_answer;
pub mod committed_never_changes;
pub mod high_watermark_monotonic;
pub mod leader_completeness;
pub mod leader_hears_a_majority;
pub mod log_matching;
pub mod one_leader_an_epoch;
pub mod progress;
pub mod vote_durable_before_answer;

use std::fmt;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub invariant: &'static str,
    pub what: String,
}

impl Violation {
    pub fn of(invariant: &'static str, what: String) -> Violation {
        Violation { invariant, what }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

/// What is remembered of the run.
#[derive(Debug, Default)]
pub struct Invariants {
    pub leaders: one_leader_an_epoch::Leaders,
    pub entries: log_matching::Entries,
    pub history: committed_never_changes::History,
}
