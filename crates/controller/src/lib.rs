//! The controller: the one machine that changes the cluster's metadata.
//!
//! Everything the cluster knows of itself (brokers, topics, leaders, configs, producer ids given out) is the fold of
//! one log of [`records`]. [`Controller`] decides about requests, one file a request, and learns only by
//! [`replay`]; whoever hosts it appends the records, makes them durable and then delivers the replies. Today that is
//! one node with a file; a quorum of them can take its place without a change here.

mod allocate_producer_ids;
mod alter_configs;
mod broker_heartbeat;
mod config_change;
mod create_partitions;
mod create_topics;
mod delete_topics;
mod dice;
mod found;
mod incremental_alter_configs;
mod leadership;
mod machine;
mod partition_assignment;
mod placement;
mod refusal;
mod register_broker;
mod settings;

pub mod features;
pub mod frame;
pub mod group_config;
pub mod records;
pub mod replay;
pub mod snapshot;
pub mod topic_name;

pub use allocate_producer_ids::PRODUCER_ID_BLOCK;
pub use found::Founding;
pub use machine::{Controller, Replicas, Reply, Request};
pub use refusal::Refusal;
pub use settings::Settings;
