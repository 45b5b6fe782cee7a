//! What a group coordinator knows is what its log says, however often that was compacted: a new coordinator would learn
//! the same.

use super::violated;
use crate::run::Cluster;
use broker::Comparison;
use model::{NodeId, PartitionId};
use runtime::simulation::stream;
use runtime::time::{Duration, sleep};

/// A log is read from its start, so this is looked at more rarely than the rest.
const EVERY: (Duration, Duration) = (Duration::from_millis(1000), Duration::from_millis(3000));

/// Checks for ever.
pub async fn watch(cluster: Cluster) {
    let mut dice = stream("invariants of groups");
    loop {
        sleep(dice.duration(EVERY.0, EVERY.1)).await;
        compare(&cluster).await;
    }
}

/// Has every coordinator read its log again. Gives how many could be compared.
pub async fn compare(cluster: &Cluster) -> usize {
    let mut compared = 0;
    for server in cluster.servers.iter() {
        let Some(broker) = server.broker() else { continue };
        let broker = std::sync::Arc::downgrade(&broker);
        let asking = async move {
            match broker.upgrade() {
                Some(broker) => broker.replay_check().await,
                None => Vec::new(),
            }
        };
        let Ok(found) = server.node.spawn("invariant has groups read their log", asking).await else { continue };
        for (partition, comparison) in found {
            compared += usize::from(judge(server.id, partition, comparison));
        }
    }
    compared
}

fn judge(node: NodeId, partition: PartitionId, comparison: Comparison) -> bool {
    match comparison {
        Comparison::Equal => true,
        Comparison::Unknown => false,
        Comparison::Differs(how) => {
            violated!("the coordinator of partition {partition} on node {node} knows other things than its log: {how}");
        }
    }
}
