//! What workloads of every kind need: records that can be recognised, and what an error says about a write.

mod outcome;
mod payload;

pub use outcome::{commit_is_refused_for_good, may_have_happened, write_outcome};
pub use payload::{Payload, Shape, identify};
