//! Groups.
pub mod assignors;
