//! What the cluster and its brokers say of themselves.

use super::Admin;
use crate::error::{Result, check};
use crate::metadata::BrokerView;
use crate::retries::Call;
use model::{NodeId, TopicPartition};
use protocol::messages::describe_log_dirs::DescribeLogDirsResult;
use protocol::messages::{DescribeClusterRequest, DescribeLogDirsRequest};

/// The cluster as one of its brokers sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDescription {
    /// Its id.
    pub cluster_id: String,
    /// The broker that administration is sent to; -1 when there is none.
    pub controller_id: NodeId,
    /// The brokers by number; also those that are fenced, where the cluster tells of them (KIP-1073).
    pub brokers: Vec<DescribedBroker>,
}

/// A broker as the cluster sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedBroker {
    /// Its number.
    pub node: NodeId,
    /// Where it is.
    pub view: BrokerView,
    /// Whether it may not lead, because it has not been heard of, or not yet.
    pub is_fenced: bool,
}

/// A log directory of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDirectoryView {
    /// Its path there.
    pub path: String,
    /// Bytes of its volume; -1 when not told.
    pub total_bytes: i64,
    /// Bytes left there; -1 when not told.
    pub usable_bytes: i64,
    /// The replicas in it.
    pub replicas: Vec<ReplicaSize>,
}

/// A replica in a log directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaSize {
    /// Of which partition.
    pub topic_partition: TopicPartition,
    /// Bytes of its log.
    pub bytes: i64,
    /// Offsets it is behind.
    pub offset_lag: i64,
    /// Whether it is being moved here and will take the place of another.
    pub is_future: bool,
}

/// The first version of DescribeCluster that tells of fenced brokers.
const TELLS_OF_FENCED: i16 = 2;

impl Admin {
    /// The cluster's id and brokers.
    ///
    /// # Errors
    /// No broker answered.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription> {
        let mut retries = self.cluster.retries(Call::Question);
        loop {
            let attempt = async {
                let connection = self.cluster.any().await?;
                let version = connection.version_of::<DescribeClusterRequest>(i16::MAX)?;
                let include_fenced_brokers = version >= TELLS_OF_FENCED;
                let request = DescribeClusterRequest { include_fenced_brokers, ..Default::default() };
                let answer = connection.start(&request, version)?.wait().await?;
                check(|| "describing the cluster".to_owned(), answer.error_code, answer.error_message.as_deref())?;
                let broker = |b: &protocol::messages::describe_cluster::DescribeClusterBroker| DescribedBroker {
                    node: b.broker_id,
                    view: BrokerView {
                        host: b.host.to_string(),
                        port: b.port,
                        rack: b.rack.as_deref().map(str::to_owned),
                    },
                    is_fenced: b.is_fenced,
                };
                let mut brokers: Vec<_> = answer.brokers.iter().map(broker).collect();
                brokers.sort_by_key(|broker| broker.node);
                let cluster_id = answer.cluster_id.to_string();
                Ok(ClusterDescription { cluster_id, controller_id: answer.controller_id, brokers })
            };
            if let Some(result) = retries.attempt(attempt).await {
                return result;
            }
        }
    }

    /// The log directories of a broker with all their replicas. For each directory: it may have failed.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn describe_log_directories(&self, node: NodeId) -> Result<Vec<(String, Result<LogDirectoryView>)>> {
        let mut retries = self.cluster.retries(Call::Question);
        loop {
            let attempt = async {
                let connection = self.broker(node).await?;
                let answer = connection.call(&DescribeLogDirsRequest { topics: None, ..Default::default() }).await?;
                check(|| format!("describing log directories of broker {node}"), answer.error_code, None)?;
                Ok(answer.results.iter().map(|result| (result.log_dir.to_string(), directory(result))).collect())
            };
            if let Some(result) = retries.attempt(attempt).await {
                return result;
            }
        }
    }
}

fn directory(result: &DescribeLogDirsResult) -> Result<LogDirectoryView> {
    check(|| format!("describing log directory {}", result.log_dir), result.error_code, None)?;
    let replicas = result.topics.iter().flat_map(|topic| {
        let name: std::sync::Arc<str> = (&*topic.name).into();
        topic.partitions.iter().map(move |partition| ReplicaSize {
            topic_partition: TopicPartition::new(name.clone(), partition.partition_index),
            bytes: partition.partition_size,
            offset_lag: partition.offset_lag,
            is_future: partition.is_future_key,
        })
    });
    Ok(LogDirectoryView {
        path: result.log_dir.to_string(),
        total_bytes: result.total_bytes,
        usable_bytes: result.usable_bytes,
        replicas: replicas.collect(),
    })
}
