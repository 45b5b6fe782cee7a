//! What is asked of a cluster to judge its health.

use client::admin::{
    ClusterDescription, ConfigResource, DescribedPartition, DescribedTopic, LogDirectoryView, QuorumDescription,
};
use client::{Admin, Cluster, Result};
use model::NodeId;
use std::collections::BTreeMap;

/// The log directories of a broker: each may have failed.
pub type Directories = Vec<(String, Result<LogDirectoryView>)>;

/// What was answered; a part that could not be found out has its error.
#[derive(Debug)]
pub struct Survey {
    pub cluster: ClusterDescription,
    pub quorum: Result<QuorumDescription>,
    pub topics: Result<Vec<DescribedTopic>>,
    /// `min.insync.replicas` of the topics with partitions that have lost replicas.
    pub min_in_sync: BTreeMap<String, usize>,
    /// Of the brokers that are not fenced.
    pub directories: BTreeMap<NodeId, Result<Directories>>,
}

impl Survey {
    /// Asks.
    ///
    /// # Errors
    /// No broker answers at all.
    pub async fn of(cluster: &Cluster) -> Result<Survey> {
        let admin = Admin::new(cluster);
        let described = admin.describe_cluster().await?;
        let topics = admin.describe_partitions(None).await;
        let topics = topics.map(|topics| topics.into_values().filter_map(Result::ok).collect::<Vec<_>>());
        let mut min_in_sync = BTreeMap::new();
        for topic in topics.iter().flatten().filter(|topic| topic.partitions.iter().any(has_lost_replicas)) {
            if let Some(minimum) = minimum_of(&admin, &topic.name).await {
                min_in_sync.insert(topic.name.to_string(), minimum);
            }
        }
        let mut directories = BTreeMap::new();
        for broker in described.brokers.iter().filter(|broker| !broker.is_fenced) {
            directories.insert(broker.node, admin.describe_log_directories(broker.node).await);
        }
        let quorum = admin.describe_quorum().await;
        Ok(Survey { cluster: described, quorum, topics, min_in_sync, directories })
    }

    /// Every partition with the name of its topic.
    pub fn partitions(&self) -> impl Iterator<Item = (&str, &DescribedPartition)> {
        let topics = self.topics.iter().flatten();
        topics.flat_map(|topic| topic.partitions.iter().map(|partition| (&*topic.name, partition)))
    }
}

/// Whether fewer replicas are in sync than there are.
pub fn has_lost_replicas(partition: &DescribedPartition) -> bool {
    partition.in_sync.len() < partition.replicas.len()
}

async fn minimum_of(admin: &Admin, topic: &str) -> Option<usize> {
    let key = "min.insync.replicas";
    let configs = admin.describe_configs(&ConfigResource::topic(topic), Some(&[key]), false).await.ok()?;
    configs.iter().find(|config| config.name == key)?.value.as_deref()?.parse().ok()
}
