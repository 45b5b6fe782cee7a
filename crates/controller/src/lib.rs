//! The controller: the one machine that changes the cluster's metadata.
//!
//! Everything the cluster knows of itself (brokers, topics, leaders, configs, producer ids given out) is the fold of
//! one log of [`records`]. [`Controller`] decides about requests, one file a request, and learns only by
//! [`replay`]; whoever hosts it appends the records, makes them durable and then delivers the replies. All that one
//! decision writes is one entry of the log: it counts together or not at all, and shares one offset.
//!
//! Who may lead a partition is decided in one place, [`settle`], whatever the reason to ask: a broker came or went, a
//! leader wants another ISR, replicas move, a config changed.

mod allocate_producer_ids;
mod alter_configs;
mod alter_partition;
mod alter_partition_reassignments;
mod assign_replicas_to_dirs;
mod broker_heartbeat;
mod claims;
mod config_change;
mod create_partitions;
mod create_topics;
mod delete_topics;
mod elect_leaders;
mod fencing;
mod found;
mod full_replicas;
mod incremental_alter_configs;
mod leader_rebalance;
mod list_partition_reassignments;
mod machine;
mod offline_directories;
mod partition_assignment;
mod partition_draft;
mod placement;
mod refusal;
mod register_broker;
mod replica_index;
mod reported_replicas;
mod sessions;
mod settings;
mod settle;
mod topic_rules;
mod unregister_broker;
mod unusable_replicas;
mod update_features;

pub mod features;
pub mod frame;
pub mod group_config;
pub mod records;
pub mod replay;
pub mod snapshot;
pub mod topic_name;

pub use allocate_producer_ids::PRODUCER_ID_BLOCK;
pub use found::Founding;
pub use list_partition_reassignments::list_partition_reassignments;
pub use machine::{Controller, Replicas, Reply, Request};
pub use refusal::Refusal;
pub use settings::Settings;
