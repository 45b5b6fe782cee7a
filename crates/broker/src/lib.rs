//! The broker: connections, one file an API, and the drivers of the machines. [`start`] is the way in.

pub mod api;
pub mod broker;
mod endpoints;
mod features;
pub mod fetch_session;
mod found_logs;
mod lifecycle;
pub mod metadata;
pub mod network;
pub mod partition;
pub mod partitions;
mod producer_ids;
mod start;
mod topic_rules;

pub use broker::Broker;
pub use start::{RunningBroker, StartError, start};
