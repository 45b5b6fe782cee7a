//! Administration: topics, configs, offsets, and what the cluster says of itself.
//!
//! A call that asks about several things answers for each: the outer error is of the call, the inner ones are of the
//! things. What must not be done twice is sent again only while it surely was not done.

mod configs;
mod describe;
mod records;
mod topics;

pub use configs::{ConfigChange, ConfigEntry, ConfigOperation, ConfigResource, ConfigSynonym, ResourceKind};
pub use describe::{ClusterDescription, DescribedBroker, LogDirectoryView, ReplicaSize};
pub use topics::{CreatedTopic, NewTopic};

use crate::cluster::Cluster;

/// Administers a cluster. A clone is the same.
#[derive(Clone, Debug)]
pub struct Admin {
    cluster: Cluster,
}

impl Admin {
    /// Administers `cluster`.
    pub fn new(cluster: &Cluster) -> Admin {
        Admin { cluster: cluster.clone() }
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }
}
