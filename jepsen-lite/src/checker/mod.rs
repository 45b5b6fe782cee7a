//! Judges histories.

pub mod group;
pub mod log;
mod verdict;
mod words;

pub use verdict::{Allowed, Anomaly, Class, Verdict};
pub use words::in_words;

use crate::history::History;

/// Judges a whole history: its logs, and the groups that read them.
pub fn check(history: &History) -> Verdict {
    let evidence = log::evidence::Evidence::of(history);
    let mut verdict = Verdict { ambiguous: evidence.ambiguous, ..Verdict::default() };
    log::check_evidence(&evidence, &mut verdict);
    group::check_evidence(&evidence, &mut verdict);
    verdict
}
