//! Stories of the controller, each on a cluster in memory that checks after every request that its log, read by a
//! fresh machine, gives equal hard state.

mod brokers;
mod cluster;
mod configs;
mod create_partitions;
mod create_topics;
mod delete_topics;
mod golden_bytes;
mod nodes;
mod random_clusters;
