//! The broker: connections, one file an API, and the drivers of the machines. [`start`] is the way in.

pub mod api;
pub mod broker;
mod cleaner;
mod directory_assignments;
mod endpoints;
mod failures;
mod features;
pub mod fetch_session;
mod found_logs;
mod groups;
mod lifecycle;
mod membership;
pub mod metadata;
pub mod network;
pub mod partition;
pub mod partitions;
mod producer_ids;
mod repair;
pub mod replication;
mod start;
mod topic_rules;

pub use broker::Broker;
pub use groups::Comparison;
pub use start::{FoundingOptions, RunningBroker, StartError, Starting, start, start_or_found};
