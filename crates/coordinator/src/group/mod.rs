//! Consumer groups: who is in them, who owns which partitions, and how far each has come.
//!
//! One [`GroupCoordinator`] stands behind each partition of `__consumer_offsets` and keeps the groups whose id falls on
//! it ([`partition_of`]). What it knows for good is what its log says ([`records`]); who waits, whose session ends when
//! and which rebalance is under way is soft, and starts anew with each new coordinator.

mod administration;
mod classic;
mod failure;
mod group_map;
mod machine;
mod offsets;
mod partition;
mod pending_append;
pub mod records;
mod replay;
mod settings;
mod timers;
mod view;
pub mod why;

pub mod consumer;

pub use failure::{Failure, error_reply};
pub use machine::{Client, GroupCoordinator, Reply, Request, World};
pub use partition::partition_of;
pub use records::{Record, RecordError, decode, encode};
pub use settings::{MigrationPolicy, Settings};
