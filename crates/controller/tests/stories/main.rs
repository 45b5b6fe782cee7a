//! Stories of the controller, each on a cluster in memory that checks after every request that its log, read by a
//! fresh machine, gives equal hard state.

mod alter_partition;
mod brokers;
mod cluster;
mod configs;
mod create_partitions;
mod create_topics;
mod delete_topics;
mod departures;
mod directories;
mod elections;
mod eligible_leaders;
mod features;
mod full_replicas;
mod golden_bytes;
mod nodes;
mod random_clusters;
mod reassignments;
mod sessions;
mod size;
