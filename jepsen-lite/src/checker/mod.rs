//! Judges histories.

pub mod log;
mod verdict;

pub use verdict::{Allowed, Anomaly, Class, Verdict};
