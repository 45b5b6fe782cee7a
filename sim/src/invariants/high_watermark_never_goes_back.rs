//! What a replica takes for committed it takes for committed as long as its log stays open: a high watermark that goes back
//! has shown records, to whoever reads from this replica, that were never there. Of the topics that may never lose anything.

use super::violated;
use crate::run::Cluster;
use model::Uuid;
use std::collections::BTreeSet;

/// Looks at every partition, of the topics in `firm`, of every broker.
pub fn check(cluster: &Cluster, firm: &BTreeSet<Uuid>) {
    for (server, broker) in cluster.brokers() {
        for topic in broker.partitions.topics().iter().filter(|topic| firm.contains(&topic.id)) {
            for partition in topic.online().filter(|partition| partition.high_watermark_regressions() > 0) {
                let (name, now) = (&partition.topic_partition, partition.high_watermark());
                violated!("the high watermark of {name} at node {} went back; now it is {now}", server.id);
            }
        }
    }
}
