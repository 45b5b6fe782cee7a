//! Histories of what clients of a Kafka-protocol cluster did and saw, and checkers that judge them.
//!
//! - [`history`]: operations, their outcomes and the faults injected meanwhile, recorded in one order; kept as JSON
//!   lines.
//! - [`promise_table`]: what is promised under which settings and faults. The one place where that is written.
//! - [`checker`]: judges a history against the promise table, one class of anomaly a file.
//! - [`workload`]: record contents that can be recognised when they come back, and what an error says about a write.
//!
//! Everything here is pure: no clock, no dice, no files, no tasks. The simulator and the runner of real processes
//! share it.

pub mod checker;
pub mod history;
pub mod promise_table;
pub mod workload;
