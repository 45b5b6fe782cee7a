//! Damaged logs: found by a read or by the scrubber, told to the controller, and repaired from another replica.
//!
//! A replica that is damaged is unusable: it leaves the in-sync replicas and leads nothing, until what was damaged is
//! whole again. What is good of it is read and appended to meanwhile. Only a leader without anyone to hand over to says
//! nothing and leads on: it serves what is good, and takes what is damaged from followers.

pub(crate) mod closed_log;
mod findings;
mod patient;
mod repairer;
pub(crate) mod scrubber;
mod source;
mod standing;

pub(crate) use findings::{Finding, Findings, Repairs};
pub(crate) use repairer::run;
pub(crate) use standing::{Standing, is_unusable, standing_in};
