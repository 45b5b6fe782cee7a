//! Cluster metadata: topics, partitions, configs
