//! In one leader epoch of a partition one broker leads.

use super::violated;
use crate::run::Cluster;
use model::{LeaderEpoch, NodeId, PartitionId, Uuid};
use std::collections::BTreeMap;

/// Who was seen to lead.
#[derive(Default)]
pub struct OneLeaderAnEpoch {
    leaders: BTreeMap<(Uuid, PartitionId, LeaderEpoch), NodeId>,
}

impl OneLeaderAnEpoch {
    /// Looks at every partition of every broker.
    pub fn check(&mut self, cluster: &Cluster) {
        for (server, broker) in cluster.brokers() {
            for topic in broker.partitions.topics() {
                for partition in topic.online().filter(|partition| partition.leads()) {
                    let epoch = partition.leader_epoch();
                    let key = (topic.id, partition.topic_partition.partition, epoch);
                    let leader = *self.leaders.entry(key).or_insert(server.id);
                    if leader != server.id {
                        let name = &partition.topic_partition;
                        violated!("nodes {leader} and {} both lead {name} in leader epoch {epoch}", server.id);
                    }
                }
            }
        }
    }
}
