//! Administration: topics, configs, offsets, leaders, replicas, features, and what the cluster says of itself.
//!
//! A call that asks about several things answers for each: the outer error is of the call, the inner ones are of the
//! things. What must not be done twice is sent again only while it surely was not done.

mod brokers;
mod configs;
mod describe;
mod elections;
mod features;
mod group_offsets;
mod groups;
mod partitions;
mod quorum;
mod reassignments;
mod records;
mod rounds;
mod topics;

pub use configs::{ConfigChange, ConfigEntry, ConfigOperation, ConfigResource, ConfigSynonym, ResourceKind};
pub use describe::{ClusterDescription, DescribedBroker, LogDirectoryView, ReplicaSize};
pub use elections::Election;
pub use features::{FeatureChange, FeatureLevels};
pub use groups::{DescribedGroup, GroupMember, ListedGroup, ListedGroups};
pub use partitions::{DescribedPartition, DescribedTopic};
pub use quorum::{QuorumDescription, QuorumReplica};
pub use reassignments::{OngoingReassignment, Reassignment};
pub use topics::{CreatedTopic, NewTopic};

use crate::cluster::Cluster;
use crate::connection::Connection;
use crate::error::{ClientError, Result};
use crate::metadata::Wanted;
use model::{ErrorCode, NodeId};

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

    async fn broker(&self, node: NodeId) -> Result<Connection> {
        if !self.cluster.view().brokers.contains_key(&node) {
            self.cluster.refresh(Wanted::Brokers).await?;
        }
        if !self.cluster.view().brokers.contains_key(&node) {
            return Err(ClientError::Invalid(format!("there is no broker {node}")));
        }
        self.cluster.node(node).await
    }

    /// When the broker that was asked turns out not to serve administration, finds out who does, for the next time.
    async fn learn<T>(&self, result: Result<T>) -> Result<T> {
        if result.as_ref().is_err_and(|error| error.error_code() == Some(ErrorCode::NotController)) {
            let _ = self.cluster.refresh(Wanted::Brokers).await; // the answer is not to be hidden
        }
        result
    }
}
